"""Units executed for real: sandbox, warm runner, interpreter, roots."""

from dataclasses import replace
from pathlib import Path

import pytest

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
from worker.agent.dishonest import SkippingExecutor
from worker.agent.executor import UnitRefused, UnitStuck, UnitTooHungry, UnitTooSlow
from worker.agent.outcome import Outcome
from worker.engine.determinism import fingerprint
from worker.sandbox.levels import Isolation, obstacle
from worker.training.unit import run_unit

LEVELS = [level for level in Isolation if not obstacle(level)]


def ignore(_: int) -> None:
    return None


@pytest.mark.parametrize("level", LEVELS)
async def test_a_unit_in_the_sandbox_comes_to_the_same_roots_as_outside(level: Isolation, tmp_path: Path) -> None:
    small = job()
    plain = run_unit(
        small.spec, small.spec.units()[0], executable=small.executable(), starts=[small.state], dataset=small.dataset
    )
    market = MemoryMarket(artifacts=artifacts_of(small))

    async with executor_for(market, tmp_path, isolation=level) as (executor, _):
        outcome = await executor.execute(lease_of(small.spec), ignore)

    assert (outcome.input_root, outcome.trace_root) == (plain.input_root, plain.trace_root)
    assert outcome.segment_roots == plain.segment_roots
    assert state_root(read(outcome.output.read_bytes())) == outcome.output_root


async def test_an_outcome_says_how_long_it_took_and_what_it_drew(tmp_path: Path) -> None:
    market = MemoryMarket(artifacts=artifacts_of(job()))
    steps: list[int] = []

    async with executor_for(market, tmp_path) as (executor, _):
        outcome = await executor.execute(lease_of(job().spec), steps.append)

    milliseconds = outcome.finished_at - outcome.started_at
    assert steps[0] == 1
    assert outcome.steps == job().spec.steps_per_unit
    assert outcome.energy.source is EnergySource.ESTIMATE
    assert 0 < outcome.energy.millijoules <= METER.envelope_watts * milliseconds


async def test_a_later_round_starts_from_the_mean_of_its_predecessors(tmp_path: Path) -> None:
    small = job()
    market = MemoryMarket(artifacts=artifacts_of(small))

    async with executor_for(market, tmp_path) as (executor, _):
        first, second = [await executor.execute(lease_of(small.spec, unit), ignore) for unit in (0, 1)]
        ends = [await market_keeps(market, outcome) for outcome in (first, second)]
        lease = lease_of(small.spec, 2, predecessors=[predecessor(unit, end) for unit, end in enumerate(ends)])
        merged = await executor.execute(lease, ignore)

    assert first.output_root != second.output_root
    assert merged.input_root not in {first.output_root, second.output_root}


async def test_the_cheat_starts_where_honest_workers_start_and_ends_elsewhere(tmp_path: Path) -> None:
    small = job()
    market = MemoryMarket(artifacts=artifacts_of(small))

    async with executor_for(market, tmp_path) as (executor, cache):
        cheat = SkippingExecutor(executor, cache, METER)
        honest = [await executor.execute(lease_of(small.spec, unit), ignore) for unit in (0, 1)]
        ends = [await market_keeps(market, outcome) for outcome in honest]
        lease = lease_of(small.spec, 2, predecessors=[predecessor(unit, end) for unit, end in enumerate(ends)])
        true, false = await executor.execute(lease, ignore), await cheat.execute(lease, ignore)

    assert false.input_root == true.input_root
    assert false.trace_root != true.trace_root
    assert len(false.segment_roots) == len(true.segment_roots)
    assert state_root(read(false.output.read_bytes())) == false.output_root


async def test_the_cheat_audits_honestly(tmp_path: Path) -> None:
    market = MemoryMarket(artifacts=artifacts_of(job()))

    async with executor_for(market, tmp_path) as (executor, cache):
        cheat = SkippingExecutor(executor, cache, METER)
        true = await executor.execute(lease_of(job().spec), ignore)
        audited = await cheat.execute(lease_of(job().spec, kind=AssignmentKind.AUDIT), ignore)

    assert audited.trace_root == true.trace_root


