"""What a challenger has in front of it: the children or the block that the defender opened last."""

from market.protocol.exact import game_moves as moves
from market.protocol.exact.game_moves import Move

Seen = tuple[bytes, ...] | bytes


def shown(move: Move, before: Seen) -> Seen:
    """Return what the challenger has in front of it after a move."""
    match move:
        case moves.Reveal(children=children) | moves.DescendToPartials(children=children):
            return children
        case moves.DescendToSteps(descent=descent) | moves.DescendToValues(descent=descent):
            return descent.children
        case moves.DescendToBlocks(binding=binding):
            return binding.children
        case moves.RevealBlock(words=words):
            return words
        case _:
            return before
