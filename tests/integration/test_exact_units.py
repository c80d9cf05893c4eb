"""Exact units executed and played for real: sandbox, warm runner, kernels, and a game between two runners."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import torch

from market.chain.games import Table
from market.protocol.exact import game_moves as moves
from market.protocol.exact.game import GamePosition
from market.protocol.exact.game_moves import Frame
from market.protocol.exact.game_wire import to_json
from market.protocol.exact.jobs import exact_state_root
from market.protocol.hashing import artifact_id
from market.protocol.tensors import read
from market.protocol.words import ExecutionClass, Level, Side, Verdict
from tests.integration.worker_bench import METER, MemoryMarket, artifacts_of, executor_for, lease_of, predecessor
from tests.unit.exact_game.play import Seen, shown
from tests.unit.exact_game.tiny import HONEST as TINY
from tests.unit.exact_game.tiny import TERMS
from tests.unit.worker.charlm_samples import Small
from tests.unit.worker.exact_samples import exact
from worker.agent import executor as executor_room
from worker.agent.cache import ArtifactCache
from worker.agent.dishonest import CheatingExecutor
from worker.agent.dockets import CHALLENGER, DEFENDER
from worker.agent.executor import SandboxedExecutor, UnitRefused
from worker.agent.outcome import Outcome
from worker.agent.play import Play, PlayRefused
from worker.engine.capture import Step, capture
from worker.engine.tensors import State, save
from worker.training.unit import run_unit

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one warm executor serves all tests of this file

WORKER, PROVIDER, RIVAL = (f"0x{who * 20}" for who in ("A1", "B2", "C3"))


def off_court(step: Step, state: State) -> Small:
    """Return an exact job that claims a court, over a step that has none."""
    small = exact().small
    program = capture(step, state, batch=small.spec.batch, window=small.spec.window)
    spec = replace(
        small.spec, execution_class=ExecutionClass.EXACT, court="ab" * 32, program=artifact_id(program.encode()),
        state=artifact_id(save(state)),
    )  # fmt: skip
    return replace(small, program=program, state=state, spec=spec)


def in_double(state: State, batch: torch.Tensor, number: torch.Tensor) -> tuple[State, torch.Tensor]:
    loss = state["w"].to(torch.float64).sum() + batch.sum() + number
    return {"w": state["w"] * 0.5}, loss.to(torch.float32)


@cache
def without_meaning(where: str) -> Small:
    """Return a job that the exact class cannot say, because of one operator or because of its state."""
    dtype = torch.float64 if where == "state" else torch.float32
    return off_court(in_double, {"w": torch.ones(3, dtype=dtype)})


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A market in memory and a warm executor that fetches from it."""

    market: MemoryMarket
    executor: SandboxedExecutor
    cache: ArtifactCache

    @property
    def cheat(self) -> CheatingExecutor:
        return CheatingExecutor(self.executor, self.cache, METER)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    documents: dict[Any, bytes] = {}
    for job in (exact().small, without_meaning("operator"), without_meaning("state")):
        documents |= artifacts_of(job)
    market = MemoryMarket(artifacts=documents)
    async with executor_for(market, tmp_path_factory.mktemp("home")) as (executor, cache):
        yield Bench(market=market, executor=executor, cache=cache)


def ignore(_: int) -> None:
    return None


def opened(outcome: Outcome) -> GamePosition:
    frame = Frame(
        worker=WORKER, provider=PROVIDER, input_root=outcome.input_root, output_root=outcome.output_root,
        plan=exact().spec.units()[0], terms=exact().job.terms, root=outcome.trace_root,
    )  # fmt: skip
    return GamePosition.opened(frame, RIVAL, move_seconds=60, now=0)


def table(position: GamePosition, seen: Seen = ()) -> Table:
    children, words = ((), seen) if isinstance(seen, bytes) else (seen, b"")
    return Table(position=position, children=children, words=words, now=0)


async def test_an_exact_unit_in_the_sandbox_comes_to_the_same_roots_as_outside(bench: Bench) -> None:
    job = exact()
    plain = run_unit(job.spec, job.spec.units()[0], job.engine(), [job.small.state], job.small.dataset)

    outcome = await bench.executor.execute(lease_of(job.spec), ignore)

    assert outcome.terms == job.job.terms
    assert outcome.input_root == plain.input_root == job.job.terms.state_root
    assert outcome.segment_roots == plain.segment_roots
    assert (outcome.output_root, outcome.trace_root) == (plain.output_root, plain.trace_root)
    assert exact_state_root(read(outcome.output.read_bytes())) == outcome.output_root


async def test_a_later_exact_round_starts_from_the_mean_of_its_predecessors(bench: Bench) -> None:
    job = exact()
    firsts = [await bench.executor.execute(lease_of(job.spec, unit), ignore) for unit in (0, 1)]
    ends = [outcome.output.read_bytes() for outcome in firsts]
    for end in ends:
        bench.market.artifacts[artifact_id(end)] = end
    states = [run_unit(job.spec, job.spec.units()[unit], job.engine(), [job.small.state], job.small.dataset).final_state
              for unit in (0, 1)]  # fmt: skip
    plain = run_unit(job.spec, job.spec.units()[2], job.engine(), states, job.small.dataset)

    lease = lease_of(job.spec, 2, predecessors=[predecessor(unit, end) for unit, end in enumerate(ends)])
    outcome = await bench.executor.execute(lease, ignore)

    assert (outcome.input_root, outcome.segment_roots) == (plain.input_root, plain.segment_roots)


@pytest.mark.parametrize("change", [{"court": "ab" * 32}, {"seed": 12}])
async def test_a_specification_of_another_court_is_refused_by_name(bench: Bench, change: dict[str, Any]) -> None:
    with pytest.raises(UnitRefused) as raised:
        await bench.executor.execute(lease_of(replace(exact().spec, **change)), ignore)

    assert raised.value.error == "WrongCourt"


