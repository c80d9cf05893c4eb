"""What the contracts hold, asked one view at a time. Typed results; never sends, never caches, knows no table."""

from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import encode as abi_encode

from market.chain import submit
from market.chain.bindings import decode_result, encode_call
from market.chain.deployment import Deployment
from market.chain.errors import ContractRevert, UnknownRevert
from market.chain.logs import genesis_hash, latest_header
from market.chain.reorg import check_genesis
from market.chain.submit import Call
from market.chain.transport import Transport
from market.chain.values import BlockHeader, Bond, Challenge, CourtPolicy, Escrow, Verifier
from market.protocol.errors import CommonwattError
from market.protocol.typed import ZERO_ADDRESS

# The selector of isValidSignature(bytes32,bytes) is also what it returns when the signature is good.
_IS_VALID_SIGNATURE: Final = bytes.fromhex("1626ba7e")


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongChain(CommonwattError):
    """The node serves another chain id than the deployment's."""

    expected_chain_id: int
    found_chain_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractMissing(CommonwattError):
    """There is no code where the deployment says a contract stands."""

    contract: str
    address: str


class ChainReader:
    """Typed reads of one deployment through one transport."""

    def __init__(self, transport: Transport, deployment: Deployment) -> None:
        self.transport = transport
        self.deployment = deployment

    async def check_chain(self) -> None:
        """Raise WrongChain, ChainReplaced or ContractMissing unless the node serves this deployment."""
        chain_id = int(await self.transport.request("eth_chainId"), 16)
        if chain_id != self.deployment.chain_id:
            raise WrongChain(expected_chain_id=self.deployment.chain_id, found_chain_id=chain_id)
        check_genesis(expected=self.deployment.genesis_hash, found=await genesis_hash(self.transport))
        for name, address in self.deployment.addresses.items():
            if await self.transport.request("eth_getCode", [address, "latest"]) in {"0x", None}:
                raise ContractMissing(contract=name, address=address)

    async def latest_block(self) -> BlockHeader:
        return await latest_header(self.transport)

    async def view(self, contract: str, function: str, *arguments: Any) -> Any:
        """Return the decoded result of one view; raises ContractRevert, RpcError or ChainUnreachable."""
        call = Call(to=self.deployment.addresses[contract], data=encode_call(contract, function, *arguments))
        data = await submit.simulate(self.transport, call, sender=ZERO_ADDRESS)
        return decode_result(contract, function, data)

    async def job_hash(self, job_id: bytes) -> bytes:
        """Return keccak256 of the job's record; 32 zero bytes for a job that was never opened."""
        return bytes(await self.view("Jobs", "jobHashOf", job_id))

    async def escrow(self, account: str) -> Escrow:
        escrow: Escrow = await self.view("Jobs", "escrowOf", account)
        return escrow

    async def job_credit_wei(self, account: str) -> int:
        """Return what `Jobs.claim` would pay."""
        return int(await self.view("Jobs", "creditOf", account))

    async def idle_bond_wei(self, account: str) -> int:
        """Return stake that is locked in Bonds and answers for no job: taken first by the account's next match."""
        return int(await self.view("Jobs", "idleBondOf", account))

    async def voided(self, job_id: bytes, match_index: int) -> tuple[int, int]:
        """Return a match's voided units and what was slashed for them, in wei."""
        units, slashed_wei = await self.view("Jobs", "voidedOf", job_id, match_index)
        return int(units), int(slashed_wei)

    async def offer_floor(self, provider: str) -> int:
        """Return the nonce below which the provider's offers are void."""
        return int(await self.view("Jobs", "offerFloorOf", provider))

    async def bond(self, account: str) -> Bond:
        bond: Bond = await self.view("Bonds", "bondOf", account)
        return bond

    async def bond_credit_wei(self, account: str) -> int:
        """Return what `Bonds.claim` would pay: compensation and committee fees."""
        return int(await self.view("Bonds", "creditOf", account))

    async def challenge_of(self, challenge_id: int) -> Challenge:
        challenge: Challenge = await self.view("Disputes", "challengeOf", challenge_id)
        return challenge

    async def committee(self, challenge_id: int) -> tuple[str, ...]:
        members: tuple[str, ...] = await self.view("Disputes", "committeeOf", challenge_id)
        return members

    async def open_challenges(self, job_id: bytes) -> int:
        return int(await self.view("Disputes", "openChallengesOf", job_id))

    async def is_enrolled(self, verifier: str) -> bool:
        return bool(await self.view("Disputes", "isEnrolled", verifier))

    async def verifier(self, account: str) -> Verifier:
        """Return a verifier's standing; all zero for an account that is not enrolled."""
        verifier: Verifier = await self.view("Disputes", "verifierOf", account)
        return verifier

    async def verifiers(self, fingerprint: bytes) -> tuple[str, ...]:
        """Return the pool that committees for this machine fingerprint are drawn from."""
        pool: tuple[str, ...] = await self.view("Disputes", "verifiersOf", fingerprint)
        return pool

    async def court_policy(self) -> CourtPolicy:
        policy: CourtPolicy = await self.view("Disputes", "policy")
        return policy

    async def challenge_lock_wei(self) -> int:
        """Return what a challenger must have free in Bonds."""
        return int(await self.view("Disputes", "challengeLockWei"))

    async def token_balance_wei(self, account: str) -> int:
        return int(await self.view("PayoutToken", "balanceOf", account))

    async def token_supply_wei(self) -> int:
        return int(await self.view("PayoutToken", "totalSupply"))

    async def allowance_wei(self, owner: str, spender: str) -> int:
        return int(await self.view("PayoutToken", "allowance", owner, spender))

    async def gas_balance_wei(self, account: str) -> int:
        """Return the chain's own currency, of which gas is paid."""
        return int(await self.transport.request("eth_getBalance", [account, "latest"]), 16)

    async def is_contract_signature(self, signer: str, digest: bytes, signature: bytes) -> bool:
        """Return whether a contract wallet says by ERC-1271 that the signature is its own; False for a bare address."""
        return await is_contract_signature(self.transport, signer, digest, signature)


async def is_contract_signature(transport: Transport, signer: str, digest: bytes, signature: bytes) -> bool:
    """Return whether the contract at `signer` vouches for the signature by ERC-1271; False for a bare address."""
    data = _IS_VALID_SIGNATURE + abi_encode(["bytes32", "bytes"], [digest, signature])
    try:
        answer = await submit.simulate(transport, Call(to=signer, data=data), sender=ZERO_ADDRESS)
    except (ContractRevert, UnknownRevert):
        return False
    return len(answer) == 32 and answer[:4] == _IS_VALID_SIGNATURE
