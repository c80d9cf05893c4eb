"""The book of figures: suites merge without touching one another, and what is committed can be read."""

from pathlib import Path

from tests.bench import harness


def test_measuring_one_suite_leaves_the_figures_of_another(tmp_path: Path) -> None:
    book = tmp_path / "bench.json"
    harness.merge("loop", {"demo_seconds": 90.0}, book)
    harness.merge("serve", {"tokens_per_second": 5.0}, book)

    before = harness.merge("loop", {"demo_seconds": 80.0}, book)

    assert before == {"demo_seconds": 90.0}
    assert harness.load(book) == {"loop": {"demo_seconds": 80.0}, "serve": {"tokens_per_second": 5.0}}


def test_every_committed_suite_says_on_what_machine_and_when_it_was_measured() -> None:
    book = harness.load()

    assert book.keys() == set(harness.SUITES)
    for entry in book.values():
        assert entry["machine"].keys() == {"cpu", "cores", "memory_gib"}
        assert {"python", "torch"} <= entry["versions"].keys()
        assert entry["date"]
        assert all(isinstance(value, int | float) for value in harness.figures_of(entry).values())


def test_the_loop_suite_keeps_the_figures_that_were_asked_for() -> None:
    asked = {"demo_seconds", "step_ratio", "bid_to_first_step_p50_seconds"}

    assert asked <= harness.figures_of(harness.load()["loop"]).keys()
