"""The tree of the game is the one Merkle tree, whatever the number of leaves."""

from math import ceil, log

import pytest

from market.protocol import merkle
from market.protocol.exact import game_court as court
from market.protocol.exact.game_trees import WIDTH, Node, Tree, path_among, split, verify
from market.protocol.specs import ExecutionClass, JobKind, TrainSpec, UnitPlan, window_starts
from tests.unit.exact_game.tiny import TERMS

COUNTS = [1, 2, 3, 15, 16, 17, 31, 33, 100, 255, 257, 1000]


def leaves(count: int) -> list[bytes]:
    return [at.to_bytes(4, "big") for at in range(count)]


@pytest.mark.parametrize("count", COUNTS)
def test_root_and_paths_are_those_of_the_one_tree(count: int) -> None:
    tree, data = Tree.over(leaves(count)), leaves(count)

    assert tree.root == merkle.root(data)
    assert all(list(tree.path(at)) == merkle.proof(data, at) for at in {0, count // 2, count - 1})


@pytest.mark.parametrize("count", COUNTS)
def test_children_fold_into_their_node_and_narrowing_reaches_every_leaf(count: int) -> None:
    tree = Tree.over(leaves(count))
    reached, waiting = list[int](), [Node(lo=0, count=count, hash=tree.root)]

    while waiting:
        node = waiting.pop()
        if node.count == 1:
            assert node.hash == merkle.leaf_hash(leaves(count)[node.lo])
            reached.append(node.lo)
            continue
        children = tree.children(node.lo, node.count)
        assert merkle.root_of_hashes(children) == node.hash
        assert len(children) == split(node.count)[1] <= WIDTH
        assert all(
            verify(child, at, len(children), path_among(children, at), node.hash) for at, child in enumerate(children)
        )
        waiting += [node.child(at, child) for at, child in enumerate(children)]

    assert sorted(reached) == list(range(count))


@pytest.mark.parametrize("count", [1, 100, 16_384, 1 << 27])
def test_narrowing_takes_one_round_for_four_bits(count: int) -> None:
    left, rounds = count, 0

    while left > 1:
        left, rounds = split(left)[0], rounds + 1

    assert rounds == ceil(log(count, WIDTH))


def test_a_path_with_a_sibling_too_many_or_too_few_proves_nothing() -> None:
    tree = Tree.over(leaves(5))
    digest, path = merkle.leaf_hash(leaves(5)[4]), tree.path(4)

    assert verify(digest, 4, 5, path, tree.root)
    assert not verify(digest, 4, 5, (*path, bytes(32)), tree.root)
    assert not verify(digest, 4, 5, path[:-1], tree.root)
    assert not verify(digest, 5, 5, path, tree.root)
    assert not verify(digest, -1, 5, path, tree.root)


def test_the_court_finds_the_windows_that_the_specification_draws() -> None:
    plan = UnitPlan(index=3, round=0, shard=1, shards=3, first_step=0, predecessors=())
    spec = TrainSpec(
        kind=JobKind.TRAIN,
        program="00" * 32,
        state="00" * 32,
        dataset="00" * 32,
        dataset_tensor="x",
        rounds=(3,),
        steps_per_unit=5,
        segment_steps=2,
        batch=TERMS.batch,
        window=TERMS.window,
        seed=TERMS.seed,
        execution_class=ExecutionClass.EXACT,
        memory_bytes=1 << 30,
        unit_seconds=60,
        court="00" * 32,
    )
    wanted = [start + column for start in window_starts(spec, plan, 4, 300) for column in range(TERMS.window)]

    assert [court.dataset_place(TERMS, plan, 4, at) for at in range(len(wanted))] == wanted


def test_the_longest_planned_game_has_at_most_thirty_moves() -> None:
    segments, steps, leaves_, blocks, pieces = 100, 16, 16_384, (1 << 21) // 64, 1024 // 64
    opening, words, judgement = 1, 2, 1

    # A descent opens its level's first node, so every level but the first costs two moves a round, the first as well.
    narrowing = sum(2 * ceil(log(count, WIDTH)) for count in (segments, steps, leaves_, blocks, pieces))

    assert opening + narrowing + words + judgement <= 30


def test_a_tree_of_many_leaves_answers_without_hashing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = Tree.over(leaves(16_384))
    monkeypatch.setattr(merkle, "node_hash", lambda *_: pytest.fail("hashed again"))

    assert len(tree.children(1024, 1024)) == WIDTH
    assert len(tree.path(16_383)) == 14
