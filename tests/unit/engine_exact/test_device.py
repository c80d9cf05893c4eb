"""The GPU's text against the CPU's kernels: the same bits for every primitive and for a whole training step.

On every machine that has the C library the text runs on the host. On a GPU it runs there too: `pytest -m gpu`.
"""

from functools import cache

import numpy as np
import pytest
import torch

from market.protocol.exact.recipes.table import exact_program
from market.protocol.graph import Program
from worker.engine.batches import batch_of
from worker.engine.exact import choose, native
from worker.engine.exact.device.launchers import CudaLauncher, HostLauncher, NoGpu
from worker.engine.exact.device.machine import DeviceMachine, Launcher
from worker.engine.exact.device.table import NUMBERS, OPERAND, table_of
from worker.engine.exact.replay import replay_step
from worker.engine.tensors import load
from worker.training.charlm import Schedule, recipe

SMALL = Schedule(rounds=(1,), steps_per_unit=2, segment_steps=1, batch=2)


@cache
def job():
    return recipe(SMALL)


@cache
def program():
    return exact_program(Program.decode(job().program))


def launchers() -> list[Launcher]:
    """What can run the device's text here: the host's library where it was built."""
    library = native.load()
    return [HostLauncher(library)] if library else []


def after_two_steps(launcher: Launcher) -> list[bytes]:
    start, tokens = load(job().state), load(job().dataset)[job().spec.dataset_tensor]
    state, machine = [start[slot.name] for slot in program().state_slots], DeviceMachine(program(), launcher)
    for step in range(2):
        state, _ = machine.step(state, batch_of(job().spec, job().spec.units()[0], step, tokens), step + 1)
    return [tensor.cpu().numpy().tobytes() for tensor in state]


def replayed() -> list[bytes]:
    start, tokens = load(job().state), load(job().dataset)[job().spec.dataset_tensor]
    state = [start[slot.name].numpy() for slot in program().state_slots]
    for step in range(2):
        batch = batch_of(job().spec, job().spec.units()[0], step, tokens).numpy()
        words = replay_step(program(), choose(), state, batch, step + 1).new_state()
        state = [
            item.view(np.float32).reshape(slot.shape) for item, slot in zip(words, program().state_slots, strict=True)
        ]
    return [item.tobytes() for item in state]


@pytest.mark.parametrize("launcher", launchers(), ids=lambda launcher: type(launcher).__name__)
def test_the_devices_text_gives_the_bits_of_the_cpu(launcher):
    assert after_two_steps(launcher) == replayed()


def test_a_leafs_table_has_the_layout_that_the_devices_text_reads():
    text = (native._ROOT / "worker/engine/exact/device/leaf.cu").read_text()

    assert f"#define OPERAND {OPERAND}\n" in text
    assert f"#define OPERANDS {NUMBERS - 3 * OPERAND}\n" in text
    assert all(table_of(leaf).shape == (NUMBERS,) for leaf in program().leaves)


def test_a_machine_without_a_gpu_says_so_by_name():
    if torch.cuda.is_available():
        assert CudaLauncher().device.type == "cuda"
        return
    with pytest.raises(NoGpu):
        CudaLauncher()


@pytest.mark.gpu
def test_a_gpu_gives_the_bits_of_the_cpu():
    assert after_two_steps(CudaLauncher()) == replayed()
