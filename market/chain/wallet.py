"""One key that sends its own transactions: simulate, take a nonce, sign, broadcast, wait for the receipt.

For wallets whose only sender is this process (provider, verifier, buyer, deployer). The market's operator key is not
one: its outbox stores signed bytes first. Reverts are raised decoded, before a nonce is spent wherever possible.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from eth_account.signers.local import LocalAccount

from market.chain import submit
from market.chain.devkeys import refuse_dev_key
from market.chain.nonce import NonceKeeper
from market.chain.submit import Broadcast, Call, SignedTransaction
from market.chain.transport import Transport
from market.chain.values import TransactionReceipt
from market.protocol.errors import CommonwattError

POLL_SECONDS: Final = 0.02
WAIT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionNotMined(CommonwattError):
    """The transaction was broadcast but has no receipt yet."""

    tx_hash: str
    waited_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionReverted(CommonwattError):
    """The transaction was mined and failed, and a replay does not say why."""

    tx_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BroadcastRefused(CommonwattError):
    """The node did not take the transaction: another one holds its nonce."""

    tx_hash: str
    outcome: str


class Wallet:
    """A key, its nonces and a node."""

    def __init__(
        self, transport: Transport, account: LocalAccount, *, chain_id: int, wait_seconds: float = WAIT_SECONDS
    ) -> None:
        """Raises DevKeyRefused for a development key on another chain than the dev chain."""
        refuse_dev_key(account.address, chain_id)
        self._transport = transport
        self._account = account
        self._chain_id = chain_id
        self._wait_seconds = wait_seconds
        self._nonces = NonceKeeper(lambda: submit.pending_count(transport, account.address))

    @property
    def address(self) -> str:
        return str(self._account.address)

    @property
    def account(self) -> LocalAccount:
        return self._account

    async def send(self, call: Call) -> TransactionReceipt:
        """Send one call and wait for its receipt.

        Raises ContractRevert or UnknownRevert when the contract refuses, TransactionNotMined after the wait,
        BroadcastRefused, RpcError, ChainUnreachable.
        """
        await submit.simulate(self._transport, call, sender=self.address)
        gas = await submit.estimate_gas(self._transport, call, sender=self.address)
        fees = await submit.current_fees(self._transport)
        async with self._nonces.take() as nonce:
            signed = submit.sign_call(
                call, account=self._account, chain_id=self._chain_id, nonce=nonce, gas=gas, fees=fees
            )
            outcome = await submit.broadcast(self._transport, signed.raw)
        try:
            return await self._wait(call, signed, outcome)
        finally:
            self._nonces.release(nonce)

    async def _wait(self, call: Call, signed: SignedTransaction, outcome: Broadcast) -> TransactionReceipt:
        if outcome not in {Broadcast.ACCEPTED, Broadcast.KNOWN}:
            raise BroadcastRefused(tx_hash="0x" + signed.hash.hex(), outcome=outcome.value)
        started = time.monotonic()
        while time.monotonic() - started < self._wait_seconds:
            receipt = await submit.receipt_of(self._transport, signed.hash)
            if receipt is not None and receipt.succeeded:
                return receipt
            if receipt is not None:
                await self._explain(call, receipt)
            await asyncio.sleep(POLL_SECONDS)
        raise TransactionNotMined(tx_hash="0x" + signed.hash.hex(), waited_seconds=self._wait_seconds)

    async def _explain(self, call: Call, receipt: TransactionReceipt) -> None:
        """Raise why a mined transaction failed: replayed on the state before its block, then by its bare hash."""
        await submit.simulate(self._transport, call, sender=self.address, block=hex(receipt.block_number))
        raise TransactionReverted(tx_hash="0x" + receipt.tx_hash.hex())
