"""The interpreter does what the program says, bit for bit, and leaves its inputs alone."""

import weakref
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from market.protocol.graph import Node, Program, Ref
from market.protocol.programs import OperatorNotAllowed, ProgramLimits, ProgramTooLarge
from market.protocol.shapes import DType, TensorType
from tests.unit.protocol import program_samples as samples
from tests.unit.worker.charlm_samples import BATCH, CONTEXT, LIMITS, SETTINGS, SHAPE, small
from worker.engine.interpreter import Executable, StepFailed, failure
from worker.training.adamw import train_step
from worker.training.charlm import batch_loss


def tokens(seed: int = 0) -> torch.Tensor:
    return torch.randint(0, SHAPE.vocabulary, (BATCH, CONTEXT + 1), generator=torch.Generator().manual_seed(seed))


def test_a_step_equals_the_eager_step_bit_for_bit() -> None:
    job = small()
    step = train_step(lambda weights, batch: batch_loss(job.model, weights, batch), SETTINGS)
    executable, state = job.executable(), job.state
    values = [state[name] for name in executable.state_types]
    for number in range(1, 6):
        state, loss = step(state, tokens(number), torch.tensor(float(number)))
        values, ours = executable.step(values, tokens(number), number)
        assert torch.equal(ours, loss)
        assert all(torch.equal(value, state[name]) for value, name in zip(values, executable.state_types, strict=True))


def test_a_step_leaves_its_inputs_as_they_were() -> None:
    executable = small().executable()
    values = [small().state[name].clone() for name in executable.state_types]
    before = [value.clone() for value in values]

    executable.step(values, tokens(), 1)

    assert all(torch.equal(value, old) for value, old in zip(values, before, strict=True))


def test_a_second_step_does_not_touch_the_first_ones_results() -> None:
    executable = small().executable()
    first, loss = executable.step([small().state[name] for name in executable.state_types], tokens(), 1)
    before = [value.clone() for value in (*first, loss)]

    executable.step(first, tokens(1), 2)

    assert all(torch.equal(value, old) for value, old in zip((*first, loss), before, strict=True))


def test_a_program_with_a_strange_operator_is_never_made_ready() -> None:
    with pytest.raises(OperatorNotAllowed):
        Executable.load(samples.with_node(0, operator="aten.system.default"), LIMITS)


def test_a_program_above_the_memory_limit_is_never_made_ready() -> None:
    with pytest.raises(ProgramTooLarge):
        Executable.load(small().program, ProgramLimits(max_bytes=1000))


def test_an_index_out_of_range_fails_with_the_node() -> None:
    executable = small().executable()
    values = [small().state[name] for name in executable.state_types]

    with pytest.raises(StepFailed) as failed:
        executable.step(values, torch.full((BATCH, CONTEXT + 1), SHAPE.vocabulary), 1)

    assert "embedding" in failed.value.operator


def test_an_allocator_that_refuses_is_told_apart_from_a_failing_operator() -> None:
    node = small().program.nodes[0]
    refused = RuntimeError("[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory: 12 bytes")

    assert isinstance(failure(0, node, refused), MemoryError)
    assert isinstance(failure(0, node, RuntimeError("sizes differ")), StepFailed)


def test_a_result_is_not_written_over_a_base_whose_view_is_still_wanted() -> None:
    kind = TensorType(DType.F32, (2, 2))
    nodes = (
        Node(operator="aten.mm.default", arguments=(Ref(0), Ref(0)), outputs=(kind,)),  # 3
        Node(operator="aten.t.default", arguments=(Ref(3),), outputs=(kind,)),  # 4, a view of 3
        Node(operator="aten.mul.Tensor", arguments=(Ref(3), 100.0), outputs=(kind,)),  # 5 must not land in 3
        Node(operator="aten.add.Tensor", arguments=(Ref(4), Ref(5), 1), outputs=(kind,)),  # 6
        Node(operator="aten.sum.default", arguments=(Ref(6), None), outputs=(TensorType(DType.F32, ()),)),  # 7
    )
    program = replace(samples.small(), nodes=nodes, outputs=(6, 7))
    weight = torch.tensor([[1.0, 2.0], [3.0, 4.0]])

    (new,), _ = Executable.load(program, LIMITS).step([weight], torch.zeros(2, 3, dtype=torch.int64), 1)

    assert torch.equal(new, (weight @ weight).T + (weight @ weight) * 100)


def test_a_result_is_not_written_over_an_argument_seen_twice_in_another_order() -> None:
    kind = TensorType(DType.F32, (2, 2))
    nodes = (
        Node(operator="aten.mm.default", arguments=(Ref(0), Ref(0)), outputs=(kind,)),  # 3
        Node(operator="aten.t.default", arguments=(Ref(3),), outputs=(kind,)),  # 4
        Node(operator="aten.mul.Tensor", arguments=(Ref(3), Ref(4)), outputs=(kind,)),  # 5 = 3 * 3.T
        Node(operator="aten.add.Tensor", arguments=(Ref(5), 1.0, 1), outputs=(kind,)),  # 6
        Node(operator="aten.sum.default", arguments=(Ref(6), None), outputs=(TensorType(DType.F32, ()),)),
    )
    program: Program = replace(samples.small(), nodes=nodes, outputs=(6, 7))
    weight = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    product = weight @ weight

    (new,), _ = Executable.load(program, LIMITS).step([weight], torch.zeros(2, 3, dtype=torch.int64), 1)

    assert torch.equal(new, product * product.T + 1)


class Watching(TorchDispatchMode):
    """Adds up the memory of every tensor that is alive after each operator."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[weakref.ref[torch.Tensor]] = []
        self.peak_bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        tensors = made if isinstance(made, tuple | list) else (made,)
        self.seen += [weakref.ref(tensor) for tensor in tensors]
        alive = [tensor for tensor in (ref() for ref in self.seen) if tensor is not None]
        storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in alive}
        self.peak_bytes = max(self.peak_bytes, sum(storages.values()))
        return made


def test_a_step_never_holds_more_memory_than_the_check_foretold() -> None:
    executable = small().executable()
    values = [small().state[name] for name in executable.state_types]
    inputs = sum(item.type.bytes for item in executable.program.inputs)
    batch = tokens()

    with Watching() as watching:
        executable.step(values, batch, 1)

    foretold = executable.cost.peak_bytes - inputs
    assert 0.8 * foretold < watching.peak_bytes <= foretold + 64
