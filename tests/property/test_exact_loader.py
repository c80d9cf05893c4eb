"""Whatever document is handed in: it becomes leaves that the court can judge, or it is refused by name, and quickly."""

import copy
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from market.protocol import programs
from market.protocol.errors import CommonwattError
from market.protocol.exact.commit import leaves_root
from market.protocol.exact.leaf import check_program
from market.protocol.exact.recipes.table import exact_program
from market.protocol.graph import Input, Node, Program, Ref, Role
from market.protocol.operators import OPERATORS
from market.protocol.programs import ProgramLimits
from market.protocol.shapes import DType, TensorType, Unfit
from tests.unit.protocol.operator_samples import fitting
from tests.unit.protocol.program_samples import small

LIMITS = ProgramLimits(max_bytes=8 << 30)  # what a market allows by itself
SECONDS = 1.0
SIZES = (0, 1, 2, 3, 7, 64, 1 << 10, 1 << 20, 1 << 31, (1 << 31) - 1, 1 << 40, (1 << 63) - 1)
FLOATS = ("nan", "inf", "-inf", "-0x0.0p+0", "0x1.fffffffffffffp+1023", "0x0.0000000000001p-1022", "0x1.8p+1")
Document = dict[str, Any]


def program_of(name: str, dice: random.Random) -> Program | None:
    """Return a step that does nothing but one call of one operator; None where this draw does not fit."""
    drawn = fitting(name, dice)
    if drawn is None:
        return None
    kinds = [kind for item in drawn for kind in (item if isinstance(item, tuple) else (item,))]
    kinds = [kind for kind in kinds if isinstance(kind, TensorType)]
    states = [TensorType(_held(kind.dtype), kind.shape) for kind in kinds] or [TensorType(DType.F32, (2,))]
    inputs = [Input(role=Role.STATE, name=f"s{at}", type=kind) for at, kind in enumerate(states)]
    inputs.append(Input(role=Role.BATCH, name="batch", type=TensorType(DType.I64, (2, 3))))
    inputs.append(Input(role=Role.STEP, name="step", type=TensorType(DType.F32, ())))
    nodes: list[Node] = []
    places = iter([_as(kind, at, len(inputs), nodes) for at, kind in enumerate(kinds)])
    arguments = tuple(
        tuple(Ref(next(places)) if isinstance(part, TensorType) else part for part in item)
        if isinstance(item, tuple)
        else (Ref(next(places)) if isinstance(item, TensorType) else item)
        for item in drawn
    )
    made = OPERATORS[name].infer(*drawn)
    value = len(inputs) + len(nodes)
    nodes.append(Node(operator=name, arguments=arguments, outputs=made))
    value = _as(TensorType(DType.F32, made[0].shape), value, len(inputs), nodes, wanted_from=made[0])
    nodes.append(Node(operator="aten.sum.default", arguments=(Ref(value), None), outputs=(TensorType(DType.F32, ()),)))
    loss = len(inputs) + sum(len(node.outputs) for node in nodes) - 1
    return Program(inputs=tuple(inputs), nodes=tuple(nodes), outputs=(*range(len(states)), loss))


def _held(dtype: DType) -> DType:
    return dtype if dtype in {DType.F32, DType.I32} else DType.F32


def _as(kind: TensorType, value: int, inputs: int, nodes: list[Node], *, wanted_from: TensorType | None = None) -> int:
    """Return a value of the dtype that is wanted, by a cast where the one at hand has another."""
    before = wanted_from.dtype if wanted_from is not None else _held(kind.dtype)
    if before is kind.dtype:
        return value
    nodes.append(Node(operator="aten._to_copy.default", arguments=(Ref(value), kind.dtype), outputs=(kind,)))
    return inputs + sum(len(node.outputs) for node in nodes) - 1


def corpus() -> list[Program]:
    dice = random.Random(5)
    made = [program_of(name, dice) for name in sorted(OPERATORS) for _ in range(2)]
    return [small(), *(program for program in made if program is not None)]


CORPUS = corpus()


def load(data: bytes) -> str:
    """Load a document as a market does; return how it ended. Anything but a named refusal is raised."""
    began = time.process_time()
    try:
        program = Program.decode(data)
        programs.check(program, LIMITS)
        exact = exact_program(program)
    except CommonwattError as refusal:
        end = type(refusal).__name__
    else:
        check_program(exact)
        leaves_root(exact)  # whatever is accepted has bytes
        end = "lowered"
    assert time.process_time() - began < SECONDS, f"{data!r} took {time.process_time() - began} s"
    return end


# ---- mutations of a parsed document, each in one place


