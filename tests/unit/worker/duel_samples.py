"""What duels are tried on: the referee's twin as the chain, with a clock that the tests hold, and tiny executions."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from eth_utils.address import to_checksum_address

from market.chain.errors import ContractRevert
from market.chain.games import Accusation, Table
from market.chain.gateway import Sent
from market.chain.transport import ChainUnreachable
from market.chain.values import Challenge
from market.protocol.errors import CommonwattError
from market.protocol.exact.game import GamePosition
from market.protocol.exact.game_moves import Frame, Move
from market.protocol.specs import TrainSpec
from market.protocol.wire import Lease
from market.protocol.words import ChallengeStatus, ExecutionClass, JobKind, Side, Verdict
from tests.support.seen import Seen, shown
from tests.unit.exact_game.test_game_players import AtRandom
from tests.unit.exact_game.tiny import BATCH, HONEST, PLAN, SEGMENT, STEPS, TERMS, WINDOW, Fault, Run
from tests.unit.worker import agent_samples
from worker.agent.dockets import CHALLENGER, DEFENDER, Docket, DocketBook
from worker.agent.duels import Duels
from worker.attest.game import Challenger, Defender
from worker.sandbox.host import RunnerEnded

WORKER, PROVIDER, RIVAL, STRANGER = (to_checksum_address(f"0x{who * 20}") for who in ("a1", "b2", "c3", "d4"))
SECONDS, WRONG = 60, Run(Fault(kind="word", step=3, at=28, element=3, bit=30))
SPEC = TrainSpec(
    kind=JobKind.TRAIN, program=sha256(b"p").hexdigest(), state=sha256(b"s").hexdigest(),
    dataset=sha256(b"d").hexdigest(), dataset_tensor="tokens", rounds=(2,), steps_per_unit=STEPS, segment_steps=SEGMENT,
    batch=BATCH, window=WINDOW, seed=11, execution_class=ExecutionClass.EXACT, memory_bytes=1 << 20, unit_seconds=60,
    court=TERMS.hash().hex(),
)  # fmt: skip
assert SPEC.units()[1] == PLAN


@dataclass(kw_only=True)
class Game:
    """One game on the twin chain."""

    opened: Frame
    position: GamePosition
    seen: dict[type, Seen] = field(default_factory=lambda: {tuple: (), bytes: b""})


@dataclass(kw_only=True)
class TwinChain:
    """The contracts in Python.

    committee: what one found, where there is no game. broken: calls that get no answer. refused: moves that get a
    refusal. failed: moves that were sent and whose receipt was lost.
    """

    games: dict[int, Game] = field(default_factory=dict)
    committee: Verdict | None = None
    accused: list[Accusation] = field(default_factory=list)
    now: int = 1_000
    broken: int = 0
    refused: int = 0
    failed: int = 0
    tried: list[Move] = field(default_factory=list)
    sent: list[tuple[str, Move]] = field(default_factory=list)
    looks: int = 0

    def open(self, challenge_id: int, frame: Frame, digest: bytes) -> None:
        position = GamePosition.opened(frame, RIVAL, move_seconds=SECONDS, now=self.now)
        self.games[challenge_id] = Game(opened=frame, position=position)
        accusation = Accusation(
            challenge_id=challenge_id, receipt_digest=digest, challenger=RIVAL, block_number=100 + challenge_id
        )
        self.accused.append(accusation)

    def sent_by(self, who: str) -> list[Move]:
        return [move for caller, move in self.sent if caller == who]

    def end(self, challenge_id: int = 1) -> Verdict:
        position = self.games[challenge_id].position
        return position.verdict if position.is_concluded else Verdict.NONE

    def answer(self) -> None:
        self.looks += 1
        if self.broken > 0:
            self.broken -= 1
            raise ChainUnreachable(url="memory://", reason="unplugged")


@dataclass(frozen=True)
class Seat:
    """The chain as one account uses it."""

    chain: TwinChain
    account: str

    async def accusations(self, account: str, *, since_block: int) -> list[Accusation]:
        self.chain.answer()
        found = [item for item in self.chain.accused if item.block_number >= since_block]
        return [item for item in found if account in {PROVIDER, item.challenger}]

    async def challenge_of(self, challenge_id: int) -> Challenge:
        position = self.chain.games[challenge_id].position
        over, verdict = position.is_concluded, self.chain.committee or position.verdict
        status = ChallengeStatus.RESOLVED if over or self.chain.committee else ChallengeStatus.NARROWING
        return challenge(status=status, verdict=verdict)

    async def game_table(self, challenge_id: int, opened: Frame) -> Table | None:
        self.chain.answer()
        game = self.chain.games[challenge_id]
        assert opened == game.opened, "a player knows what the game began with"
        if game.position.is_concluded or self.chain.committee is not None:
            return None
        children, words = game.seen[tuple], game.seen[bytes]
        return Table(position=game.position, children=tuple(children), words=bytes(words), now=self.chain.now)

    async def make_move(self, challenge_id: int, move: Move) -> Sent:
        game = self.chain.games[challenge_id]
        self.chain.tried.append(move)
        await asyncio.sleep(0)
        if self.chain.refused > 0:
            self.chain.refused -= 1
            raise ContractRevert(contract_error="Games_WrongMove", arguments={})
        try:
            game.position = game.position.apply(move, caller=self.account, now=self.chain.now)
        except CommonwattError as refusal:
            raise ContractRevert(contract_error=f"Games_{type(refusal).__name__}", arguments={}) from refusal
        found = shown(move, ())
        game.seen[type(found)] = found or game.seen[type(found)]
        self.chain.sent.append((self.account, move))
        if self.chain.failed > 0:
            self.chain.failed -= 1
            raise ChainUnreachable(url="memory://", reason="no receipt")
        return Sent(tx_hash=bytes(32), gas_used=1, block_number=1, events=())


@dataclass
class Player:
    """Answers for one side from one execution; `fails` times it dies instead."""

    answers: Callable[[GamePosition, Seen], Move | None]
    fails: int = 0

    async def answer(self, table: Table) -> Move | None:
        if self.fails > 0:
            self.fails -= 1
            raise RunnerEnded(code=-9, stderr="killed")
        words = table.position.level.name == "WORDS"
        return self.answers(table.position, table.words if words else table.children)


@dataclass
class Replays:
    """A host that replays a tiny execution. asked: for which unit and side."""

    player: Player
    asked: list[tuple[int, str]] = field(default_factory=list)

    @asynccontextmanager
    async def play(self, lease: Lease, side: str) -> AsyncIterator[Player]:
        self.asked.append((lease.unit, side))
        yield self.player


def defends(run: Run) -> Replays:
    player = Defender(run.ledger())
    return Replays(Player(lambda position, _: player.answer(position)))


def denies(run: Run) -> Replays:
    return Replays(Player(Challenger(run.ledger()).answer))


def challenge(*, status: ChallengeStatus, verdict: Verdict) -> Challenge:
    return Challenge(
        job_id=bytes(32), receipt_digest=bytes(32), claimed_root=bytes(32), fingerprint=bytes(32), challenger=RIVAL,
        provider=PROVIDER, buyer=STRANGER, bond_wei=1, unit_price_wei=1, match_index=0, status=status, verdict=verdict,
        draws=0, beacon_block=0, phase_ends_at=0, units_at_stake=1,
    )  # fmt: skip


class Dispute:
    """A receipt that is under dispute, and whoever sits down to play about it."""

    def __init__(self, home: Path, claimed: Run = HONEST) -> None:
        self.home, self.claimed, self.chain, self.digest = home, claimed, TwinChain(), b"\1" * 32
        self.chain.open(1, self.docket(DEFENDER).frame(), self.digest)

    def docket(self, side: str, **changes: Any) -> Docket:
        receipt = agent_samples.receipt(
            unit=1, worker=WORKER, provider=PROVIDER, input_root=TERMS.state_root,
            output_root=self.claimed.segment_roots[-1], trace_root=self.claimed.trace_root,
        )  # fmt: skip
        fields: dict[str, Any] = {
            "digest": self.digest, "side": side, "lease": agent_samples.lease(unit=1, spec=SPEC.to_json()),
            "receipt": receipt, "terms": TERMS, "own_input_root": TERMS.state_root,
        }  # fmt: skip
        return Docket(**fields | changes)

    def defender(self, host: Replays) -> tuple[DocketBook, Duels]:
        """A worker that has written its work down, and knows of no accusation."""
        book = DocketBook(self.home / "defender")
        if not book.open() and not self.chain.sent:
            book.write(self.docket(DEFENDER))
        return book, Duels(book, Seat(self.chain, WORKER), host, provider=PROVIDER)

    def challenger(self, host: Replays, number: int | None = 1) -> tuple[DocketBook, Duels]:
        book = DocketBook(self.home / "challenger")
        if not book.open() and not self.chain.sent:
            book.write(self.docket(CHALLENGER, challenge_id=number))
        return book, Duels(book, Seat(self.chain, RIVAL), host, provider=RIVAL)


def anything(position: GamePosition, seen: Seen) -> Move | None:
    """Deny whatever is shown."""
    return AtRandom(3).answer(position, seen) if position.mover is Side.CHALLENGER else None


@asynccontextmanager
async def watching(*players: Duels) -> AsyncIterator[None]:
    running = [asyncio.create_task(player.watch()) for player in players]
    try:
        yield
        assert not any(task.done() for task in running), "a watch ends only when it is told to"
    finally:
        for task in running:
            task.cancel()
        for task in running:
            with suppress(asyncio.CancelledError):
                await task


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 neither side rings a bell
            await asyncio.sleep(0.001)


async def looked(chain: TwinChain, times: int = 20) -> None:
    """Let the players look at the chain so often."""
    goal = chain.looks + times
    await until(lambda: chain.looks >= goal)


def closed(*books: DocketBook) -> Callable[[], bool]:
    return lambda: not any(book.open() for book in books)
