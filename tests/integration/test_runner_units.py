"""Units executed for real: sandbox, warm runner, interpreter, roots."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from market.protocol.hashing import artifact_id
from market.protocol.state import state_root
from market.protocol.tensors import read
from market.protocol.words import AssignmentKind, EnergySource
from tests.integration.worker_bench import (
    METER,
    MemoryMarket,
    artifacts_of,
    executor_for,
    job,
    lease_of,
    longer,
    predecessor,
)
from worker.agent.cache import ArtifactCache
from worker.agent.dishonest import CheatingExecutor
from worker.agent.executor import SandboxedExecutor, UnitRefused, UnitStuck, UnitTooHungry, UnitTooSlow
from worker.agent.outcome import Outcome
from worker.engine.determinism import fingerprint
from worker.sandbox.levels import Isolation, obstacle
from worker.training.unit import run_unit

LEVELS = [level for level in Isolation if not obstacle(level)]


pytestmark = pytest.mark.asyncio(loop_scope="module")  # one warm executor serves most tests of this file

BAD = (b'{"not":"a program"}', b"\xff" * 64, b"")


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A market in memory and a warm executor that fetches from it."""

    market: MemoryMarket
    executor: SandboxedExecutor
    cache: ArtifactCache
    home: Path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    home = tmp_path_factory.mktemp("home")
    market = MemoryMarket(artifacts=artifacts_of(job()) | {artifact_id(bad): bad for bad in BAD})
    async with executor_for(market, home) as (executor, cache):
        yield Bench(market=market, executor=executor, cache=cache, home=home)


def ignore(_: int) -> None:
    return None


@pytest.mark.parametrize("level", LEVELS)
async def test_a_unit_in_the_sandbox_comes_to_the_same_roots_as_outside(level: Isolation, tmp_path: Path) -> None:
    small = job()
    plain = run_unit(
        small.spec, small.spec.units()[0], engine=small.executable(), starts=[small.state], dataset=small.dataset
    )
    market = MemoryMarket(artifacts=artifacts_of(small))

    async with executor_for(market, tmp_path, isolation=level) as (executor, _):
        outcome = await executor.execute(lease_of(small.spec), ignore)

    assert (outcome.input_root, outcome.trace_root) == (plain.input_root, plain.trace_root)
    assert outcome.segment_roots == plain.segment_roots
    assert state_root(read(outcome.output.read_bytes())) == outcome.output_root


async def test_an_outcome_says_how_long_it_took_and_what_it_drew(bench: Bench) -> None:
    steps: list[int] = []

    outcome = await bench.executor.execute(lease_of(job().spec), steps.append)

    milliseconds = outcome.finished_at - outcome.started_at
    assert steps[0] == 1
    assert outcome.steps == job().spec.steps_per_unit
    assert outcome.energy.source is EnergySource.ESTIMATE
    assert 0 < outcome.energy.millijoules <= METER.envelope_watts * milliseconds


async def test_a_later_round_starts_from_the_mean_of_its_predecessors(bench: Bench) -> None:
    small = job()

    first, second = [await bench.executor.execute(lease_of(small.spec, unit), ignore) for unit in (0, 1)]
    ends = [await market_keeps(bench.market, outcome) for outcome in (first, second)]
    lease = lease_of(small.spec, 2, predecessors=[predecessor(unit, end) for unit, end in enumerate(ends)])
    merged = await bench.executor.execute(lease, ignore)

    assert first.output_root != second.output_root
    assert merged.input_root not in {first.output_root, second.output_root}


async def test_the_cheat_starts_where_honest_workers_start_and_ends_elsewhere(bench: Bench) -> None:
    small = job()

    cheat = CheatingExecutor(bench.executor, bench.cache, METER)
    honest = [await bench.executor.execute(lease_of(small.spec, unit), ignore) for unit in (0, 1)]
    ends = [await market_keeps(bench.market, outcome) for outcome in honest]
    lease = lease_of(small.spec, 2, predecessors=[predecessor(unit, end) for unit, end in enumerate(ends)])
    true, false = await bench.executor.execute(lease, ignore), await cheat.execute(lease, ignore)

    assert false.input_root == true.input_root
    assert false.trace_root != true.trace_root
    assert len(false.segment_roots) == len(true.segment_roots)
    assert state_root(read(false.output.read_bytes())) == false.output_root


