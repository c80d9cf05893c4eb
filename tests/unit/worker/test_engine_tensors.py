"""States to bytes and back, and the roots over them."""

import pytest
import torch
from safetensors.torch import load as their_load

from market.protocol.state import NamedBytes, state_root
from market.protocol.tensors import TensorsMalformed
from worker.attest.trace import root_of
from worker.engine.aten import UnknownDtype
from worker.engine.tensors import load, named_bytes, save

STATE = {
    "b": torch.arange(6, dtype=torch.float32).reshape(2, 3),
    "a": torch.tensor([1, -2], dtype=torch.int64),
    "c": torch.tensor(True),
    "d": torch.tensor([[1.5]], dtype=torch.float64),
}


def test_a_state_comes_back_as_it_was_saved() -> None:
    back = load(save(STATE))

    assert back.keys() == STATE.keys()
    assert all(torch.equal(back[name], STATE[name]) and back[name].dtype == STATE[name].dtype for name in STATE)


def test_the_safetensors_library_reads_what_we_save() -> None:
    theirs = their_load(save(STATE))

    assert all(torch.equal(theirs[name], STATE[name]) for name in STATE)


def test_loaded_tensors_are_aligned_however_the_document_lies() -> None:
    assert all(tensor.data_ptr() % 64 == 0 for tensor in load(save(STATE)).values())


def test_the_root_is_that_of_the_bytes() -> None:
    by_hand = state_root(
        NamedBytes(name="x", dtype="F32", shape=(2,), data=data) for data in [b"\x00\x00\x80\x3f\x00\x00\x00\x40"]
    )

    assert root_of({"x": torch.tensor([1.0, 2.0])}) == by_hand


def test_the_root_does_not_depend_on_how_a_tensor_lies_in_memory() -> None:
    laid_out = torch.arange(6, dtype=torch.float32).reshape(3, 2).t()

    assert root_of({"x": laid_out}) == root_of({"x": laid_out.contiguous()})


def test_minus_zero_is_another_state_than_zero() -> None:
    assert root_of({"x": torch.tensor([0.0])}) != root_of({"x": torch.tensor([-0.0])})


def test_contiguous_tensors_are_not_copied_to_be_hashed() -> None:
    tensor = torch.zeros(4)
    (item,) = named_bytes({"x": tensor})

    tensor[0] = 1.0

    assert bytes(item.data)[:4] == b"\x00\x00\x80\x3f"


def test_a_dtype_without_a_word_is_refused() -> None:
    with pytest.raises(UnknownDtype):
        save({"x": torch.zeros(1, dtype=torch.bfloat16)})


def test_a_broken_document_is_refused() -> None:
    with pytest.raises(TensorsMalformed):
        load(save(STATE)[:-1])
