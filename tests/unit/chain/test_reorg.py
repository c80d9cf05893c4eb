"""Where two chains part: pure planning, checked against every pair of chains that Hypothesis makes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.chain.reorg import ChainReplaced, Checkpoint, check_genesis, common_ancestor, plan, unbroken

FIRST = 3


def block(fork: int, number: int) -> bytes:
    return bytes([fork]) * 16 + number.to_bytes(16, "big")


def chain(fork: int, shared: int, head: int) -> dict[int, bytes]:
    """Return hashes by height: common blocks up to `shared`, then the fork's own."""
    return {number: block(0 if number <= shared else fork, number) for number in range(head + 1)}


heights = st.integers(min_value=FIRST - 1, max_value=40)


@given(shared=heights, stored_head=heights, node_head=heights, limit=st.integers(1, 50))
def test_after_the_plan_the_store_is_a_prefix_of_the_nodes_chain(
    shared: int, stored_head: int, node_head: int, limit: int
) -> None:
    ours, node = chain(1, shared, stored_head), chain(2, shared, node_head)
    stored = [Checkpoint(number=n, hash=ours[n]) for n in range(FIRST, stored_head + 1)]

    todo = plan(stored, node, head=node_head, first_block=FIRST, limit=limit)

    kept = [point for point in stored if todo.rollback_to is None or point.number <= todo.rollback_to]
    after = {point.number: point.hash for point in kept} | {n: node[n] for n in range(todo.first, todo.last + 1)}
    assert after == {number: node[number] for number in range(FIRST, FIRST + len(after))}


@given(shared=heights, stored_head=heights, node_head=heights)
def test_nothing_that_both_chains_share_is_rolled_back_or_read_again(
    shared: int, stored_head: int, node_head: int
) -> None:
    ours, node = chain(1, shared, stored_head), chain(2, shared, node_head)
    stored = [Checkpoint(number=n, hash=ours[n]) for n in range(FIRST, stored_head + 1)]

    todo = plan(stored, node, head=node_head, first_block=FIRST, limit=1000)

    assert todo.first == max(FIRST - 1, min(shared, stored_head, node_head)) + 1


@given(heights, st.permutations(range(FIRST, 20)))
def test_the_order_of_the_checkpoints_does_not_matter(shared: int, order: list[int]) -> None:
    ours, node = chain(1, shared, 30), chain(2, shared, 30)
    stored = [Checkpoint(number=n, hash=ours[n]) for n in order]

    assert common_ancestor(stored, node) == common_ancestor(sorted(stored, key=lambda p: p.number), node)


def test_an_empty_store_begins_at_the_first_block() -> None:
    todo = plan([], {}, head=10, first_block=FIRST, limit=4)

    assert (todo.rollback_to, todo.first, todo.last) == (None, FIRST, FIRST + 3)


def test_a_store_at_the_head_has_nothing_to_do() -> None:
    node = chain(0, 40, 7)

    todo = plan([Checkpoint(number=7, hash=node[7])], node, head=7, first_block=FIRST, limit=10)

    assert (todo.rollback_to, todo.last < todo.first) == (None, True)


def test_another_genesis_is_another_chain() -> None:
    with pytest.raises(ChainReplaced):
        check_genesis(expected="0x" + "aa" * 32, found="0x" + "bb" * 32)

    check_genesis(expected="0x" + "AA" * 32, found="0x" + "aa" * 32)


def test_headers_that_do_not_follow_one_another_are_cut_where_they_break() -> None:
    links = [(b"1", b"0"), (b"2", b"1"), (b"3", b"x"), (b"4", b"3")]

    assert (unbroken(b"0", links), unbroken(b"z", links), unbroken(None, links)) == (2, 0, 2)
