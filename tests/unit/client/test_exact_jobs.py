"""A buyer asks for the exact class: the same documents with a court, or a refusal before anything is sent."""

from dataclasses import replace
from pathlib import Path

import pytest

from market.client.exact import as_exact
from market.client.folders import JobFolder, read_folder, write_folder
from market.protocol import tensors
from market.protocol.exact.jobs import NoWords, exact_job_of_documents
from market.protocol.exact.lower import CannotLower
from market.protocol.exact.terms import require_court
from market.protocol.graph import Program
from market.protocol.hashing import artifact_id
from market.protocol.shapes import DType
from market.protocol.state import NamedBytes
from market.protocol.words import ExecutionClass
from tests.unit.protocol.exact_samples import DATASET, STATE
from tests.unit.protocol.program_samples import small, spec, tensor, with_node


def folder(program: Program | None = None, tokens: NamedBytes | None = None) -> JobFolder:
    document, state = (program or small()).encode(), tensors.encode(STATE)
    dataset = tensors.encode([tokens] if tokens else DATASET)
    names = {"program": artifact_id(document), "state": artifact_id(state), "dataset": artifact_id(dataset)}
    return JobFolder(program=document, state=state, dataset=dataset, spec=spec(**names))


def test_a_job_made_exact_states_the_court_that_its_documents_give() -> None:
    job = as_exact(folder())
    terms = exact_job_of_documents(job.spec, job.program, job.state, job.dataset).terms
    require_court(job.spec, terms)
    assert (job.spec.execution_class, job.spec.court) == (ExecutionClass.EXACT, terms.hash().hex())


def test_a_job_made_exact_keeps_its_documents_and_the_rest_of_its_specification() -> None:
    plain = folder()
    exact = as_exact(plain)
    assert (exact.program, exact.state, exact.dataset) == (plain.program, plain.state, plain.dataset)
    assert replace(exact.spec, execution_class=ExecutionClass.PINNED, court=None) == plain.spec


def test_an_exact_job_made_exact_again_is_the_same() -> None:
    once = as_exact(folder())
    assert as_exact(once) == once


def test_an_exact_job_is_read_back_from_its_folder(tmp_path: Path) -> None:
    job = as_exact(folder())
    write_folder(job, tmp_path)
    assert read_folder(tmp_path) == job


def test_a_program_that_cannot_be_lowered_is_refused_with_its_node() -> None:
    float64 = with_node(0, operator="aten._to_copy.default", outputs=(tensor(2, 2, dtype=DType.F64),))
    with pytest.raises(CannotLower) as refused:
        as_exact(folder(float64))
    assert (refused.value.node, refused.value.operator) == (0, "aten._to_copy.default")


def test_a_dataset_that_words_cannot_hold_is_refused_by_its_name() -> None:
    wide = NamedBytes(name="tokens", dtype="I64", shape=(60,), data=(1 << 31).to_bytes(8, "little") * 60)
    with pytest.raises(NoWords) as refused:
        as_exact(folder(tokens=wide))
    assert refused.value.tensor == "tokens"
