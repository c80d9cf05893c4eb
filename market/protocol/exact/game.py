"""The game over one unit's trace: the referee, twin of contracts/src/Games.sol and Rounds.sol.

Decides which move is allowed to whom and where it leads. A position is a value: `apply` returns the next one or raises
the named refusal and changes nothing. It knows no chain and no execution: whoever plays, plays through moves alone.
The computing at the end is `market.protocol.exact.judge`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from market.protocol import merkle
from market.protocol.exact import game_court as court
from market.protocol.exact import game_moves as moves
from market.protocol.exact import judge
from market.protocol.exact.encoding import decode
from market.protocol.exact.game_errors import (
    BadProof,
    ClockRunning,
    ClockRunOut,
    GameMismatch,
    NotPlayer,
    WrongCount,
    WrongMove,
)
from market.protocol.exact.game_moves import ZERO, Frame, Move, Path
from market.protocol.exact.game_trees import Node, blocks_in, split, verify
from market.protocol.exact.leaf import BLOCK_WORDS, Kind, Leaf, LeafMalformed
from market.protocol.words import Level, Side, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class GamePosition:
    """One game. mover is NONE once it is over, and then `verdict` and `found` say how it ended.

    is_concluded: the verdict has been carried out as well.
    node: the root of what is disputed: of a tree, of a leaf, or the claimed word itself (big-endian in 32 bytes).
    word: of the block, once it is picked. tail: words in the value's last block. step: of the unit, from 0.
    """

    challenger: str
    move_seconds: int
    frame: Frame
    level: Level
    mover: Side
    deadline: int
    lo: int
    count: int
    total: int
    node: bytes
    word: int = 0
    step: int = 0
    tail: int = 0
    verdict: Verdict = Verdict.NONE
    found: int = 0
    is_concluded: bool = False

    @classmethod
    def opened(cls, frame: Frame, challenger: str, *, move_seconds: int, now: int) -> "GamePosition":
        """Return the first position: the defender is to open the trace root, which is the frame's root."""
        segments = -(-frame.terms.steps_per_unit // frame.terms.segment_steps)
        return cls(
            challenger=challenger,
            move_seconds=move_seconds,
            frame=frame,
            level=Level.SEGMENTS,
            mover=Side.DEFENDER,
            deadline=now + move_seconds,
            lo=0,
            count=segments,
            total=segments,
            node=frame.root,
        )

    @property
    def is_over(self) -> bool:
        return self.mover is Side.NONE

    @property
    def element(self) -> int:
        """The disputed element of the value, once its word is picked."""
        if self.level is Level.PARTIALS:
            return int.from_bytes(self.frame.start, "big")
        return self.lo * BLOCK_WORDS + self.word

    def apply(self, move: Move, *, caller: str, now: int) -> "GamePosition":
        """Return the position after the move; raises the refusal that the contract would revert with."""
        return _MOVES[type(move)](self, move, caller, now)

    # ---- one round

    def _reveal(self, move: moves.Reveal, _: str, now: int) -> "GamePosition":
        self._require_turn(Side.DEFENDER, now)
        self._require_move(self.count > 1 and self.level is not Level.WORDS)
        self._require_children(move.children, self.count)
        _require_same(self.node, merkle.root_of_hashes(move.children))
        return self._passed(now)

    def _pick(self, move: moves.Pick, caller: str, now: int) -> "GamePosition":
        self._require_challenger(caller, now)
        self._require_move(self.level is not Level.WORDS)
        _, children = split(self.count)
        _require_proof(verify(move.child, move.index, children, move.path, self.node))
        node = Node(lo=self.lo, count=self.count, hash=self.node).child(move.index, move.child)
        return replace(self, lo=node.lo, count=node.count, node=node.hash)._passed(now)

    # ---- down to one value of one step

    def _to_steps(self, move: moves.DescendToSteps, caller: str, now: int) -> "GamePosition":
        self._require_leaf(Level.SEGMENTS, move.frame, now)
        self._require_defender(caller)
        descent, terms = move.descent, self.frame.terms
        self._require_states(descent, self.frame.input_root)
        if self.lo + 1 == self.total:
            # A trace that does not end in the receipt's result has no defence from here on.
            _require_same(self.frame.output_root, descent.end)
        first = self.lo * terms.segment_steps
        steps = min(terms.segment_steps, terms.steps_per_unit - first)
        root = merkle.root_of_hashes(descent.children)
        _require_proof(verify(self.node, steps - 1, steps, descent.end_path, root))
        inner = replace(self.frame, root=root, start=descent.start, end=descent.end)
        return replace(self, step=first)._entered(Level.STEPS, steps, inner, descent.children, now)

    def _to_values(self, move: moves.DescendToValues, caller: str, now: int) -> "GamePosition":
        self._require_leaf(Level.STEPS, move.frame, now)
        self._require_defender(caller)
        descent = move.descent
        self._require_states(descent, self.frame.start)
        root = merkle.root_of_hashes(descent.children)
        inner = replace(self.frame, root=root, start=descent.start, end=descent.end)
        below = replace(self, step=self.step + self.lo)
        return below._entered(Level.VALUES, self.frame.terms.leaf_count, inner, descent.children, now)

    def _require_states(self, descent: moves.Descent, origin: bytes) -> None:
        """The disputed leaf is the state `end`, and `start` is the state left of it."""
        _require_same(self.node, merkle.leaf_hash(descent.end))
        if self.lo == 0:
            _require_same(origin, descent.start)
        else:
            start = merkle.leaf_hash(descent.start)
            _require_proof(verify(start, self.lo - 1, self.total, descent.start_path, self.frame.root))

    # ---- the new state against the values it is made of

    def _doubt_link(self, move: moves.DoubtLink, caller: str, now: int) -> "GamePosition":
        self._require_challenger(caller, now)
        # Only from the top: there the challenger has seen whether any value differs.
        self._require_move(self.level is Level.VALUES and self.count == self.total)
        _require_same(self.frame, move.frame)
        slots = self.frame.terms.state_slots
        doubted = replace(self, level=Level.SLOTS, lo=0, count=slots, total=slots, node=self.frame.end)
        return doubted._passed(now)

    def _show_link(self, move: moves.ShowLink, _: str, now: int) -> "GamePosition":
        self._require_leaf(Level.SLOTS, move.frame, now)
        link, terms = move.link, self.frame.terms
        _require_same(self.node, merkle.leaf_hash(link.root))
        _require_proof(0 <= link.value < 1 << 32)
        output = merkle.leaf_hash(link.value.to_bytes(4, "big"))
        _require_proof(verify(output, self.lo, terms.state_slots, link.output_path, terms.outputs_root))
        self._require_value(link.value, link.root, link.root_path)
        return self._ended(Verdict.UPHELD)._concluded()

    def _require_value(self, value: int, root: bytes, path: Path) -> None:
        """`root` is the agreed root of a value: a slot of the state before, or a leaf of the step's values."""
        terms, frame = self.frame.terms, self.frame
        digest, first = merkle.leaf_hash(root), terms.state_slots + 2
        if value < terms.state_slots:
            _require_proof(verify(digest, value, terms.state_slots, path, frame.start))
        else:
            # A negative index is refused: batch and step have no root in the trace.
            _require_proof(verify(digest, value - first, terms.leaf_count, path, frame.root))

    # ---- down to one piece of one word

    def _to_blocks(self, move: moves.DescendToBlocks, _: str, now: int) -> "GamePosition":
        self._require_leaf(Level.VALUES, move.frame, now)
        binding, terms = move.binding, self.frame.terms
        root = merkle.root_of_hashes(binding.children)
        _require_same(self.node, merkle.leaf_hash(root))
        digest = merkle.leaf_hash(binding.encoding)
        _require_proof(verify(digest, self.lo, terms.leaf_count, binding.leaf_path, terms.leaves_root))
        leaf = _decoded(binding.encoding)
        self._require_operands(leaf, binding)
        blocks = blocks_in(leaf.elements)
        inner = replace(self.frame, root=root, start=ZERO, end=ZERO, leaf=digest, operands=binding.operands)
        below = replace(self, tail=leaf.elements - BLOCK_WORDS * (blocks - 1))
        return below._entered(Level.BLOCKS, blocks, inner, binding.children, now)

    def _require_operands(self, leaf: Leaf, binding: moves.Binding) -> None:
        wanted = len(leaf.operands)
        _require_count(len(binding.operand_paths), wanted)
        _require_count(len(binding.operands), 3)
        for place, root in enumerate(binding.operands):
            if place < wanted and has_root(leaf, place, self.frame.terms.state_slots):
                self._require_value(leaf.operands[place].source, root, binding.operand_paths[place])
            else:
                _require_same(ZERO, root)

    def _reveal_block(self, move: moves.RevealBlock, _: str, now: int) -> "GamePosition":
        self._require_turn(Side.DEFENDER, now)
        self._require_move(self.level is Level.BLOCKS and self.count == 1)
        _require_same(self.node, merkle.leaf_hash(move.words))
        count = self.tail if self.lo + 1 == self.total else BLOCK_WORDS
        _require_count(len(move.words), 4 * count)
        return replace(self, level=Level.WORDS, count=count)._passed(now)

    def _pick_word(self, move: moves.PickWord, caller: str, now: int) -> "GamePosition":
        self._require_challenger(caller, now)
        self._require_move(self.level is Level.WORDS)
        _require_same(self.node, merkle.leaf_hash(move.words))
        if not 0 <= move.index < self.count:
            raise WrongCount(given=move.index, wanted=self.count)
        claimed = int.from_bytes(move.words[4 * move.index : 4 * move.index + 4], "little")
        return replace(self, word=move.index, count=1, node=claimed.to_bytes(32, "big"))._passed(now)

    def _to_partials(self, move: moves.DescendToPartials, caller: str, now: int) -> "GamePosition":
        self._require_leaf(Level.WORDS, move.frame, now)
        self._require_defender(caller)
        leaf = self._leaf_of(move.encoding)
        pieces = judge.piece_count(leaf.length)
        self._require_move(pieces > 1)
        root = merkle.root_of_hashes(move.children)
        _require_count(len(move.last), 8)
        _require_proof(verify(merkle.leaf_hash(move.last), pieces - 1, pieces, move.last_path, root))
        _require_same(self.node, judge.chain_word(leaf.length, *court.pair_of(move.last)).to_bytes(32, "big"))
        inner = replace(self.frame, root=root, start=self.element.to_bytes(32, "big"))
        return self._entered(Level.PARTIALS, pieces, inner, move.children, now)

    # ---- judging

    def _judge(self, move: moves.Judge, _: str, now: int) -> "GamePosition":
        self._require_leaf(Level.WORDS, move.frame, now)
        leaf = self._leaf_of(move.encoding)
        pieces = judge.piece_count(leaf.length)
        self._require_move(pieces <= 1)
        _require_count(len(move.openings), len(leaf.operands))
        found = judge.element(leaf, self.element, self._reader(leaf, move.openings, 0))
        is_equal = found.to_bytes(32, "big") == self.node
        return self._ended(Verdict.UPHELD if is_equal else Verdict.OVERTURNED, found)

    def _judge_piece(self, move: moves.JudgePiece, _: str, now: int) -> "GamePosition":
        self._require_leaf(Level.PARTIALS, move.frame, now)
        leaf = self._leaf_of(move.encoding)
        _require_count(len(move.openings), len(leaf.operands))
        _require_count(len(move.before), 8)
        if self.lo == 0:
            _require_same(bytes(8), move.before)
        else:
            before = merkle.leaf_hash(move.before)
            _require_proof(verify(before, self.lo - 1, self.total, move.before_path, self.frame.root))
        read = self._reader(leaf, move.openings, self.lo)
        found = court.pair_bytes(*judge.chain_piece(leaf, self.element, self.lo, *court.pair_of(move.before), read))
        is_equal = merkle.leaf_hash(found) == self.node
        return self._ended(Verdict.UPHELD if is_equal else Verdict.OVERTURNED, int.from_bytes(found, "big"))

    def _reader(self, leaf: Leaf, openings: tuple[moves.Opening, ...], piece: int) -> judge.WordOf:
        """Return what reads the openings, all of which prove themselves here or when they are first read."""
        proved: dict[int, int] = {}

        def read(place: int, index: int) -> int:
            terms, operand = self.frame.terms, leaf.operands[place]
            root, elements = self.frame.operands[place], operand.elements
            if operand.source == terms.state_slots + 1:
                return court.step_word(self.frame.plan, self.step)
            if operand.source == terms.state_slots:
                index = court.dataset_place(terms, self.frame.plan, self.step, index)
                root, elements = terms.dataset_root, terms.dataset_items
            block, at = divmod(index, BLOCK_WORDS)
            opening = openings[place]
            if place not in proved:
                digest = merkle.leaf_hash(opening.words)
                _require_proof(verify(digest, block, blocks_in(elements), opening.path, root))
                proved[place] = block
            _require_proof(proved[place] == block and 4 * at + 4 <= len(opening.words))
            return int.from_bytes(opening.words[4 * at : 4 * at + 4], "little")

        for place, index in court.places(leaf, self.element, piece, read).items():
            read(place, index)
        return read

    def _leaf_of(self, encoding: bytes) -> Leaf:
        _require_same(self.frame.leaf, merkle.leaf_hash(encoding))
        return _decoded(encoding)

    def _timeout(self, _: moves.Timeout, __: str, now: int) -> "GamePosition":
        self._require_move(not self.is_over)
        if now <= self.deadline:
            raise ClockRunning(deadline=self.deadline)
        return self._ended(Verdict.OVERTURNED if self.mover is Side.DEFENDER else Verdict.UPHELD)._concluded()

    def _conclude(self, _: moves.Conclude, __: str, ___: int) -> "GamePosition":
        self._require_move(self.is_over and not self.is_concluded)
        return self._concluded()

    # ---- turns

    def _passed(self, now: int) -> "GamePosition":
        other = Side.CHALLENGER if self.mover is Side.DEFENDER else Side.DEFENDER
        return replace(self, mover=other, deadline=now + self.move_seconds)

    def _entered(self, level: Level, total: int, frame: Frame, children: Path, now: int) -> "GamePosition":
        self._require_children(children, total)
        below = replace(self, level=level, lo=0, count=total, total=total, node=frame.root, frame=frame)
        return below._passed(now)

    def _ended(self, verdict: Verdict, found: int = 0) -> "GamePosition":
        return replace(self, mover=Side.NONE, verdict=verdict, found=found)

    def _concluded(self) -> "GamePosition":
        """A judgement waits for this; what needs no computing is concluded at once."""
        return replace(self, is_concluded=True)

    def _require_turn(self, side: Side, now: int) -> None:
        self._require_move(self.mover is side)
        if now > self.deadline:
            raise ClockRunOut(deadline=self.deadline)

    def _require_leaf(self, level: Level, frame: Frame, now: int) -> None:
        self._require_turn(Side.DEFENDER, now)
        self._require_move(self.level is level and self.count == 1)
        _require_same(self.frame, frame)

    def _require_challenger(self, caller: str, now: int) -> None:
        self._require_turn(Side.CHALLENGER, now)
        if caller != self.challenger:
            raise NotPlayer(caller=caller)

    def _require_defender(self, caller: str) -> None:
        if caller not in (self.frame.worker, self.frame.provider):
            raise NotPlayer(caller=caller)

    def _require_move(self, fits: bool) -> None:
        if not fits:
            raise WrongMove(level=self.level, mover=self.mover, count=self.count)

    def _require_children(self, children: Path, count: int) -> None:
        _require_count(len(children), split(count)[1] if count else 1)


def has_root(leaf: Leaf, place: int, slots: int) -> bool:
    """Return whether an operand reads a value that has a root: no constant, no index, neither batch nor step."""
    operand = leaf.operands[place]
    return operand.kind is Kind.VALUE and operand.source not in (slots, slots + 1)


def _decoded(encoding: bytes) -> Leaf:
    try:
        return decode(encoding)
    except LeafMalformed as error:
        raise BadProof from error


def _require_same(wanted: object, given: object) -> None:
    if wanted != given:
        raise GameMismatch(wanted=wanted, given=given)


def _require_count(given: int, wanted: int) -> None:
    if given != wanted:
        raise WrongCount(given=given, wanted=wanted)


def _require_proof(holds: bool) -> None:
    if not holds:
        raise BadProof


_Handler = Callable[[GamePosition, Any, str, int], GamePosition]
_MOVES: Final[Mapping[type, _Handler]] = MappingProxyType(
    {
        moves.Reveal: GamePosition._reveal,
        moves.Pick: GamePosition._pick,
        moves.DescendToSteps: GamePosition._to_steps,
        moves.DescendToValues: GamePosition._to_values,
        moves.DoubtLink: GamePosition._doubt_link,
        moves.ShowLink: GamePosition._show_link,
        moves.DescendToBlocks: GamePosition._to_blocks,
        moves.RevealBlock: GamePosition._reveal_block,
        moves.PickWord: GamePosition._pick_word,
        moves.DescendToPartials: GamePosition._to_partials,
        moves.Judge: GamePosition._judge,
        moves.JudgePiece: GamePosition._judge_piece,
        moves.Timeout: GamePosition._timeout,
        moves.Conclude: GamePosition._conclude,
    }
)
