"""All recipes by operator name: what the exact class can say."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from market.protocol.exact.leaf import ExactProgram
from market.protocol.exact.lower import Recipe, lower
from market.protocol.exact.recipes import (
    convolutions,
    elementary,
    indexing,
    losses,
    pointwise,
    pooling,
    products,
    reductions,
    shaping,
)
from market.protocol.graph import Program

RECIPES: Final[Mapping[str, Recipe]] = MappingProxyType(
    {
        **pointwise.RECIPES,
        **elementary.RECIPES,
        **shaping.RECIPES,
        **reductions.RECIPES,
        **products.RECIPES,
        **losses.RECIPES,
        **indexing.RECIPES,
        **convolutions.RECIPES,
        **pooling.RECIPES,
    }
)


def exact_program(program: Program) -> ExactProgram:
    """Return the exact meaning of a checked program; raises CannotLower."""
    return lower(program, RECIPES)
