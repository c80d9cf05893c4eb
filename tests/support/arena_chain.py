"""The arena's other referee: contracts on a real chain, every move a signed transaction, its gas counted.

Decides that the contracts and the Python twin are asked the same at every move: what one refuses the other must refuse
by the same name, and after every move both must stand at the same place. A disagreement is an AssertionError.
"""

import asyncio
import hashlib
import itertools
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from eth_account import Account
from eth_account.signers.local import LocalAccount

from market.chain import devnet
from market.chain.anvil import Anvil, start_anvil, stop_process
from market.chain.bindings import decode_logs, decode_result, encode_call
from market.chain.deploy import deploy
from market.chain.deployment import Deployment
from market.chain.devkeys import DEPLOYER, OPERATOR, dev_account
from market.chain.errors import ContractRevert, revert_in
from market.chain.fees import Fees
from market.chain.games import call_of
from market.chain.gateway import ChainGateway
from market.chain.parameters import DEVNET, TOKEN_WEI
from market.chain.submit import Call, sign_call
from market.chain.transport import HttpTransport, RpcError, result_of
from market.chain.values import Bond, ChainEvent, Challenge, Game
from market.protocol import jobs as records
from market.protocol import merkle
from market.protocol.errors import CommonwattError
from market.protocol.exact import game_moves as moves
from market.protocol.exact.commit import unit_leaf
from market.protocol.exact.game import GamePosition
from market.protocol.exact.game_moves import Move
from market.protocol.exact.terms import ExactTerms
from market.protocol.jobs import JobRecord, MatchEntry, WorkDone, charge_tuple, encode_work
from market.protocol.receipts import receipt_leaf
from market.protocol.specs import UnitPlan
from market.protocol.typed import Bid, Offer, Receipt, digest, sign
from market.protocol.words import EnergySource, ExecutionClass, ReceiptKind, Side
from tests.support.arena import Arena, Claim

FINGERPRINT: Final = bytes.fromhex("e1" * 32)
GIGAFLOPS: Final = 10
UNIT_PRICE_WEI: Final = TOKEN_WEI // 10
BOND_WEI: Final = 75 * UNIT_PRICE_WEI
GAS: Final = 6_000_000
FEES: Final = Fees(max_fee_wei=50 * 10**9, max_priority_fee_wei=10**9)
_STANDING: Final = ("level", "mover", "deadline", "lo", "count", "total", "word", "step", "tail", "node", "verdict")
WINDOW_SECONDS: Final = 7 * 86_400


@dataclass(frozen=True, kw_only=True)
class ExactClaim:
    """What `Disputes.challengeExact` is shown of the job."""

    terms: ExactTerms
    json_hash: bytes
    plan: UnitPlan
    path: tuple[bytes, ...]


@dataclass(frozen=True, kw_only=True)
class Mined:
    gas: int
    events: tuple[ChainEvent, ...]

    def event(self, name: str) -> ChainEvent | None:
        return next((event for event in self.events if event.name == name), None)


