"""The machine: fused and reordered, it gives the bits of the leaves; what it cannot run it refuses by name."""

import numpy as np
import pytest

from market.protocol.exact.build import Builder
from market.protocol.exact.leaf import Op
from tests.support.exact_numpy import evaluate
from tests.unit.engine_exact.machine_samples import NAMES, F, I, digest, inputs_for, random_program, sample, slots
from worker.engine.exact import choose, fuse
from worker.engine.exact.fuse import Group
from worker.engine.exact.machine import (
    ExactMachine,
    IndexOutside,
    InputMismatch,
    StateDiverged,
    StepTooLarge,
    WordOutOfRange,
)
from worker.engine.exact.plan import plan_of
from worker.engine.exact.replay import replay_step
from worker.engine.exact.rows import AnyChain

KINDS = pytest.mark.parametrize("kind", ["transformer", "perceptron", "recurrent", "convolutional"])


@KINDS
def test_three_steps_end_in_the_state_that_replays_end_in(kind: str) -> None:
    program, state, batch = sample(kind)
    machine = ExactMachine(program, choose())
    fast, slow = list(state), list(state)
    for number in (1, 2, 3):
        fast, _ = machine.step(fast, batch, number)
        slow = [
            words.view(item.dtype).reshape(item.shape)
            for words, item in zip(replay_step(program, choose(), slow, batch, number).new_state(), slow, strict=True)
        ]

    assert digest(fast) == digest(slow)


@KINDS
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_kernels_and_threads_never_show_in_the_bits(kind: str, name: str, threads: int) -> None:
    program, state, batch = sample(kind)

    found = ExactMachine(program, choose(name), threads).step(state, batch, 1)

    wanted = ExactMachine(program, choose(), 1).step(state, batch, 1)
    assert (digest(found[0]), found[1]) == (digest(wanted[0]), wanted[1])


@pytest.mark.parametrize("seed", range(25))
def test_random_leaves_fused_give_the_bits_of_leaves_alone(seed: int) -> None:
    program = random_program(seed)
    state, batch = inputs_for(program, seed)

    new, _ = ExactMachine(program, choose(), 2).step(state, batch, 1)

    assert digest(new) == digest(replay_step(program, choose(), state, batch, 1).new_state())


def test_memory_that_held_other_words_before_changes_no_bit() -> None:
    program, state, batch = sample("transformer")
    machine = ExactMachine(program, choose())
    first, _ = machine.step(state, batch, 1)
    machine.step(first, batch[::-1].copy(), 2)

    again, _ = machine.step(state, batch, 1)

    assert digest(again) == digest(first)


def test_a_step_leaves_its_inputs_as_they_were() -> None:
    program, state, batch = sample("transformer")
    before = digest([*state, batch])

    ExactMachine(program, choose()).step(state, batch, 1)

    assert digest([*state, batch]) == before


def test_a_new_state_may_be_written_into_given_arrays() -> None:
    program, state, batch = sample("transformer")
    machine = ExactMachine(program, choose())
    held = [np.full_like(item, 7) for item in state]

    new, _ = machine.step(state, batch, 1, into=held)

    assert all(a is b for a, b in zip(new, held, strict=True)) and digest(new) == digest(
        machine.step(state, batch, 1)[0]
    )


def test_the_optimizer_takes_one_pass_over_each_parameter() -> None:
    program, _, _ = sample("transformer")
    plan = plan_of(program)
    home = {at: n for n, step in enumerate(plan.steps) if isinstance(step, Group) for at in step.leaves}
    first = len(program.inputs)

    passes = {
        name: {home[value - first] for slot, value in zip(program.state_slots, program.outputs, strict=True)
               if slot.name.endswith(name)}
        for name in ("blocks.0.up", "blocks.1.qkv", "head")
    }  # fmt: skip

    assert {name: len(found) for name, found in passes.items()} == dict.fromkeys(passes, 1)


@KINDS
def test_products_read_through_their_packs(kind: str) -> None:
    plan = plan_of(sample(kind)[0])

    assert plan.counts()["products"] > 0 and not any(isinstance(step, AnyChain) for step in plan.steps)


def test_a_state_that_is_not_finite_is_refused_with_its_slot_and_step() -> None:
    program, state, batch = sample("perceptron")
    at = next(at for at, slot in enumerate(program.state_slots) if slot.type is F and len(slot.shape) == 2)
    broken = [item.copy() for item in state]
    broken[at].flat[0] = np.inf

    with pytest.raises(StateDiverged) as refused:
        ExactMachine(program, choose()).step(broken, batch, 9)

    assert refused.value.step == 9