async def test_a_unit_that_takes_too_long_is_killed_and_named(tmp_path: Path) -> None:
    spec = replace(longer(job(), 100_000), unit_seconds=1)
    market = MemoryMarket(artifacts=artifacts_of(job()))

    async with executor_for(market, tmp_path) as (executor, _):
        with pytest.raises(UnitTooSlow) as raised:
            await executor.execute(lease_of(spec), ignore)
        again = await executor.execute(lease_of(job().spec), ignore)

    assert raised.value.limit_seconds == 1
    assert again.steps == job().spec.steps_per_unit


async def test_a_unit_that_says_nothing_for_too_long_is_killed_and_named(tmp_path: Path) -> None:
    market = MemoryMarket(artifacts=artifacts_of(job()))

    async with executor_for(market, tmp_path, silent_seconds=0.001) as (executor, _):
        with pytest.raises(UnitStuck):
            await executor.execute(lease_of(job().spec), ignore)


async def test_a_program_beyond_its_memory_limit_is_refused_by_name(tmp_path: Path) -> None:
    spec = replace(job().spec, memory_bytes=10_000)
    market = MemoryMarket(artifacts=artifacts_of(job()))

    async with executor_for(market, tmp_path) as (executor, _):
        with pytest.raises(UnitRefused) as raised:
            await executor.execute(lease_of(spec), ignore)

    assert raised.value.error == "ProgramTooLarge"


async def test_a_unit_that_wants_more_memory_than_is_lent_is_not_begun(tmp_path: Path) -> None:
    spec = replace(job().spec, memory_bytes=1 << 40)
    market = MemoryMarket(artifacts=artifacts_of(job()))

    async with executor_for(market, tmp_path) as (executor, _):
        with pytest.raises(UnitTooHungry):
            await executor.execute(lease_of(spec), ignore)


@pytest.mark.parametrize(
    ("field", "document", "error"),
    [
        ("program", b'{"not":"a program"}', "ProgramMalformed"),
        ("dataset", b"\xff" * 64, "TensorsMalformed"),
        ("state", b"", "TensorsMalformed"),
    ],
)
async def test_a_malformed_artifact_is_refused_by_name(field: str, document: bytes, error: str, tmp_path: Path) -> None:
    spec = replace(job().spec, **{field: artifact_id(document)})
    market = MemoryMarket(artifacts=artifacts_of(job()) | {artifact_id(document): document})

    async with executor_for(market, tmp_path) as (executor, _):
        with pytest.raises(UnitRefused) as raised:
            await executor.execute(lease_of(spec), ignore)

    assert raised.value.error == error


async def test_the_runner_knows_the_machines_fingerprint(tmp_path: Path) -> None:
    async with executor_for(MemoryMarket(artifacts={}), tmp_path) as (executor, _):
        hello = await executor.ask({"hello": True})

    assert hello["fingerprint"] == fingerprint().hex()


async def test_the_benchmark_measures_products_and_steps(tmp_path: Path) -> None:
    async with executor_for(MemoryMarket(artifacts={}), tmp_path) as (executor, _):
        rates = (await executor.ask({"benchmark": 0.05}))["gflops"]

    assert rates["matmul"] > rates["step"] / 10 > 0


async def test_a_keeper_that_was_killed_is_replaced(tmp_path: Path) -> None:
    market = MemoryMarket(artifacts=artifacts_of(job()))

    async with executor_for(market, tmp_path) as (executor, _):
        assert executor._keeper is not None
        executor._keeper._process.kill()
        await executor._keeper._process.wait()
        outcome = await executor.execute(lease_of(job().spec), ignore)

    assert outcome.steps == job().spec.steps_per_unit


async def test_nothing_of_a_run_is_left_but_its_output(tmp_path: Path) -> None:
    market = MemoryMarket(artifacts=artifacts_of(job()))

    async with executor_for(market, tmp_path) as (executor, _):
        outcome = await executor.execute(lease_of(job().spec), ignore)
        left = list((tmp_path / "runs").iterdir())

    assert left == []
    assert outcome.output.parent == tmp_path / "cache"


async def market_keeps(market: MemoryMarket, outcome: Outcome) -> bytes:
    await market.upload(outcome.output)
    return outcome.output.read_bytes()
