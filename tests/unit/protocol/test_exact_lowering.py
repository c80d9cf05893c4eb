"""How long a program may become: said at the node that makes it too long, before the list outgrows memory."""

from dataclasses import replace

import pytest

from market.protocol.exact import lower
from market.protocol.exact.lower import CannotLower
from market.protocol.exact.recipes.table import exact_program
from market.protocol.graph import Node, Program, Ref
from tests.unit.protocol.program_samples import small, tensor


def long(nodes: int) -> Program:
    """One tanh after the other."""
    made = [Node(operator="aten.tanh.default", arguments=(Ref(0),), outputs=(tensor(2, 2),))]
    for at in range(1, nodes):
        made.append(replace(made[0], arguments=(Ref(2 + at),)))
    made.append(Node(operator="aten.sum.default", arguments=(Ref(2 + nodes), None), outputs=(tensor(),)))
    return replace(small(), nodes=tuple(made), outputs=(0, 3 + nodes))


def test_a_program_of_too_many_leaves_is_refused_at_the_node_that_makes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    per_node = len(exact_program(long(2)).leaves) - len(exact_program(long(1)).leaves)
    monkeypatch.setattr(lower, "MAX_LEAVES", 10 * per_node)
    with pytest.raises(CannotLower) as refused:
        exact_program(long(1_000))
    assert 8 <= refused.value.node <= 12
    assert "leaves" in refused.value.reason


def test_a_program_within_the_limit_is_lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lower, "MAX_LEAVES", len(exact_program(long(3)).leaves))
    assert exact_program(long(3)).leaves
