"""The contracts as verbs, for a wallet that sends its own transactions: provider, verifier, buyer, or anyone's claim.

Every send is simulated first, raises the decoded revert, and returns when it is mined. The market's operator never
sends through here: its outbox stores signed bytes before they are broadcast.
"""

from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode as abi_encode
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from market.chain import games
from market.chain.bindings import decode_logs, encode_call
from market.chain.deployment import Deployment
from market.chain.games import Accusation, Table
from market.chain.logs import BlockVanished, header_by_hash
from market.chain.permits import Permit, sign_permit
from market.chain.reads import ChainReader
from market.chain.submit import Call
from market.chain.transport import Transport
from market.chain.values import ChainEvent, TransactionReceipt
from market.chain.wallet import WAIT_SECONDS, Wallet
from market.protocol.errors import CommonwattError
from market.protocol.exact.game_moves import Frame, Move
from market.protocol.jobs import JobRecord, charge_tuple
from market.protocol.typed import Receipt
from market.protocol.wire import ChallengeCase

PERMIT_SECONDS = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class NoWallet(CommonwattError):
    """This gateway can only read: it was made without an account."""

    act: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A mined act: its transaction, what it cost, and our events in it, in order."""

    tx_hash: bytes
    gas_used: int
    block_number: int
    events: tuple[ChainEvent, ...]

    def event(self, name: str) -> ChainEvent | None:
        """Return the first event of that name."""
        return next((event for event in self.events if event.name == name), None)


def vote_hash(*, trace_root: bytes, salt: bytes, member: str) -> bytes:
    """Return a committee member's hidden vote, as Disputes recomputes it at the reveal."""
    return bytes(keccak(abi_encode(["bytes32", "bytes32", "address"], [trace_root, salt, member])))