async def test_the_cheat_audits_honestly(bench: Bench) -> None:

    cheat = CheatingExecutor(bench.executor, bench.cache, METER)
    true = await bench.executor.execute(lease_of(job().spec), ignore)
    audited = await cheat.execute(lease_of(job().spec, kind=AssignmentKind.AUDIT), ignore)

    assert audited.trace_root == true.trace_root


async def test_a_unit_that_takes_too_long_is_killed_and_named(bench: Bench) -> None:
    spec = replace(longer(job(), 100_000), unit_seconds=1)

    with pytest.raises(UnitTooSlow) as raised:
        await bench.executor.execute(lease_of(spec), ignore)
    again = await bench.executor.execute(lease_of(job().spec), ignore)

    assert raised.value.limit_seconds == 1
    assert again.steps == job().spec.steps_per_unit


async def test_a_unit_that_says_nothing_for_too_long_is_killed_and_named(tmp_path: Path) -> None:
    market = MemoryMarket(artifacts=artifacts_of(job()))

    async with executor_for(market, tmp_path, silent_seconds=0.001) as (executor, _):
        with pytest.raises(UnitStuck):
            await executor.execute(lease_of(job().spec), ignore)


async def test_a_program_beyond_its_memory_limit_is_refused_by_name(bench: Bench) -> None:
    spec = replace(job().spec, memory_bytes=10_000)

    with pytest.raises(UnitRefused) as raised:
        await bench.executor.execute(lease_of(spec), ignore)

    assert raised.value.error == "ProgramTooLarge"


async def test_a_unit_that_wants_more_memory_than_is_lent_is_not_begun(bench: Bench) -> None:
    spec = replace(job().spec, memory_bytes=1 << 40)

    with pytest.raises(UnitTooHungry):
        await bench.executor.execute(lease_of(spec), ignore)


@pytest.mark.parametrize(
    ("field", "document", "error"),
    [
        ("program", b'{"not":"a program"}', "ProgramMalformed"),
        ("dataset", b"\xff" * 64, "TensorsMalformed"),
        ("state", b"", "TensorsMalformed"),
    ],
)
async def test_a_malformed_artifact_is_refused_by_name(field: str, document: bytes, error: str, bench: Bench) -> None:
    spec = replace(job().spec, **{field: artifact_id(document)})

    with pytest.raises(UnitRefused) as raised:
        await bench.executor.execute(lease_of(spec), ignore)

    assert raised.value.error == error


async def test_the_runner_knows_the_machines_fingerprint(bench: Bench) -> None:
    hello = await bench.executor.ask({"hello": True})

    assert hello["fingerprint"] == fingerprint().hex()


async def test_the_benchmark_measures_products_and_steps(bench: Bench) -> None:
    rates = (await bench.executor.ask({"benchmark": 0.05}))["gflops"]

    assert rates["matmul"] > rates["step"] / 10 > 0


async def test_a_keeper_that_was_killed_is_replaced(bench: Bench) -> None:

    assert bench.executor._keeper is not None
    bench.executor._keeper._process.kill()
    await bench.executor._keeper._process.wait()
    outcome = await bench.executor.execute(lease_of(job().spec), ignore)

    assert outcome.steps == job().spec.steps_per_unit


async def test_nothing_of_a_run_is_left_but_its_output(bench: Bench) -> None:

    outcome = await bench.executor.execute(lease_of(job().spec), ignore)
    left = list((bench.home / "runs").iterdir())

    assert left == []
    assert outcome.output.parent == bench.home / "cache"


async def market_keeps(market: MemoryMarket, outcome: Outcome) -> bytes:
    await market.upload(outcome.output)
    return outcome.output.read_bytes()
