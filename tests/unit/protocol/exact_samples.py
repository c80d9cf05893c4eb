"""A tiny exact program written by hand, its leaves one by one, and the small ATen program as an exact job."""

from dataclasses import replace
from typing import Any

from market.protocol.exact.jobs import ExactJob, exact_job
from market.protocol.exact.leaf import (
    ExactProgram,
    Guard,
    Kind,
    Leaf,
    Op,
    Operand,
    Slot,
    View,
    WordType,
)
from market.protocol.graph import Program
from market.protocol.specs import TrainSpec
from market.protocol.state import NamedBytes
from market.protocol.words import ExecutionClass
from tests.unit.protocol.program_samples import small, spec

F32, I32 = WordType.F32, WordType.I32
# Values 0 to 5: two states of 64 and 128 words, one of integers, then batch and step; 5 is what the first leaf makes.
INPUTS = (
    Slot(name="row", type=F32, shape=(64,)),
    Slot(name="table", type=F32, shape=(2, 64)),
    Slot(name="whole", type=I32, shape=(4,)),
    Slot(name="batch", type=I32, shape=(2, 64)),
    Slot(name="step", type=F32, shape=()),
)
SIZES = {0: (64, F32), 1: (128, F32), 2: (4, I32), 3: (128, I32), 4: (1, F32), 5: (64, F32)}


def reads(source: int, *strides: int, offset: int = 0, guards: tuple[Guard, ...] = (), **changes: Any) -> Operand:
    elements, kind = SIZES.get(source, (64, F32))
    view = View(offset=offset, strides=strides, guards=guards, fill=changes.pop("fill", 0))
    plain = Operand(kind=Kind.VALUE, source=source, elements=elements, type=kind, view=view)
    return replace(plain, **changes)


def counts(*strides: int, **changes: Any) -> Operand:
    return replace(Operand(kind=Kind.INDEX, view=View(offset=0, strides=strides)), **changes)


def constant(word: int = 0) -> Operand:
    return Operand(kind=Kind.CONSTANT, word=word)


def leaf(op: Op, kind: WordType, shape: tuple[int, ...], *operands: Operand, length: int = 0) -> Leaf:
    return Leaf(op=op, type=kind, shape=shape, operands=operands, length=length)


DOUBLED = leaf(Op.ADD, F32, (64,), reads(0, 1), reads(0, 1))


def program(*leaves: Leaf, outputs: tuple[int, ...] = (0, 1, 2), loss: int = 5) -> ExactProgram:
    """The doubled row, then these leaves, from value 6 on."""
    return ExactProgram(inputs=INPUTS, leaves=(DOUBLED, *leaves), outputs=outputs, loss=loss)


def exact_spec(**changes: Any) -> TrainSpec:
    return spec(**{"execution_class": ExecutionClass.EXACT, "court": "ab" * 32, **changes})


STATE = (NamedBytes(name="weight", dtype="F32", shape=(2, 2), data=bytes(range(16))),)
DATASET = (NamedBytes(name="tokens", dtype="U8", shape=(60,), data=bytes(range(60))),)


def small_exact_job(wanted: Program | None = None) -> ExactJob:
    return exact_job(exact_spec(), wanted or small(), STATE, DATASET)
