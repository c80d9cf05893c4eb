"""Runners are kept in: real processes, at every level that this machine has."""

import asyncio
import errno
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from worker.sandbox import probe
from worker.sandbox.host import Keeper, KeeperFailed, Runner, RunnerEnded, RunnerSilent
from worker.sandbox.levels import Isolation, IsolationUnavailable, choose, obstacle
from worker.sandbox.lines import BadLine
from worker.sandbox.policy import RUNNER_VARIABLES, Grant, JailPlan, Limits

HERE = Path(__file__).parent
LEVELS = [level for level in Isolation if not obstacle(level)]
STRICT = [level for level in LEVELS if level.has_filter]
LIMITS = Limits(memory_bytes=64 << 20, cpu_seconds=30, file_bytes=1 << 20, open_files=64)


def make_folder(path: Path) -> None:
    path.mkdir(exist_ok=True)


@asynccontextmanager
async def keeper_at(level: Isolation, root: Path) -> AsyncIterator[Keeper]:
    make_folder(root)
    keeper = await Keeper.start(JailPlan(level=level, warm="", root=root, modules=HERE))
    try:
        yield keeper
    finally:
        await keeper.stop()


async def fork(keeper: Keeper, victim: str, limits: Limits = LIMITS) -> Runner:
    folder = keeper.plan.root / f"run-{len(list(keeper.plan.root.iterdir()))}"
    folder.mkdir()
    return await keeper.fork(Grant(entry=f"sandbox_victims:{victim}", read=(), folder=str(folder), limits=limits))


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(250):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("waited five seconds in vain")


async def until_gone(pid: int) -> None:
    await until(lambda: not is_running(pid))


@pytest.mark.parametrize("level", STRICT)
async def test_the_probe_finds_network_keystore_home_and_other_processes_out_of_reach(
    level: Isolation, tmp_path: Path
) -> None:
    keystore = tmp_path / "keystore.json"
    keystore.write_text("{}")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with keeper_at(level, tmp_path / "runs") as keeper, server:
        folder = keeper.plan.root / "probe"
        folder.mkdir()
        secrets = (keystore, Path.home())
        unreached = await probe.check(keeper, folder=folder, secrets=secrets, listener=server.sockets[0].getsockname())

    assert {"network", "processes", f"secret {keystore}", f"secret {Path.home()}"} <= set(unreached)


async def test_the_probe_reports_what_a_level_without_isolation_lets_through(tmp_path: Path) -> None:
    keystore = tmp_path / "keystore.json"
    keystore.write_text("{}")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with keeper_at(Isolation.LIMITS, tmp_path / "runs") as keeper, server:
        folder = keeper.plan.root / "probe"
        folder.mkdir()
        unreached = await probe.check(
            keeper, folder=folder, secrets=(keystore,), listener=server.sockets[0].getsockname()
        )

    assert f"secret {keystore}" not in unreached
    assert "network" not in unreached


async def test_a_worker_refuses_a_sandbox_that_grants_more_than_it_promises(tmp_path: Path) -> None:
    level = choose(None)
    async with keeper_at(level, tmp_path / "runs") as keeper:
        folder = keeper.plan.root / "probe"
        folder.mkdir()
        (folder / "secret").write_text("readable, because it lies in the granted folder")

        with pytest.raises(probe.IsolationBroken) as raised:
            await probe.check(keeper, folder=folder, secrets=(folder / "secret",), listener=("127.0.0.1", 9))

    assert "secret" in raised.value.reached[0]


