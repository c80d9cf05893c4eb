"""A tiny exact training job run word by word: the honest execution, and faulty ones to play against.

The program gathers rows, multiplies matrices (chains of 70 and of 300 terms), sums in lanes, scatters by MATCH, and
updates; one slot passes unchanged and one holds integers. Every word comes from the court's own arithmetic.
"""

import hashlib
import random
from array import array
from dataclasses import dataclass, replace
from functools import lru_cache

from market.protocol.exact import commit, judge
from market.protocol.exact import game_court as court
from market.protocol.exact.build import Builder, Tensor
from market.protocol.exact.game_moves import Frame
from market.protocol.exact.leaf import ExactProgram, Guard, Kind, Op, Operand, Slot, View, WordType, check_program
from market.protocol.exact.terms import ExactTerms
from market.protocol.merkle import root as merkle_root
from market.protocol.specs import UnitPlan
from market.protocol.state import trace_root
from worker.attest.ledger import Ledger

FLOATS, INTS = WordType.F32, WordType.I32
STEPS, SEGMENT, BATCH, WINDOW, ITEMS, ROWS, WIDTH = 5, 2, 2, 4, 300, 5, 70
WORKER, PROVIDER, CHALLENGER = "0xworker", "0xprovider", "0xchallenger"
State = tuple[bytes, ...]


def tiny_program() -> ExactProgram:
    b = Builder(
        (
            Slot(name="count", type=INTS, shape=(3,)),
            Slot(name="long", type=FLOATS, shape=(300,)),
            Slot(name="table", type=FLOATS, shape=(ROWS, WIDTH)),
            Slot(name="weight", type=FLOATS, shape=(3, WIDTH)),
            Slot(name="batch", type=INTS, shape=(BATCH, WINDOW)),
            Slot(name="step", type=FLOATS, shape=()),
        )
    )
    count, long, table, weight, batch, step = map(b.input, range(6))
    ids = batch.slice(1, 1, 1).squeeze((1,))
    x = _gathered(b, table, ids)
    y = b.chain(x.unsqueeze(1), weight.unsqueeze(0))
    norm = b.chain(long, long)
    active = b.map(Op.SELECT, b.map(Op.LT, b.number(0.0), y), y, b.number(0.0))
    loss = b.map(Op.FMA, b.sum(x, None), norm, b.sum(active, None))
    slope = b.chain(active.permute((1, 0)).unsqueeze(1), x.permute((1, 0)).unsqueeze(0))
    rate = b.map(Op.DIV, b.number(-0.01), step)
    grown = b.map(Op.FMA, slope, rate, weight)
    pulled = b.chain(active.unsqueeze(1), weight.permute((1, 0)).unsqueeze(0))
    key = Operand(kind=Kind.INDEX, view=View(offset=0, strides=(1, 0)))
    scattered = b.match(key, ids.unsqueeze(0).unsqueeze(0), pulled.permute((1, 0)).unsqueeze(0), (ROWS, WIDTH))
    learned = b.map(Op.FMA, scattered, rate, table)
    seen = b.map(Op.IADD, count, b.map(Op.FTOI, b.map(Op.MUL, loss, b.number(1e3))))
    program = b.finish([seen, long, learned, grown], loss)
    check_program(program)
    return program


def _gathered(b: Builder, table: Tensor, ids: Tensor) -> Tensor:
    guard = Guard(base=0, coefficients=(0, 0), size=ROWS, stride=WIDTH)
    rows = replace(b.operand(table), view=View(offset=0, strides=(0, 1), guards=(guard,)))
    return b.emit(Op.GATHER, FLOATS, (BATCH, WIDTH), [rows, b.operand(ids.unsqueeze(1).expand((BATCH, WIDTH)))])


PROGRAM = tiny_program()
SLOTS, INPUTS = len(PROGRAM.outputs), len(PROGRAM.inputs)


def _floats(random_: random.Random, count: int) -> bytes:
    return array("f", [random_.uniform(-1, 1) for _ in range(count)]).tobytes()


_drawn = random.Random(7)
DATASET = array("i", [_drawn.randrange(ROWS) for _ in range(ITEMS)]).tobytes()
START: State = (
    array("i", [1, -2, 3]).tobytes(),
    _floats(_drawn, 300),
    _floats(_drawn, ROWS * WIDTH),
    _floats(_drawn, 3 * WIDTH),
)
PLAN = UnitPlan(index=1, round=0, shard=1, shards=2, first_step=0, predecessors=())


def root_of(state: State) -> bytes:
    return commit.state_root([commit.value_root(words) for words in state])


