"""From a job's documents to what its court will hold: buyer, market and worker all go this way.

Decides how tensors of a document become words, in which order the slots of a state are hashed (by name), and that an
exact job whose program cannot be lowered, or whose state or data do not fit words, is refused by name before anything
is paid. Works on bytes; never runs a step.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from market.protocol import tensors
from market.protocol.errors import CommonwattError
from market.protocol.exact import commit
from market.protocol.exact.leaf import ExactProgram
from market.protocol.exact.recipes.table import exact_program
from market.protocol.exact.terms import ExactTerms, terms_of
from market.protocol.graph import Program
from market.protocol.specs import TrainSpec
from market.protocol.state import NamedBytes

_INTEGERS = {"I64": "q", "I32": "i", "U8": "B", "BOOL": "B"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NoWords(CommonwattError):
    """A tensor that 32-bit words cannot hold."""

    tensor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactJob:
    """A lowered job: what workers execute and what the court is told."""

    program: ExactProgram
    terms: ExactTerms


def words_of(tensor: NamedBytes) -> bytes | memoryview:
    """Return a tensor as little-endian 32-bit words; raises NoWords for float64 and for integers beyond int32."""
    if tensor.dtype in {"F32", "I32"}:
        return tensor.data
    if tensor.dtype not in _INTEGERS:
        raise NoWords(tensor=tensor.name, reason=f"{tensor.dtype} has no exact form")
    items = array(_INTEGERS[tensor.dtype], bytes(tensor.data))
    try:
        return array("i", items).tobytes()
    except OverflowError as error:
        raise NoWords(tensor=tensor.name, reason="an integer does not fit 32 bits") from error


def exact_state_root(state: Iterable[NamedBytes]) -> bytes:
    """Return the root of a state in the exact class: over its slots' value roots, by name. Raises NoWords."""
    ordered = sorted(state, key=lambda tensor: tensor.name)
    return commit.state_root([commit.value_root(words_of(tensor)) for tensor in ordered])


def exact_job(
    spec: TrainSpec, program: Program, state: Sequence[NamedBytes], dataset: Sequence[NamedBytes]
) -> ExactJob:
    """Return the job's exact program and terms. The program has passed `market.protocol.programs.check`, the documents
    `check_fits`. Raises CannotLower or NoWords."""
    lowered = exact_program(program)
    items = next(tensor for tensor in dataset if tensor.name == spec.dataset_tensor)
    words = words_of(items)
    terms = terms_of(
        spec,
        lowered,
        state_root=exact_state_root(state),
        dataset_root=commit.value_root(words),
        dataset_items=len(memoryview(words).cast("B")) // 4,
    )
    return ExactJob(program=lowered, terms=terms)


def exact_job_of_documents(spec: TrainSpec, program: bytes, state: bytes, dataset: bytes) -> ExactJob:
    """The same from the artifacts' bytes; raises also ProgramMalformed and TensorsMalformed."""
    return exact_job(spec, Program.decode(program), tensors.read(state), tensors.read(dataset))