@pytest.mark.parametrize("level", LEVELS)
async def test_a_runner_sees_only_the_fixed_environment_and_its_own_stream(
    level: Isolation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMMONWATT_CANARY", "secret")
    async with keeper_at(level, tmp_path / "runs") as keeper:
        seen = await (await fork(keeper, "look_around")).receive(10)

    assert set(seen["environment"]) <= RUNNER_VARIABLES
    assert seen["descriptors"] == [0, 1, 2, 3]
    assert seen["core"] == 0
    assert seen["folder"].startswith(str(tmp_path))


@pytest.mark.parametrize("level", LEVELS)
async def test_a_memory_bomb_meets_its_limit_and_the_next_runner_does_not_notice(
    level: Isolation, tmp_path: Path
) -> None:
    async with keeper_at(level, tmp_path / "runs") as keeper:
        bomb = await fork(keeper, "eat_memory")
        eaten = await bomb.receive(20)
        await bomb.kill()
        other = await fork(keeper, "echo")
        await other.send({"n": 7})
        answer = await other.receive(10)

    assert 32 <= eaten["mebibytes"] <= 64 + 256 + 32
    assert answer["n"] == 7


@pytest.mark.parametrize("level", LEVELS)
async def test_a_file_cannot_grow_past_its_limit(level: Isolation, tmp_path: Path) -> None:
    async with keeper_at(level, tmp_path / "runs") as keeper:
        seen = await (await fork(keeper, "fill_disk")).receive(20)

    assert seen == {"written": 1 << 20, "errno": errno.EFBIG}


@pytest.mark.parametrize("level", LEVELS)
async def test_a_runner_cannot_open_more_files_than_its_limit(level: Isolation, tmp_path: Path) -> None:
    async with keeper_at(level, tmp_path / "runs") as keeper:
        seen = await (await fork(keeper, "open_files")).receive(20)

    assert 30 < seen["opened"] < 64


@pytest.mark.parametrize("level", LEVELS)
async def test_processor_time_runs_out(level: Isolation, tmp_path: Path) -> None:
    limits = Limits(memory_bytes=64 << 20, cpu_seconds=1, file_bytes=1 << 20)
    async with keeper_at(level, tmp_path / "runs") as keeper:
        runner = await fork(keeper, "spin", limits)
        await runner.receive(10)
        with pytest.raises(RunnerEnded) as raised:
            await runner.receive(20)

    assert raised.value.code == -signal.SIGXCPU


@pytest.mark.parametrize("level", STRICT)
async def test_a_fork_bomb_starts_nothing(level: Isolation, tmp_path: Path) -> None:
    async with keeper_at(level, tmp_path / "runs") as keeper:
        seen = await (await fork(keeper, "try_to_breed")).receive(20)

    assert seen == {"born": 0}


async def test_without_a_filter_children_die_with_their_runner_even_in_sessions_of_their_own(tmp_path: Path) -> None:
    async with keeper_at(Isolation.LIMITS, tmp_path / "runs") as keeper:
        runner = await fork(keeper, "breed")
        children = (await runner.receive(10))["children"]
        assert all(is_running(pid) for pid in children)
        await runner.kill()
        for pid in children:
            await until_gone(pid)


@pytest.mark.parametrize("level", LEVELS)
async def test_killing_a_silent_runner_leaves_the_keeper_ready(level: Isolation, tmp_path: Path) -> None:
    async with keeper_at(level, tmp_path / "runs") as keeper:
        runner = await fork(keeper, "sleep")
        await runner.receive(10)
        with pytest.raises(RunnerSilent):
            await runner.receive(0.1)
        ended = await runner.kill()
        again = await fork(keeper, "echo")
        await again.send({"alive": True})
        answer = await again.receive(10)

    assert ended.code == -signal.SIGKILL
    assert answer["alive"] is True


@pytest.mark.parametrize("level", LEVELS)
async def test_the_end_of_one_runner_does_not_touch_another(level: Isolation, tmp_path: Path) -> None:
    async with keeper_at(level, tmp_path / "runs") as keeper:
        first, second = await fork(keeper, "sleep"), await fork(keeper, "echo")
        await first.receive(10)
        await first.kill()
        await second.send({"alive": True})
        answer = await second.receive(10)

    assert answer["alive"] is True


@pytest.mark.parametrize("level", LEVELS)
async def test_each_assignment_gets_a_process_of_its_own(level: Isolation, tmp_path: Path) -> None:
    pids = []
    async with keeper_at(level, tmp_path / "runs") as keeper:
        for _ in range(2):
            runner = await fork(keeper, "echo")
            await runner.send({})
            pids.append((await runner.receive(10))["pid"])
            await runner.kill()

    assert pids[0] != pids[1]


async def test_what_libraries_print_does_not_reach_the_stream(tmp_path: Path) -> None:
    async with keeper_at(choose(None), tmp_path / "runs") as keeper:
        answer = await (await fork(keeper, "shout")).receive(10)
        await until(lambda: "written to stderr" in keeper.stderr)

    assert answer == {"answer": 1}


async def test_a_runner_that_babbles_is_named_for_it(tmp_path: Path) -> None:
    reasons = []
    async with keeper_at(choose(None), tmp_path / "runs") as keeper:
        runner = await fork(keeper, "babble")
        for _ in range(3):
            with pytest.raises(BadLine) as raised:
                await runner.receive(10)
            reasons.append(raised.value.reason)
        await runner.kill()

    assert [reason.partition(":")[0] for reason in reasons] == ["not JSON", "not an object", "longer than the limit"]


@pytest.mark.parametrize("level", LEVELS)
async def test_when_the_agent_is_killed_its_runners_die(level: Isolation, tmp_path: Path) -> None:
    program = f"""
import asyncio, pathlib, sys
sys.path.insert(0, {str(HERE.parents[1])!r})
from tests.integration import test_sandbox_isolation as t
from worker.sandbox.levels import Isolation
async def main():
    async with t.keeper_at(Isolation({level.value!r}), pathlib.Path({str(tmp_path)!r}) / "runs") as keeper:
        runner = await t.fork(keeper, "spin")
        await runner.receive(10)
        print(keeper._process.pid, flush=True)
        await asyncio.sleep(3600)
asyncio.run(main())
"""
    agent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert agent.stdout is not None
    keeper_pid = int(await asyncio.wait_for(agent.stdout.readline(), 30))
    agent.kill()
    await agent.wait()
    agent.stdout.feed_eof()

    await until_gone(keeper_pid)


async def test_a_keeper_whose_module_is_missing_says_so(tmp_path: Path) -> None:
    with pytest.raises(KeeperFailed) as raised:
        await Keeper.start(JailPlan(level=Isolation.LIMITS, warm="no_such_module", root=tmp_path))

    assert "no_such_module" in raised.value.stderr


async def test_a_level_that_cannot_be_had_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    obstacle.cache_clear()
    with pytest.raises(IsolationUnavailable) as raised:
        choose(Isolation.BUBBLEWRAP)
    obstacle.cache_clear()

    assert raised.value.reason == "bwrap is not installed"


async def test_no_isolation_is_never_chosen_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.sandbox.levels.obstacle", lambda level: "" if level is Isolation.LIMITS else "refused")

    with pytest.raises(IsolationUnavailable):
        choose(None)

    assert choose(Isolation.LIMITS) is Isolation.LIMITS