class ChainGateway(ChainReader):
    """Reads and sends for one deployment."""

    def __init__(
        self,
        transport: Transport,
        deployment: Deployment,
        account: LocalAccount | None = None,
        *,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        """Without an account only reads work. Raises DevKeyRefused for a development key off the dev chain."""
        super().__init__(transport, deployment)
        self._wallet = (
            Wallet(transport, account, chain_id=deployment.chain_id, wait_seconds=wait_seconds) if account else None
        )

    @property
    def address(self) -> str:
        return self._wallet_for("address").address

    @property
    def account(self) -> LocalAccount:
        """The key that signs; raises NoWallet."""
        return self._wallet_for("account").account

    async def send(self, contract: str, function: str, *arguments: Any) -> Sent:
        """Send any act of the six contracts and wait for it.

        Raises ContractRevert or UnknownRevert, TransactionNotMined, BroadcastRefused, RpcError, ChainUnreachable.
        """
        call = Call(to=self.deployment.addresses[contract], data=encode_call(contract, function, *arguments))
        return await self._sent(await self._wallet_for(function).send(call))

    async def send_gas(self, to: str, amount_wei: int) -> Sent:
        """Transfer the chain's own currency."""
        return await self._sent(await self._wallet_for("send_gas").send(Call(to=to, data=b"", value_wei=amount_wei)))

    async def transfer(self, to: str, amount_wei: int) -> Sent:
        return await self.send("PayoutToken", "transfer", to, amount_wei)

    async def approve(self, spender: str, amount_wei: int) -> Sent:
        return await self.send("PayoutToken", "approve", spender, amount_wei)

    async def permit(self, spender: str, amount_wei: int) -> Permit:
        """Sign, without sending anything, a permit for `spender`, good for an hour of chain time."""
        nonce = int(await self.view("PayoutToken", "nonces", self.address))
        deadline = (await self.latest_block()).timestamp + PERMIT_SECONDS
        return sign_permit(
            self.account, self.deployment, spender=spender, amount_wei=amount_wei, nonce=nonce, deadline=deadline
        )

    async def deposit_bond(self, amount_wei: int) -> Sent:
        """Add to this wallet's stake, by permit: one transaction."""
        permit = await self.permit(self.deployment.bonds, amount_wei)
        return await self.send("Bonds", "depositWithPermit", amount_wei, permit.deadline, permit.v, permit.r, permit.s)

    async def begin_unbond(self, amount_wei: int) -> Sent:
        return await self.send("Bonds", "beginUnbond", amount_wei)

    async def withdraw_bond(self) -> Sent:
        return await self.send("Bonds", "withdraw")

    async def deposit_escrow(self, amount_wei: int) -> Sent:
        """Add to this wallet's free escrow, by permit: one transaction."""
        return await self.relay_escrow(await self.permit(self.deployment.jobs, amount_wei))

    async def relay_escrow(self, permit: Permit) -> Sent:
        """Add the permit owner's escrow; this wallet pays the gas."""
        return await self.send(
            "Jobs",
            "depositWithPermit",
            permit.owner,
            permit.amount_wei,
            permit.deadline,
            permit.v,
            permit.r,
            permit.s,
        )

    async def withdraw_escrow(self, amount_wei: int) -> Sent:
        return await self.send("Jobs", "withdraw", amount_wei)

    async def revoke_offers(self, below_nonce: int) -> Sent:
        return await self.send("Jobs", "revokeOffers", below_nonce)

    async def release_bond(self) -> Sent:
        """Unlock in Bonds what finished jobs have left idle for this provider's next ones."""
        return await self.send("Jobs", "releaseBond")

    async def enroll(self, fingerprint: bytes) -> Sent:
        """Join the verifiers of one machine fingerprint; locks the verifier bond."""
        return await self.send("Disputes", "enroll", fingerprint)

    async def retire(self) -> Sent:
        return await self.send("Disputes", "retire")

    async def challenge(self, case: ChallengeCase) -> Sent:
        """Challenge the receipt of a case; the ChallengeRaised event in the result carries the challenge id."""
        return await self.send("Disputes", "challenge", _charge(case))

    async def challenge_exact(self, case: ChallengeCase, claim: Any, *, contests_input: bool) -> Sent:
        """Challenge a receipt of exact work. claim: terms, json_hash, plan and path, as in the Solidity struct."""
        return await self.send("Disputes", "challengeExact", _charge(case), claim, contests_input)

    async def accusations(self, account: str, *, since_block: int) -> list[Accusation]:
        """Return the challenges raised by an account, or against its work, from a block on, oldest first."""
        return await games.accusations(self, account, since_block=since_block)

    async def game_table(self, challenge_id: int, opened: Frame) -> Table | None:
        """Return where a game stands; None once it is over, and for a challenge without a game."""
        move_seconds = int(await self.view("Games", "moveSeconds"))
        return await games.table_of(self, challenge_id, opened, move_seconds=move_seconds)

    async def make_move(self, challenge_id: int, move: Move) -> Sent:
        """Play a move, or have a clock called that ran out."""
        function, arguments = games.call_of(challenge_id, move)
        return await self.send("Games", function, *arguments)

    async def draw(self, challenge_id: int) -> Sent:
        return await self.send("Disputes", "draw", challenge_id)

    async def vote(self, challenge_id: int, *, trace_root: bytes, salt: bytes) -> Sent:
        """Cast this wallet's hidden vote; keep the salt for `reveal`."""
        hidden = vote_hash(trace_root=trace_root, salt=salt, member=self.address)
        return await self.send("Disputes", "vote", challenge_id, hidden)

    async def reveal(self, challenge_id: int, *, trace_root: bytes, salt: bytes) -> Sent:
        return await self.send("Disputes", "reveal", challenge_id, trace_root, salt)

    async def resolve(self, challenge_id: int) -> Sent:
        return await self.send("Disputes", "resolve", challenge_id)

    async def claim_jobs(self, account: str | None = None) -> Sent:
        """Pay an account (by default this wallet's) all its pay for verified work."""
        return await self.send("Jobs", "claim", account or self.address)

    async def claim_bonds(self, account: str | None = None) -> Sent:
        """Pay an account (by default this wallet's) its compensation and committee fees."""
        return await self.send("Bonds", "claim", account or self.address)

    def _wallet_for(self, act: str) -> Wallet:
        if self._wallet is None:
            raise NoWallet(act=act)
        return self._wallet

    async def _sent(self, receipt: TransactionReceipt) -> Sent:
        header = await header_by_hash(self.transport, receipt.block_hash)
        if header is None:
            raise BlockVanished(block_hash="0x" + receipt.block_hash.hex())
        return Sent(
            tx_hash=receipt.tx_hash,
            gas_used=receipt.gas_used,
            block_number=receipt.block_number,
            events=decode_logs(self.deployment, receipt.logs, block_timestamp=header.timestamp),
        )


def _charge(case: ChallengeCase) -> tuple[Any, ...]:
    job, receipt = JobRecord.from_json(case.job), Receipt.from_json(case.receipt)
    return charge_tuple(job, case.match_index, receipt, bytes.fromhex(case.signature.removeprefix("0x")))