def test_a_state_slot_that_a_product_makes_is_checked_too() -> None:
    builder = Builder(slots((F, (4, 4))))
    x = builder.input(0)
    square = builder.chain(x.unsqueeze(1), x.unsqueeze(0))
    program = builder.finish([square], builder.map(Op.COPY, square.select(0, 0).slice(0, 0, 1)))

    with pytest.raises(StateDiverged) as refused:
        ExactMachine(program, choose()).step([np.full((4, 4), 1e30, np.float32)], np.zeros((2, 3), np.int32), 1)

    assert refused.value.slot == "s0"


def test_a_token_outside_the_vocabulary_is_refused() -> None:
    program, state, batch = sample("transformer")
    wrong = batch.copy()
    wrong[0, 0] = 20

    with pytest.raises(IndexOutside):
        ExactMachine(program, choose()).step(state, wrong, 1)


def test_a_token_that_is_no_int32_is_refused() -> None:
    program, state, batch = sample("transformer")

    with pytest.raises(WordOutOfRange) as refused:
        ExactMachine(program, choose()).step(state, batch + (1 << 31), 1)

    assert refused.value.slot == program.inputs[program.batch_value].name


def test_an_input_of_another_size_or_type_is_refused() -> None:
    program, state, batch = sample("transformer")

    with pytest.raises(InputMismatch):
        ExactMachine(program, choose()).step(state, batch[:, 1:], 1)
    with pytest.raises(InputMismatch):
        ExactMachine(program, choose()).step([item.astype(np.float64) for item in state], batch, 1)


def test_a_program_that_needs_more_memory_than_allowed_is_refused_before_it_runs() -> None:
    program, _, _ = sample("transformer")
    needed = plan_of(program).bytes

    with pytest.raises(StepTooLarge) as refused:
        ExactMachine(program, choose(), memory=needed - 1)

    assert refused.value.needed == needed


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("length", [5, 256, 257, 600])
def test_a_chain_that_no_kernel_knows_is_computed_as_it_stands(name: str, length: int) -> None:
    builder = Builder(slots((F, (7, length)), (F, (7, length)), (I, (7, length)), (F, (7,)), (F, (7,))))
    x, y, index = (builder.input(at) for at in range(3))
    dots = builder.chain(x, y)
    keys = builder.map(Op.COPY, index.slice(1, 0, 1).squeeze((1,)))
    named = builder.match(builder.operand(keys), index, x, (7,))
    program = builder.finish([x, y, index, dots, named], builder.map(Op.COPY, dots.slice(0, 0, 1)))
    draw = np.random.default_rng(length)
    # Small whole numbers: every product and sum of them is exact, so that the slow evaluator's bits are right.
    state = [draw.integers(-9, 9, (7, length)).astype(np.float32) for _ in range(2)]
    state += [draw.integers(0, 3, (7, length), np.int32), np.zeros(7, np.float32), np.zeros(7, np.float32)]
    batch = np.zeros((2, 3), np.int32)

    new, _ = ExactMachine(program, choose(name)).step(state, batch, 1)

    values = evaluate(program, [*state, batch, np.float32(1)])
    assert sum(isinstance(step, AnyChain) for step in plan_of(program).steps) == 2
    assert [new[at].view(np.uint32).tolist() for at in (3, 4)] == [
        values[program.outputs[at]].tolist() for at in (3, 4)
    ]


def test_groups_end_at_windows_without_a_change_of_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    program = random_program(7)
    state, batch = inputs_for(program)
    monkeypatch.setattr(fuse, "WINDOW", 16)
    plan_of.cache_clear()

    new, _ = ExactMachine(program, choose()).step(state, batch, 1)

    plan_of.cache_clear()
    assert digest(new) == digest(replay_step(program, choose(), state, batch, 1).new_state())


def test_slots_that_stay_or_share_a_value_are_written_all_the_same() -> None:
    builder = Builder(slots((F, (3,)), (F, (3,)), (F, (3,)), (I, (2,))))
    double = builder.map(Op.ADD, builder.input(0), builder.input(0))
    program = builder.finish(
        [builder.input(1), double, double, builder.input(3)], builder.map(Op.COPY, double.slice(0, 0, 1))
    )
    state = [np.arange(at, at + 3, dtype=np.float32) for at in range(3)] + [np.arange(2, dtype=np.int32)]

    new, loss = ExactMachine(program, choose()).step(state, np.zeros((2, 3), np.int32), 1)

    assert [item.tolist() for item in new] == [[1, 2, 3], [0, 2, 4], [0, 2, 4], [0, 1]] and loss == 0
