"""The two players of a game: what to show, what to deny. Pure: a position and a ledger in, a move out.

Decides honest play. A defender opens what is asked for; a challenger denies the first thing that differs from its own
execution, and has the court compute the end. Neither keeps anything between moves, knows a clock, or ever asserts what
its own ledger does not hold.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from market.protocol.exact import game_moves as moves
from market.protocol.exact import judge
from market.protocol.exact.game import GamePosition, has_root
from market.protocol.exact.game_moves import ZERO, Move
from market.protocol.exact.game_trees import Tree, block_of, path_among
from market.protocol.exact.leaf import BLOCK_WORDS
from market.protocol.words import Level, Side
from worker.attest.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Defender:
    """Plays for the receipt that `ledger` is the execution of."""

    ledger: Ledger

    def answer(self, position: GamePosition) -> Move | None:
        """Return the move to make, None when it is not the defender's turn."""
        if position.mover is not Side.DEFENDER:
            return None
        if position.count > 1:
            tree = tree_of(self.ledger, position)
            return moves.Reveal(children=tree.children(position.lo, position.count))
        return _DESCENTS[position.level](self.ledger, position)


@dataclass(frozen=True, slots=True)
class Challenger:
    """Plays against a receipt whose trace is not what `ledger` came to."""

    ledger: Ledger

    def answer(self, position: GamePosition, seen: Sequence[bytes] | bytes = ()) -> Move | None:
        """Return the move to make. seen: the children the defender opened last, or the block's words at WORDS.

        On the defender's clock: the judgement where it is due, which anyone may ask for; else None.
        """
        if position.mover is Side.DEFENDER:
            return _judgement(self.ledger, position)
        if position.mover is Side.NONE:
            return None
        if position.level is Level.WORDS:
            return self._pick_word(position, bytes(seen) if isinstance(seen, bytes) else b"")
        assert not isinstance(seen, bytes), "only a block is seen as words"
        return self._pick(position, tuple(seen))

    def _pick(self, position: GamePosition, seen: tuple[bytes, ...]) -> Move:
        own = tree_of(self.ledger, position).children(position.lo, position.count)
        differing = [at for at, (theirs, ours) in enumerate(zip(seen, own, strict=True)) if theirs != ours]
        is_top = position.count == position.total
        if not differing and position.level is Level.VALUES and is_top:
            return moves.DoubtLink(frame=position.frame)
        # Equal traces with unequal results: the last segment's defence must name the result, and cannot.
        index = differing[0] if differing else len(seen) - 1
        return moves.Pick(index=index, child=seen[index], path=path_among(seen, index))

    def _pick_word(self, position: GamePosition, words: bytes) -> Move:
        at = self.ledger.leaf_at(position.frame.leaf)
        value = at + len(self.ledger.program.inputs)
        own = block_of(self.ledger.step(position.step).words(value), position.lo)
        places = range(0, len(words), 4)
        differing = [place // 4 for place in places if words[place : place + 4] != own[place : place + 4]]
        return moves.PickWord(index=differing[0] if differing else 0, words=words)


def tree_of(ledger: Ledger, position: GamePosition) -> Tree:
    """Return the ledger's own tree at the position's level."""
    match position.level:
        case Level.SEGMENTS:
            return ledger.segments
        case Level.STEPS:
            return ledger.steps(_segment(position))
        case Level.VALUES:
            return ledger.step(position.step).values
        case Level.SLOTS:
            return ledger.step(position.step).new_slots
        case Level.BLOCKS:
            value = ledger.leaf_at(position.frame.leaf) + len(ledger.program.inputs)
            return ledger.step(position.step).blocks(value)
        case _:
            at = ledger.leaf_at(position.frame.leaf)
            return Tree.over(ledger.partials(position.step, at, position.element))


def _segment(position: GamePosition) -> int:
    return position.step // position.frame.terms.segment_steps


def _to_steps(ledger: Ledger, position: GamePosition) -> Move:
    segment = position.lo
    tree = ledger.steps(segment)
    descent = moves.Descent(
        start=ledger.segment_start(segment),
        start_path=ledger.segments.path(segment - 1) if segment else (),
        end=ledger.segment_end(segment),
        children=tree.top(),
        end_path=tree.path(len(tree) - 1),
    )
    return moves.DescendToSteps(frame=position.frame, descent=descent)


def _to_values(ledger: Ledger, position: GamePosition) -> Move:
    segment, at = _segment(position), position.lo
    descent = moves.Descent(
        start=ledger.state_after(segment, at - 1),
        start_path=ledger.steps(segment).path(at - 1) if at else (),
        end=ledger.state_after(segment, at),
        children=ledger.step(position.step + at).values.top(),
    )
    return moves.DescendToValues(frame=position.frame, descent=descent)


def _show_link(ledger: Ledger, position: GamePosition) -> Move:
    slot, replayed = position.lo, ledger.step(position.step)
    value = ledger.program.outputs[slot]
    link = moves.Link(
        value=value,
        root=replayed.new_slot_root(slot),
        output_path=ledger.outputs.path(slot),
        root_path=replayed.path(value),
    )
    return moves.ShowLink(frame=position.frame, link=link)


def _to_blocks(ledger: Ledger, position: GamePosition) -> Move:
    at, replayed = position.lo, ledger.step(position.step)
    leaf, slots = ledger.program.leaves[at], len(ledger.program.outputs)
    read = [o.source if has_root(leaf, place, slots) else None for place, o in enumerate(leaf.operands)]
    roots = [ZERO if source is None else replayed.root(source) for source in read]
    first, second, third = (*roots, ZERO, ZERO, ZERO)[:3]
    binding = moves.Binding(
        encoding=ledger.encoding(at),
        leaf_path=ledger.leaves.path(at),
        operands=(first, second, third),
        operand_paths=tuple(() if source is None else replayed.path(source) for source in read),
        children=replayed.blocks(at + len(ledger.program.inputs)).top(),
    )
    return moves.DescendToBlocks(frame=position.frame, binding=binding)


def _reveal_block(ledger: Ledger, position: GamePosition) -> Move:
    value = ledger.leaf_at(position.frame.leaf) + len(ledger.program.inputs)
    return moves.RevealBlock(words=block_of(ledger.step(position.step).words(value), position.lo))


def _after_word(ledger: Ledger, position: GamePosition) -> Move:
    at = ledger.leaf_at(position.frame.leaf)
    if ledger.program.leaves[at].length <= BLOCK_WORDS:
        return _judge(ledger, position)
    partials = ledger.partials(position.step, at, position.element)
    tree = Tree.over(partials)
    return moves.DescendToPartials(
        frame=position.frame,
        encoding=ledger.encoding(at),
        children=tree.top(),
        last=partials[-1],
        last_path=tree.path(len(partials) - 1),
    )


def _judgement(ledger: Ledger, position: GamePosition) -> Move | None:
    """Return the move that has the court compute, where the game has come so far."""
    if position.count != 1:
        return None
    if position.level is Level.PARTIALS:
        return _judge_piece(ledger, position)
    if position.level is not Level.WORDS:
        return None
    leaf = ledger.program.leaves[ledger.leaf_at(position.frame.leaf)]
    return _judge(ledger, position) if judge.piece_count(leaf.length) <= 1 else None


def _judge(ledger: Ledger, position: GamePosition) -> Move:
    at = ledger.leaf_at(position.frame.leaf)
    openings = ledger.openings(position.step, at, position.element, 0)
    return moves.Judge(frame=position.frame, encoding=ledger.encoding(at), openings=openings)


def _judge_piece(ledger: Ledger, position: GamePosition) -> Move:
    at, piece = ledger.leaf_at(position.frame.leaf), position.lo
    partials = ledger.partials(position.step, at, position.element)
    return moves.JudgePiece(
        frame=position.frame,
        encoding=ledger.encoding(at),
        openings=ledger.openings(position.step, at, position.element, piece),
        before=partials[piece - 1] if piece else bytes(8),
        before_path=Tree.over(partials).path(piece - 1) if piece else (),
    )


_DESCENTS: Final[Mapping[Level, Callable[[Ledger, GamePosition], Move]]] = MappingProxyType(
    {
        Level.SEGMENTS: _to_steps,
        Level.STEPS: _to_values,
        Level.VALUES: _to_blocks,
        Level.BLOCKS: _reveal_block,
        Level.WORDS: _after_word,
        Level.PARTIALS: _judge_piece,
        Level.SLOTS: _show_link,
    }
)
