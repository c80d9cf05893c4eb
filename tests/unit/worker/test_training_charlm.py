"""The demo's job: sound by the market's own check, and the same whenever it is made."""

from functools import cache

import pytest

from market.client.recipes import BuyerJob
from market.protocol.graph import Program
from market.protocol.hashing import artifact_id
from market.protocol.programs import ProgramLimits, check, check_fits
from market.protocol.tensors import read_header
from worker.engine.tensors import load
from worker.training.charlm import DEMO, recipe
from worker.training.corpus import read_corpus


@cache
def job() -> BuyerJob:
    return recipe()


def test_the_job_passes_the_markets_check_and_fits_its_own_documents() -> None:
    made = job()
    program = Program.decode(made.program)

    cost = check(program, ProgramLimits(max_bytes=made.spec.memory_bytes))
    headers = [read_header(data, total_bytes=len(data)) for data in (made.state, made.dataset)]
    check_fits(program, made.spec, *headers)

    assert 0 < cost.peak_bytes < made.spec.memory_bytes


def test_the_specification_names_the_documents() -> None:
    made = job()

    assert made.spec.program == artifact_id(made.program)
    assert made.spec.state == artifact_id(made.state)
    assert made.spec.dataset == artifact_id(made.dataset)


def test_the_model_has_about_half_a_million_parameters() -> None:
    weights = [tensor for name, tensor in load(job().state).items() if not name.startswith("moment")]

    assert 0.4e6 < sum(weight.numel() for weight in weights) < 0.6e6


def test_flops_of_a_step_are_six_per_weight_and_token_and_a_little() -> None:
    weights = load(job().state)
    matrices = sum(t.numel() for n, t in weights.items() if n.startswith("blocks") or n == "head")
    expected = 6 * matrices * DEMO.batch * (job().spec.window - 1)

    assert 1.0 < check(Program.decode(job().program), ProgramLimits(max_bytes=1 << 30)).flops / expected < 1.2


def test_a_second_making_gives_the_same_documents() -> None:
    again = recipe()

    assert (again.program, again.state, again.dataset) == (job().program, job().state, job().dataset)


def test_an_untrained_model_knows_nothing() -> None:
    assert job().evaluate(job().state) == pytest.approx(4.5, abs=0.3)


def test_a_sample_starts_with_the_prompt_and_is_the_same_twice() -> None:
    text = job().sample(job().state)

    assert text.startswith("The ")
    assert text == job().sample(job().state)


def test_validation_text_never_leaves_the_buyer() -> None:
    corpus = read_corpus()

    assert list(load(job().dataset)) == ["tokens"]
    assert load(job().dataset)["tokens"].numel() == corpus.train.numel()
    assert corpus.validation.numel() > 10_000