@pytest.mark.parametrize("where", ["operator", "state"])
async def test_a_step_without_an_exact_meaning_is_refused_by_name(bench: Bench, where: str) -> None:
    with pytest.raises(UnitRefused) as raised:
        await bench.executor.execute(lease_of(without_meaning(where).spec), ignore)

    assert raised.value.error == "CannotLower"


async def test_a_runner_that_plays_opens_the_trace_it_signed(bench: Bench) -> None:
    lease = lease_of(exact().spec)
    position = opened(await bench.executor.execute(lease, ignore))

    async with bench.executor.play(lease, DEFENDER) as player:
        move = await player.answer(table(position))

    assert isinstance(move, moves.Reveal)
    assert position.apply(move, caller=WORKER, now=1).mover is Side.CHALLENGER


async def test_a_challenger_that_plays_denies_the_first_wrong_segment(bench: Bench) -> None:
    lease = lease_of(exact().spec)
    true, false = await bench.executor.execute(lease, ignore), await bench.cheat.execute(lease, ignore)
    first = next(at for at in range(3) if true.segment_roots[at] != false.segment_roots[at])

    async with bench.cheat.play(lease, DEFENDER) as liar, bench.executor.play(lease, CHALLENGER) as player:
        early = await player.answer(table(opened(false)))
        shows = await liar.answer(table(opened(false)))
        assert isinstance(shows, moves.Reveal)
        denies = await player.answer(table(opened(false).apply(shows, caller=WORKER, now=1), shows.children))

    assert early is None
    assert isinstance(denies, moves.Pick)
    assert (denies.index, denies.child) == (first, shows.children[first])


async def test_two_sandboxed_players_lead_the_court_to_the_falsified_word(bench: Bench) -> None:
    lease = lease_of(exact().spec)
    false = await bench.cheat.execute(lease, ignore)

    async with bench.cheat.play(lease, DEFENDER) as liar, bench.executor.play(lease, CHALLENGER) as player:
        end = await played(opened(false), liar, player)

    assert end.verdict is Verdict.OVERTURNED
    assert end.step == exact().spec.steps_per_unit // 2
    assert end.level in {Level.WORDS, Level.PARTIALS}


async def played(position: GamePosition, defender: Play, challenger: Play) -> GamePosition:
    """Play until the game is over; either side may move when it has a move."""
    seen: Seen = ()
    for now in range(1, 60):
        side = defender if position.mover is Side.DEFENDER else challenger
        move = await side.answer(table(position, seen))
        assert move is not None
        position = position.apply(move, caller=WORKER if side is defender else RIVAL, now=now)
        if position.is_over:
            return position
        seen = shown(move, seen)
    raise AssertionError("no game is that long")


BAD: dict[str, Callable[[GamePosition], GamePosition]] = {
    "job": lambda at: replace(at, frame=TINY.frame()),
    "level": lambda at: replace(at, level=Level.WORDS, count=1),
    "segment": lambda at: replace(at, lo=70, count=1),
    "below": lambda at: replace(at, lo=-1, count=1),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_position_is_refused_and_the_runner_lives_on(bench: Bench, name: str) -> None:
    lease = lease_of(exact().spec)
    position = opened(await bench.executor.execute(lease, ignore))

    async with bench.executor.play(lease, DEFENDER) as player:
        with pytest.raises(PlayRefused, match="BadGameMessage"):
            await player.answer(table(BAD[name](position)))
        move = await player.answer(table(position))

    assert isinstance(move, moves.Reveal)


@pytest.mark.parametrize(
    "change",
    [{"position": {"is": "Timeout"}}, {"position": to_json(TERMS)}, {"children": ["zz"]}, {"words": None}],
)
async def test_a_bad_message_is_answered_with_its_name(bench: Bench, change: dict[str, Any]) -> None:
    lease = lease_of(exact().spec)
    good = {"position": to_json(opened_tiny()), "children": [], "words": ""}

    async with bench.executor.play(lease, CHALLENGER) as player:
        await player._runner.send(good | change)
        answer = await player._runner.receive(20)

    assert answer["error"] == "BadGameMessage"


def opened_tiny() -> GamePosition:
    return GamePosition.opened(TINY.frame(), RIVAL, move_seconds=60, now=0)


async def test_a_side_that_no_game_has_is_refused(bench: Bench) -> None:
    with pytest.raises(UnitRefused) as raised:
        async with bench.executor.play(lease_of(exact().spec), "judge"):
            pass

    assert raised.value.error == "BadSide"


async def test_a_player_gets_a_multiple_of_its_units_limits_and_no_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease, granted = lease_of(exact().spec), []
    fork = bench.executor._fork

    async def noting(folder: Any, limits: Any, entry: str = executor_room.ENTRY) -> Any:
        granted.append(limits)
        return await fork(folder, limits, entry)

    monkeypatch.setattr(bench.executor, "_fork", noting)
    await bench.executor.execute(lease, ignore)
    async with bench.executor.play(lease, DEFENDER):
        pass

    once, playing = granted
    assert once.memory_bytes == exact().spec.memory_bytes
    assert once.memory_bytes < playing.memory_bytes <= 8 * once.memory_bytes
    assert playing.file_bytes == once.file_bytes


async def test_nothing_of_a_game_is_left_behind(bench: Bench) -> None:
    async with bench.executor.play(lease_of(exact().spec), DEFENDER):
        during = list(runs(bench).iterdir())

    assert len(during) == 1
    assert list(runs(bench).iterdir()) == []


def runs(bench: Bench) -> Path:
    return bench.executor._plan.root