TERMS = ExactTerms(
    leaves_root=commit.leaves_root(PROGRAM),
    outputs_root=commit.outputs_root(PROGRAM),
    state_root=root_of(START),
    dataset_root=commit.value_root(DATASET),
    units_root=bytes(32),
    leaf_count=len(PROGRAM.leaves),
    state_slots=SLOTS,
    unit_count=2,
    segment_steps=SEGMENT,
    steps_per_unit=STEPS,
    batch=BATCH,
    window=WINDOW,
    seed=11,
    dataset_items=ITEMS,
)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What one step of a faulty execution gets wrong. kind: word (bit of a leaf's element), state (bit of the new state
    alone), batch (rows the other way round), start (bit of the state the step reads), void (no state has this root),
    lazy (one slot of the new state is the old one)."""

    kind: str
    step: int
    at: int = 0
    element: int = 0
    bit: int = 0


@dataclass(frozen=True, kw_only=True)
class StepRun:
    """One executed step: what `worker.attest.ledger.Step` asks for."""

    values: tuple[bytes, ...]
    state: State
    slot_roots: tuple[bytes, ...]
    value_roots: tuple[bytes, ...]
    new_slot_roots: tuple[bytes, ...]
    root: bytes

    def words(self, value: int) -> bytes:
        return self.values[value]


def flipped(words: bytes, element: int, bit: int, kind: WordType) -> bytes:
    items = array("I", words)
    items[element % len(items)] ^= 1 << bit
    return commit.canonical(items.tobytes()) if kind is FLOATS else items.tobytes()


@lru_cache(maxsize=256)
def run_step(state: State, step: int, fault: Fault | None = None) -> StepRun:
    """Execute one step from a state, wrong in the one way that `fault` says."""
    kind = fault.kind if fault is not None and fault.step == step else ""
    assert fault is not None or not kind
    read = state
    if kind == "start":
        read = _changed(state, fault)
    values = [*read, _batch(step, kind == "batch"), court.step_word(PLAN, step).to_bytes(4, "little")]
    for at, leaf in enumerate(PROGRAM.leaves):
        arrays = [memoryview(values[o.source]).cast("I") if o.kind is Kind.VALUE else None for o in leaf.operands]
        words = [judge.element(leaf, e, lambda p, i, arrays=arrays: arrays[p][i]) for e in range(leaf.elements)]
        data = array("I", words).tobytes()
        if kind == "word" and fault.at == at:
            data = flipped(data, fault.element, fault.bit, leaf.type)
        values.append(data)
    new = tuple(values[value] for value in PROGRAM.outputs)
    if kind == "state":
        new = _changed(new, fault)
    if kind == "lazy":
        new = (*new[: fault.at], state[fault.at], *new[fault.at + 1 :])
    roots = [commit.value_root(words) for words in values]
    new_roots = tuple(commit.value_root(words) for words in new)
    end = commit.state_root(new_roots)
    return StepRun(
        values=tuple(values),
        state=new,
        slot_roots=tuple(roots[:SLOTS]),
        value_roots=tuple(roots[INPUTS:]),
        new_slot_roots=new_roots,
        root=hashlib.sha256(end).digest() if kind == "void" else end,
    )


def _changed(state: State, fault: Fault) -> State:
    slot = fault.at % SLOTS
    kind = PROGRAM.inputs[slot].type
    return (*state[:slot], flipped(state[slot], fault.element, fault.bit, kind), *state[slot + 1 :])


def _batch(step: int, reverse: bool) -> bytes:
    data = memoryview(DATASET).cast("I")
    places = [court.dataset_place(TERMS, PLAN, step, at) for at in range(BATCH * WINDOW)]
    rows = [places[row * WINDOW : (row + 1) * WINDOW] for row in range(BATCH)]
    ordered = reversed(rows) if reverse else rows
    return array("I", [data[place] for row in ordered for place in row]).tobytes()


class Run:
    """One execution of the unit, honest or faulty, and the ledger that answers for it."""

    def __init__(self, fault: Fault | None = None) -> None:
        self.fault, self.replays = fault, 0
        state = START
        self.states, self.roots = [START], list[bytes]()
        for step in range(STEPS):
            done = run_step(state, step, self._fault_of(step))
            state = done.state
            self.states.append(state)
            self.roots.append(done.root)
        ends = [*range(SEGMENT - 1, STEPS - 1, SEGMENT), STEPS - 1]
        self.segment_roots = tuple(self.roots[end] for end in ends)

    @property
    def trace_root(self) -> bytes:
        return trace_root(self.segment_roots)

    def _fault_of(self, step: int) -> Fault | None:
        return self.fault if self.fault is not None and self.fault.step == step else None

    def replay(self, step: int) -> StepRun:
        self.replays += 1
        return run_step(self.states[step], step, self._fault_of(step))

    def ledger(self, kind: type[Ledger] = Ledger) -> Ledger:
        return kind(
            program=PROGRAM,
            terms=TERMS,
            plan=PLAN,
            input_root=TERMS.state_root,
            segment_roots=self.segment_roots,
            dataset=DATASET,
            steps=lambda segment: self.roots[segment * SEGMENT : (segment + 1) * SEGMENT],
            replay=self.replay,
        )

    def frame(self, output_root: bytes | None = None) -> Frame:
        return Frame(
            worker=WORKER,
            provider=PROVIDER,
            input_root=TERMS.state_root,
            output_root=output_root or self.segment_roots[-1],
            plan=PLAN,
            terms=TERMS,
            root=self.trace_root,
        )


HONEST = Run()
assert merkle_root(list(HONEST.segment_roots)) == HONEST.trace_root