class Court:
    """A chain of one's own with one committed exact job. rival: whoever challenges."""

    def __init__(self, anvil: Anvil, arena: Arena) -> None:
        self.anvil, self.arena = anvil, arena
        self._client, self._ids = httpx.Client(trust_env=False, timeout=30), itertools.count(1)
        self._nonces: dict[str, int] = {}
        self.buyer, self.provider, self.worker, self.rival = (Account.create() for _ in range(4))
        self.deployment, self.record = asyncio.run(self._set_up())

    # ---- the job

    async def _set_up(self) -> tuple[Deployment, JobRecord]:
        operator = dev_account(OPERATOR)
        async with HttpTransport(self.anvil.url) as transport:
            deployment = await deploy(transport, dev_account(DEPLOYER), operator=operator.address, parameters=DEVNET)
            for account in (self.buyer, self.provider, self.worker, self.rival):
                await devnet.fund(transport, deployment, account.address)
            buyer, provider, rival = (
                ChainGateway(transport, deployment, account) for account in (self.buyer, self.provider, self.rival)
            )
            market = ChainGateway(transport, deployment, operator)
            now = (await market.latest_block()).timestamp
            bid, offer = self._bid(operator.address, now), self._offer(now)
            await buyer.deposit_escrow(bid.budget_wei)
            await provider.deposit_bond(2 * BOND_WEI)
            await rival.deposit_bond(200 * TOKEN_WEI)
            return deployment, await self._committed(market, deployment, bid, offer)

    async def _committed(self, market: ChainGateway, deployment: Deployment, bid: Bid, offer: Offer) -> JobRecord:
        """Open, match and commit; a challenge needs a receipt that is signed, and units that count for its match."""
        signed = sign(bid, deployment.domain, self.buyer), [sign(offer, deployment.domain, self.provider)]
        await market.send("Jobs", "openAndMatch", bid, signed[0], b"", [offer], signed[1])
        entry = MatchEntry(provider=offer.provider, worker=offer.worker, unit_price_wei=UNIT_PRICE_WEI)
        record = records.matched(records.opened(bid), [entry])
        self.job_id = digest(bid, deployment.domain)
        receipts = [self._receipt(self.arena.honest.claim, unit) for unit in range(bid.units)]
        leaves = [receipt_leaf(digest(r, deployment.domain), sign(r, deployment.domain, self.worker)) for r in receipts]
        work = [WorkDone(match_index=0, units=bid.units, audits=0)]
        sent = await market.send("Jobs", "commit", record, merkle.root(leaves), encode_work(work))
        event = sent.event("ReceiptsCommitted")
        assert event is not None
        return records.committed(record, work, at=event.block_timestamp, voided_units=0)

    def _bid(self, operator: str, now: int) -> Bid:
        return Bid(
            buyer=self.buyer.address,
            operator=operator,
            spec_hash=self.arena.spec.hash(),
            units=self.arena.spec.unit_count,
            max_audits=1,
            unit_gigaflops=GIGAFLOPS,
            max_unit_price_wei=UNIT_PRICE_WEI,
            bond_wei=BOND_WEI,
            execution_class=ExecutionClass.EXACT,
            challenge_window_seconds=WINDOW_SECONDS,
            deadline=now + WINDOW_SECONDS,
            expiry=now + 600,
            nonce=secrets.randbits(128),
        )

    def _offer(self, now: int) -> Offer:
        return Offer(
            provider=self.provider.address,
            worker=self.worker.address,
            price_wei_per_gigaflop=UNIT_PRICE_WEI // GIGAFLOPS,
            fingerprint=FINGERPRINT,
            facts_hash=bytes(32),
            valid_until=now + WINDOW_SECONDS,
            nonce=1,
        )

    def _receipt(self, claim: Claim, unit: int = 0) -> Receipt:
        return Receipt(
            job_id=self.job_id,
            kind=ReceiptKind.WORK,
            unit=unit,
            attempt=1,
            provider=self.provider.address,
            worker=self.worker.address,
            input_root=claim.input_root,
            output_root=claim.output_root,
            trace_root=claim.trace_root,
            artifact=secrets.token_bytes(32),
            fingerprint=FINGERPRINT,
            price_wei=UNIT_PRICE_WEI,
            steps=self.arena.spec.steps_per_unit,
            started_at=1_700_000_000_000,
            finished_at=1_700_000_009_000,
            millijoules=0,
            energy_source=EnergySource.ESTIMATE,
        )

    # ---- acts

    def challenge(self, claim: Claim, unit: int = 0) -> Mined:
        """The worker signs a receipt of this claim, and the rival challenges it."""
        receipt, spec = self._receipt(claim, unit), self.arena.spec
        leaves = [unit_leaf(plan) for plan in spec.units()]
        shown = ExactClaim(
            terms=self.arena.job.terms,
            json_hash=hashlib.sha256(spec.encode()).digest(),
            plan=spec.units()[unit],
            path=tuple(merkle.proof(leaves, unit)),
        )
        signature = sign(receipt, self.deployment.domain, self.worker)
        charge = charge_tuple(self.record, 0, receipt, signature)
        return self.send(self.rival, "Disputes", "challengeExact", charge, shown, False)

    def send(self, account: LocalAccount, contract: str, function: str, *arguments: Any) -> Mined:
        """Send an act and return it mined; raises ContractRevert, found out by asking the chain why."""
        call = Call(to=self.deployment.addresses[contract], data=encode_call(contract, function, *arguments))
        nonce = self._nonces.get(account.address)
        if nonce is None:
            nonce = int(self.ask("eth_getTransactionCount", account.address, "latest"), 16)
        signed = sign_call(call, account=account, chain_id=self.deployment.chain_id, nonce=nonce, gas=GAS, fees=FEES)
        self._nonces[account.address] = nonce + 1
        mined = self.ask("eth_sendRawTransactionSync", "0x" + signed.raw.hex())
        if int(mined["status"], 16) != 1:
            self.simulate(account, contract, function, *arguments)
            raise AssertionError(f"{function} failed when it was sent and not when it was asked about")
        events = decode_logs(self.deployment, mined["logs"], block_timestamp=0)
        return Mined(gas=int(mined["gasUsed"], 16), events=events)

    def simulate(self, account: LocalAccount, contract: str, function: str, *arguments: Any) -> None:
        """Raise what the chain would answer to an act now."""
        call = Call(to=self.deployment.addresses[contract], data=encode_call(contract, function, *arguments))
        try:
            self.ask("eth_call", call.to_rpc(account.address), "latest")
        except RpcError as error:
            revert = revert_in(error)
            if revert is None:
                raise
            raise revert from error

    def view(self, contract: str, function: str, *arguments: Any) -> Any:
        body = {
            "to": self.deployment.addresses[contract],
            "data": "0x" + encode_call(contract, function, *arguments).hex(),
        }
        return decode_result(contract, function, bytes.fromhex(self.ask("eth_call", body, "latest")[2:]))

    def ask(self, method: str, *parameters: Any) -> Any:
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(parameters)}
        return result_of(self._client.post(self.anvil.url, json=body).json(), url=self.anvil.url)

    # ---- what is there

    def bond(self, account: LocalAccount) -> Bond:
        found: Bond = self.view("Bonds", "bondOf", account.address)
        return found

    def now(self) -> int:
        return int(self.ask("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def pass_time(self, seconds: int) -> None:
        self.ask("evm_setNextBlockTimestamp", self.now() + seconds)
        self.ask("evm_mine")

    @contextmanager
    def episode(self) -> Iterator[None]:
        """Whatever happens within has not happened afterwards."""
        before = self.ask("evm_snapshot")
        try:
            yield
        finally:
            self.ask("evm_revert", before)
            self._nonces.clear()

    def close(self) -> None:
        self._client.close()
        stop_process(self.anvil.pid)


def open_court(arena: Arena, home: Path) -> Court:
    """Return a court on a chain of its own; whoever opened it closes it."""
    anvil = start_anvil(home, port=0, keep_state=False, ticking=False)
    try:
        return Court(anvil, arena)
    except BaseException:
        stop_process(anvil.pid)
        raise


class ChainReferee:
    """The contracts, with the twin held against them. `court.episode()` around a game lets the next one begin anew."""

    position: GamePosition

    def __init__(self, court: Court) -> None:
        self.court, self.gas = court, []
        self.slashed_wei = 0
        self.resolved: ChainEvent | None = None

    def open(self, claim: Claim) -> GamePosition:
        court = self.court
        mined = court.challenge(claim)
        raised = mined.event("ChallengeRaised")
        assert raised is not None
        self.challenge_id = int(raised.args["challenge_id"])
        frame = court.arena.frame(claim, worker=court.worker.address, provider=court.provider.address)
        self.position = court.arena.opened(
            frame, court.rival.address, now=court.now(), move_seconds=DEVNET.move_seconds
        )
        return self._settled(mined)

    def move(self, move: Move, by: Side) -> GamePosition:
        account = self.court.worker if by is Side.DEFENDER else self.court.rival
        function, arguments = call_of(self.challenge_id, move)
        try:
            after = self.position.apply(move, caller=account.address, now=self._next_second())
        except CommonwattError as refusal:
            self._require_refused(refusal, account, function, arguments)
            raise
        self.position = after
        return self._settled(self.court.send(account, "Games", function, *arguments))

    def run_out(self) -> GamePosition:
        self.court.pass_time(self.position.deadline + 1 - self.court.now())
        return self.move(moves.Timeout(), Side.CHALLENGER)

    @property
    def challenge(self) -> Challenge:
        found: Challenge = self.court.view("Disputes", "challengeOf", self.challenge_id)
        return found

    def _next_second(self) -> int:
        """Blocks come with transactions alone and each is told its time, so that the twin knows it too."""
        at = self.court.now() + 1
        self.court.ask("evm_setNextBlockTimestamp", at)
        return at

    def _require_refused(
        self, refusal: CommonwattError, account: LocalAccount, function: str, arguments: Sequence[Any]
    ) -> None:
        try:
            self.court.simulate(account, "Games", function, *arguments)
        except ContractRevert as revert:
            assert revert.contract_error in reverts_of(refusal), f"twin: {refusal!r}, contract: {revert!r}"
            return
        raise AssertionError(f"the twin refuses what the contract takes: {refusal!r}")

    def _settled(self, mined: Mined) -> GamePosition:
        """Count the gas and hold the twin against the contract."""
        self.gas.append(mined.gas)
        self.resolved = mined.event("ChallengeResolved") or self.resolved
        if self.resolved is not None:
            self.slashed_wei = self.resolved.args["slashed_wei"]
            assert (self.resolved.args["verdict"], True) == (self.position.verdict, self.position.is_concluded)
            return self.position
        game: Game = self.court.view("Games", "gameOf", self.challenge_id)
        # Of a judgement that waits to be carried out the contract keeps nothing but the verdict.
        names = ("mover", "verdict") if self.position.is_over else _STANDING
        ours, theirs = ({name: getattr(of, name) for name in names} for of in (self.position, game))
        assert ours == theirs, f"twin: {ours}, contract: {theirs}"
        return self.position


def reverts_of(refusal: CommonwattError) -> frozenset[str]:
    """Return what the contracts may call a refusal of the twin's: an opening that does not prove itself is the
    judge's to refuse, and a mismatch needs no "Game" before it."""
    name = type(refusal).__name__
    if name == "BadProof":
        return frozenset({"Games_BadProof", "Judge_BadOpening"})
    return frozenset({"Games_Mismatch" if name == "GameMismatch" else f"Games_{name}"})
