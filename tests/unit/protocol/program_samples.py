"""A small program written by hand: one matrix, one product, one mean. No torch needed to make it."""

from dataclasses import replace
from typing import Any

from market.protocol.graph import Input, Node, Program, Ref, Role
from market.protocol.hashing import ArtifactId
from market.protocol.shapes import DType, TensorType
from market.protocol.specs import TrainSpec
from market.protocol.words import ExecutionClass, JobKind

F32, I64 = DType.F32, DType.I64
BATCH, WINDOW = 2, 3


def tensor(*shape: int, dtype: DType = F32) -> TensorType:
    return TensorType(dtype, shape)


def small() -> Program:
    """values: 0 weight [2, 2], 1 tokens, 2 step, 3 weight @ weight, 4 weight renewed, 5 loss."""
    return Program(
        inputs=(
            Input(role=Role.STATE, name="weight", type=tensor(2, 2)),
            Input(role=Role.BATCH, name="batch", type=tensor(BATCH, WINDOW, dtype=I64)),
            Input(role=Role.STEP, name="step", type=tensor()),
        ),
        nodes=(
            Node(operator="aten.mm.default", arguments=(Ref(0), Ref(0)), outputs=(tensor(2, 2),)),
            Node(operator="aten.add.Tensor", arguments=(Ref(3), 0.5, 1), outputs=(tensor(2, 2),)),
            Node(operator="aten.mean.default", arguments=(Ref(4), None), outputs=(tensor(),)),
        ),
        outputs=(4, 5),
    )


def with_node(at: int, **changes: Any) -> Program:
    """The small program with one node changed."""
    program = small()
    nodes = list(program.nodes)
    nodes[at] = replace(nodes[at], **changes)
    return replace(program, nodes=tuple(nodes))


def spec(**changes: Any) -> TrainSpec:
    """A job that the small program fits."""
    plain: dict[str, Any] = {
        "kind": JobKind.TRAIN,
        "program": ArtifactId("1" * 64),
        "state": ArtifactId("2" * 64),
        "dataset": ArtifactId("3" * 64),
        "dataset_tensor": "tokens",
        "rounds": (2, 1),
        "steps_per_unit": 4,
        "segment_steps": 3,
        "batch": BATCH,
        "window": WINDOW,
        "seed": 7,
        "execution_class": ExecutionClass.PINNED,
        "memory_bytes": 1 << 20,
        "unit_seconds": 60,
    }
    return TrainSpec(**{**plain, **changes})
