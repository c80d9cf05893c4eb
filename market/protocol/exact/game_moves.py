"""The moves of a game and what they show: the calldata of contracts/src/interfaces/IGames.sol as values.

Decides names, fields and their order, equal to the Solidity structs and functions. What a move does is decided in
`market.protocol.exact.game`. Every root, hash and path element is 32 bytes; words are little-endian as they are hashed.
"""

from dataclasses import dataclass
from typing import Final

from market.protocol.exact.terms import ExactTerms
from market.protocol.specs import UnitPlan

ZERO: Final = bytes(32)
Path = tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What the players agree on while they narrow down; a field is zero where its level has no use for it.

    input_root: the unit's state before its first step. output_root: the state the receipt claims for the end.
    root: of the level's whole tree. start, end: state before the segment or the step, and the one claimed after it;
    from BLOCKS on both are zero, but at PARTIALS `start` is the disputed element. leaf: hash of the disputed leaf's
    encoding. operands: value roots that leaf reads."""

    worker: str
    provider: str
    input_root: bytes
    output_root: bytes
    plan: UnitPlan
    terms: ExactTerms
    root: bytes
    start: bytes = ZERO
    end: bytes = ZERO
    leaf: bytes = ZERO
    operands: tuple[bytes, bytes, bytes] = (ZERO, ZERO, ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Descent:
    """From a state to the tree that leads there. start: the state left of the disputed one, `end`."""

    start: bytes
    start_path: Path
    end: bytes
    children: Path
    end_path: Path = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """The disputed leaf, the roots of what it reads (zero for constants, indices, batch and step), and the top of the
    tree over the claimed value's blocks."""

    encoding: bytes
    leaf_path: Path
    operands: tuple[bytes, bytes, bytes]
    operand_paths: tuple[Path, ...]
    children: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The root that is both the disputed slot of the new state and the value the program puts there."""

    value: int
    root: bytes
    output_path: Path
    root_path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A block of at most 64 little-endian words and its place under a value root; empty where nothing is read."""

    words: bytes = b""
    path: Path = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reveal:
    """Opens the disputed node."""

    children: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """Names the first child the challenger denies."""

    index: int
    child: bytes
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DescendToSteps:
    frame: Frame
    descent: Descent


@dataclass(frozen=True, slots=True, kw_only=True)
class DescendToValues:
    frame: Frame
    descent: Descent


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtLink:
    """Accepts every value of the step, and denies that the new state is made of them."""

    frame: Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowLink:
    """Shows that the disputed slot is what the program says it is."""

    frame: Frame
    link: Link


@dataclass(frozen=True, slots=True, kw_only=True)
class DescendToBlocks:
    frame: Frame
    binding: Binding


@dataclass(frozen=True, slots=True, kw_only=True)
class RevealBlock:
    words: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PickWord:
    """Names the first word of the block the challenger denies."""

    index: int
    words: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DescendToPartials:
    """For a chain of more than 64 terms: the tree over total and accumulator after each 64. last: the final pair."""

    frame: Frame
    encoding: bytes
    children: Path
    last: bytes
    last_path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Has the disputed word computed. openings: one per operand."""

    frame: Frame
    encoding: bytes
    openings: tuple[Opening, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePiece:
    """Has 64 terms of a chain computed, from total and accumulator before them."""

    frame: Frame
    encoding: bytes
    openings: tuple[Opening, ...]
    before: bytes
    before_path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout:
    """Ends the game against the side whose clock has run out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclude:
    """Carries out the verdict of a judgement."""


Move = (
    Reveal
    | Pick
    | DescendToSteps
    | DescendToValues
    | DoubtLink
    | ShowLink
    | DescendToBlocks
    | RevealBlock
    | PickWord
    | DescendToPartials
    | Judge
    | JudgePiece
    | Timeout
    | Conclude
)
