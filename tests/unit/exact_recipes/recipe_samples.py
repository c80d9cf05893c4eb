"""One operator at a time: what its recipe makes of real tensors, beside what PyTorch makes of them."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import torch

from market.protocol.exact.build import Builder, Tensor
from market.protocol.exact.leaf import ExactProgram, Slot, WordType, check_leaf
from market.protocol.exact.lower import word_type
from market.protocol.exact.recipes.table import RECIPES
from market.protocol.operators import OPERATORS
from market.protocol.shapes import DType, TensorType
from tests.support.exact_numpy import evaluate
from worker.engine import aten

Argument = Any
_STEP = Slot(name="step", type=WordType.F32, shape=())
_UNREAD = (np.zeros(1, np.int32), np.zeros((), np.float32))


def by_recipe(name: str, *arguments: Argument) -> list[torch.Tensor]:
    """The operator's outputs by its recipe; a strided tensor reaches it as a view of its storage."""
    program, types = recipe_program(name, *arguments)
    checked = replace(program, outputs=program.outputs[:1] * (len(program.inputs) - 2))
    for at in range(len(program.leaves)):
        check_leaf(checked, at)
    values = evaluate(program, [*(_storage(item).numpy() for item in tensors_in(arguments)), *_UNREAD])
    pairs = zip(program.outputs, types, strict=True)
    return [_shaped(values[value], kind) for value, kind in pairs]


def recipe_program(name: str, *arguments: Argument) -> tuple[ExactProgram, tuple[TensorType, ...]]:
    """The leaves of one call of one operator, and the types of its outputs."""
    inputs = tensors_in(arguments)
    slots = [
        Slot(name=f"x{at}", type=word_type(aten.type_of(item).dtype), shape=tuple(_storage(item).shape))
        for at, item in enumerate(inputs)
    ]
    builder = Builder([*slots, Slot(name="batch", type=WordType.I32, shape=(1,)), _STEP])
    seen = {id(item): _seen(item, at, slots[at].type) for at, item in enumerate(inputs)}
    given = [_given(argument, seen) for argument in arguments]
    types = OPERATORS[name].infer(*(_typed(argument) for argument in arguments))
    made = RECIPES[name](builder, types, *given)
    assert [tensor.shape for tensor in made] == [kind.shape for kind in types]
    assert [tensor.type for tensor in made] == [word_type(kind.dtype) for kind in types]
    return builder.finish(made, made[0]), types


def by_torch(name: str, *arguments: Argument) -> list[torch.Tensor]:
    """The operator's outputs by PyTorch."""
    bound, places = aten.binding(name), OPERATORS[name].parameters
    values = [_torch(argument) for argument in arguments]
    pairs = list(zip(places, values, strict=True))
    result = bound.call(*values[: bound.positional], **{p.name: v for p, v in pairs[bound.positional :]})
    return list(result) if isinstance(result, tuple | list) else [result]


def differing(name: str, *arguments: Argument, rtol: float = 0.0, atol: float = 0.0) -> str:
    """What is wrong with the recipe's outputs, or nothing."""
    made, wanted = by_recipe(name, *arguments), by_torch(name, *arguments)
    for mine, theirs in zip(made, wanted, strict=True):
        kept = theirs if theirs.dtype.is_floating_point else theirs.to(torch.int64)
        if mine.shape != kept.shape or not torch.allclose(mine, kept, rtol=rtol, atol=atol, equal_nan=True):
            return f"{name}{arguments}: {mine} is not {theirs}"
    return ""


def real(argument: Argument, random: Random, *, integers: int = 5) -> Argument:
    """A drawn type as a tensor of its own numbers, half of the time with its dimensions stored the other way round."""
    if isinstance(argument, tuple):
        return tuple(real(item, random, integers=integers) for item in argument)
    if not isinstance(argument, TensorType):
        return argument
    chance = torch.Generator().manual_seed(random.randrange(1 << 30))
    turned = random.random() < 0.5
    size = argument.shape[::-1] if turned else argument.shape
    if argument.dtype.is_float:
        made = torch.randn(size, generator=chance)
    else:
        low, high = (0, 2) if argument.dtype is DType.BOOL else (0, integers)
        made = torch.randint(low, high, size, generator=chance).to(aten.DTYPES[argument.dtype])
    return made.permute(*range(len(size))[::-1]) if turned and size else made


def tensors_in(arguments: Sequence[Argument]) -> list[torch.Tensor]:
    flat = [item for argument in arguments for item in (argument if isinstance(argument, tuple) else (argument,))]
    return list({id(item): item for item in flat if isinstance(item, torch.Tensor)}.values())


def _storage(x: torch.Tensor) -> torch.Tensor:
    return torch.as_strided(x, (x.untyped_storage().nbytes() // x.element_size(),), (1,), 0)


def _seen(x: torch.Tensor, number: int, kind: WordType) -> Tensor:
    return Tensor(type=kind, shape=tuple(x.shape), value=number, offset=x.storage_offset(), strides=tuple(x.stride()))


def _given(argument: Argument, seen: dict[int, Tensor]) -> Argument:
    if isinstance(argument, tuple):
        return tuple(_given(item, seen) for item in argument)
    return seen[id(argument)] if isinstance(argument, torch.Tensor) else argument


def _typed(argument: Argument) -> Argument:
    if isinstance(argument, tuple):
        return tuple(_typed(item) for item in argument)
    return aten.type_of(argument) if isinstance(argument, torch.Tensor) else argument


def _torch(argument: Argument) -> Argument:
    if isinstance(argument, DType):
        return aten.DTYPES[argument]
    return [_torch(item) for item in argument] if isinstance(argument, tuple) else argument


def _shaped(words: np.ndarray, kind: TensorType) -> torch.Tensor:
    view = words.view(np.float32) if kind.dtype.is_float else words.view(np.int32).astype(np.int64)
    return torch.from_numpy(view.reshape(kind.shape).copy())