def places(value: Any, wanted: Callable[[Any], bool]) -> Iterator[tuple[Any, Any]]:
    """Yield (container, key) of everything in a document that is wanted."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if wanted(item):
            yield value, key
        yield from places(item, wanted)


def change(document: Document, dice: random.Random, wanted: Callable[[Any], bool], *, to: Callable[[Any], Any]) -> None:
    found = list(places(document, wanted))
    if found:
        container, key = dice.choice(found)
        container[key] = to(container[key])


def is_whole(item: Any) -> bool:
    return isinstance(item, int) and not isinstance(item, bool)


def rewired(document: Document, dice: random.Random) -> None:
    values = len(document["inputs"]) + len(document["nodes"])
    is_reference = lambda item: isinstance(item, dict) and "v" in item  # noqa: E731
    change(document, dice, is_reference, to=lambda _: {"v": dice.randrange(values + 2)})


def resized(document: Document, dice: random.Random) -> None:
    change(document, dice, is_whole, to=lambda old: dice.choice((*SIZES, -1, -old, old + 1, old - 1, old * 2)))


def retyped(document: Document, dice: random.Random) -> None:
    is_dtype = lambda item: isinstance(item, str) and item in list(DType)  # noqa: E731
    change(document, dice, is_dtype, to=lambda _: dice.choice(list(DType)).value)


def cut(document: Document, dice: random.Random) -> None:
    found = list(places(document, lambda item: True))
    container, key = dice.choice(found)
    del container[key]


def doubled(document: Document, dice: random.Random) -> None:
    found = [container for container, _ in places(document, lambda item: True) if isinstance(container, list)]
    if found:
        chosen = dice.choice(found)
        chosen.insert(dice.randrange(len(chosen) + 1), copy.deepcopy(dice.choice(chosen)))


def turned(document: Document, dice: random.Random) -> None:
    dice.shuffle(document["nodes"])


def renamed(document: Document, dice: random.Random) -> None:
    names = ("aten.nothing.default", "", "aten", *dice.sample(sorted(OPERATORS), 5))
    change(document, dice, lambda item: isinstance(item, str) and item in OPERATORS, to=lambda _: dice.choice(names))


def replaced(document: Document, dice: random.Random) -> None:
    others: tuple[Any, ...] = (None, True, "", [], {}, [[1]], {"v": -1}, {"d": "F64"}, {"f": dice.choice(FLOATS)}, 0.5)
    change(document, dice, lambda item: True, to=lambda _: dice.choice(others))


def floated(document: Document, dice: random.Random) -> None:
    number = dice.choice(FLOATS)
    is_number = lambda item: is_whole(item) or (isinstance(item, dict) and "f" in item)  # noqa: E731
    change(document, dice, is_number, to=lambda _: {"f": number})


GENTLE = (rewired, resized, resized, retyped, turned, renamed, floated)
ROUGH = (cut, doubled, replaced)


def mended(data: bytes) -> bytes:
    """Return the document with every declared output made what the operator's rule says: so that more of the faults
    reach the recipes."""
    program = Program.decode(data)
    known, nodes = [item.type for item in program.inputs], []
    for node in program.nodes:
        made = OPERATORS[node.operator].infer(*programs._resolve_arguments(OPERATORS[node.operator], node, known))
        nodes.append(replace(node, outputs=made))
        known += made
    return replace(program, nodes=tuple(nodes)).encode()


def mutated(program: Program, dice: random.Random) -> bytes:
    document = json.loads(program.encode())
    for _ in range(dice.choice((0, 1, 1, 2, 3))):
        dice.choice(GENTLE)(document, dice)
    if dice.random() < 0.4:
        dice.choice(ROUGH)(document, dice)
    data = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    try:
        return mended(data)
    except (CommonwattError, Unfit, KeyError):  # what cannot be mended is handed in as it is
        return data


def flipped(program: Program, dice: random.Random) -> bytes:
    data = bytearray(program.encode())
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(data))
        match dice.randrange(3):
            case 0:
                data[at] ^= 1 << dice.randrange(8)
            case 1:
                del data[at : at + dice.randint(1, 8)]
            case _:
                data[at:at] = dice.choice((b"9", b"0", b"-", b"[", b'"', b"\xff", b"e9", b"null"))
    return bytes(data)


def test_every_allowed_operator_is_lowered() -> None:
    ends = Counter(load(program.encode()) for program in CORPUS)
    assert ends["lowered"] > 0.8 * len(CORPUS), ends


@pytest.mark.parametrize("mutate", [mutated, flipped])
def test_a_mutated_document_is_lowered_or_refused_by_name_and_soon(
    mutate: Callable[[Program, random.Random], bytes],
) -> None:
    seed = random.randrange(1 << 32)
    dice, ends = random.Random(seed), Counter[str]()
    for _ in range(2_500):
        data = mutate(dice.choice(CORPUS), dice)
        try:
            ends[load(data)] += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}: {data!r}") from error
    assert len(ends) > 3, f"seed {seed}: the mutations reach {ends} alone"
