"""What holds for every test: how hard Hypothesis tries, that nothing is skipped, that pure tests open no socket."""

import socket
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Two shared cores make a wall-clock deadline per example a coin toss; the time limit per test still holds.
settings.register_profile("quick", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("deep", settings.get_profile("quick"), max_examples=2000, stateful_step_count=100)
settings.load_profile("quick")

PURE = ("tests/unit/", "tests/property/")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure: what cannot run everywhere is marked `gpu` or `deep` and deselected in the open."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} skipped itself: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole file that skips itself."""
    report = yield
    if report.outcome == "skipped":
        report.outcome = "failed"
    return report


@pytest.fixture(autouse=True)
def _pure_tests_open_no_sockets(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.node.nodeid.startswith(PURE):
        return

    def refuse(*_: Any) -> None:
        raise AssertionError("a unit or property test reached for the network; it belongs in tests/integration")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "bind", refuse)
