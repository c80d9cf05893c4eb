"""Whatever bit of whatever step is wrong: the honest side wins, and the court looks at exactly that bit's word."""

import random

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from market.protocol.errors import CommonwattError
from market.protocol.exact import game_moves as moves
from market.protocol.exact.game import GamePosition
from market.protocol.exact.leaf import CHAINS
from market.protocol.words import Level, Verdict
from tests.unit.exact_game.play import play
from tests.unit.exact_game.test_game_players import AtRandom, Liar
from tests.unit.exact_game.tiny import HONEST, PROGRAM, STEPS, WORKER, Fault, Run
from worker.attest.game import Challenger, Defender
from worker.attest.ledger import Ledger

FEW = settings(max_examples=15, deadline=None)
# 3 segments, at most 2 steps, 32 leaves, 70 blocks, 64 words, 5 pieces: 1 + 1 + 2 + 2 + 1 + 1 rounds of two moves each,
# and the judgement. (A descent opens its level's first node.)
LONGEST = 2 * 8 + 1

steps = st.integers(0, STEPS - 1)
words = st.builds(
    Fault,
    kind=st.just("word"),
    step=steps,
    at=st.integers(0, len(PROGRAM.leaves) - 1),
    element=st.integers(0, 1 << 16),
    bit=st.integers(0, 31),
)
others = st.builds(
    Fault,
    kind=st.sampled_from(["state", "batch", "start", "void"]),
    step=steps,
    at=st.integers(0, 3),
    element=st.integers(0, 1 << 16),
    bit=st.integers(0, 31),
)


@given(fault=words, lies_from=st.integers(0, 4))
@FEW
def test_a_wrong_word_is_led_to_and_overturned(fault: Fault, lies_from: int) -> None:
    faulty = Run(fault)
    assume(faulty.trace_root != HONEST.trace_root)

    class LiesFrom(Liar):
        pass

    leaf = PROGRAM.leaves[fault.at]
    LiesFrom.lies_from = min(lies_from, max(-(-leaf.length // 64) - 1, 0))
    played = play(
        faulty.frame(),
        Defender(faulty.ledger(LiesFrom)).answer,
        Challenger(HONEST.ledger()).answer,
        is_defender_honest=False,
    )

    assert played.end.verdict is Verdict.OVERTURNED
    assert played.end.step == fault.step
    assert HONEST.ledger().leaf_at(played.end.frame.leaf) == fault.at
    assert played.end.element == fault.element % leaf.elements
    assert isinstance(played.moves[-1], moves.JudgePiece if leaf.length > 64 else moves.Judge)
    assert leaf.op in CHAINS or leaf.length == 0
    assert len(played.moves) <= LONGEST


@given(fault=others)
@FEW
def test_a_wrong_state_batch_or_start_is_overturned(fault: Fault) -> None:
    faulty = Run(fault)
    assume(faulty.trace_root != HONEST.trace_root)

    played = play(
        faulty.frame(), Defender(faulty.ledger()).answer, Challenger(HONEST.ledger()).answer, is_defender_honest=False
    )

    assert played.end.verdict is Verdict.OVERTURNED
    # A new state that came from no value is looked for among the slots, all else among the values.
    from_nothing = fault.kind in {"state", "void"}
    assert (played.end.level is Level.SLOTS) == from_nothing
    assert len(played.moves) <= LONGEST


class Shifty:
    """A defender that answers every position from whichever of several executions is allowed, in any order."""

    def __init__(self, seed: int, runs: list[Run]) -> None:
        self._random = random.Random(seed)
        self._players = [Defender(run.ledger(kind)) for run in runs for kind in (Ledger, Liar)]

    def answer(self, position: GamePosition) -> moves.Move:
        for player in self._random.sample(self._players, len(self._players)):
            move = player.answer(position)
            if move is not None and self._is_allowed(position, move):
                return move
        return moves.Reveal(children=())

    def _is_allowed(self, position: GamePosition, move: moves.Move) -> bool:
        try:
            after = position.apply(move, caller=WORKER, now=position.deadline)
        except CommonwattError:
            return False
        return after.verdict is not Verdict.OVERTURNED


@given(seed=st.integers(0, 1 << 32), first=st.one_of(words, others), second=st.one_of(words, others))
@FEW
def test_a_defender_that_mixes_executions_never_wins(seed: int, first: Fault, second: Fault) -> None:
    faulty, other = Run(first), Run(second)
    assume(faulty.trace_root != HONEST.trace_root)

    played = play(
        faulty.frame(),
        Shifty(seed, [faulty, other, HONEST]).answer,
        Challenger(HONEST.ledger()).answer,
        is_defender_honest=False,
    )

    assert played.end.verdict is Verdict.OVERTURNED


@given(seed=st.integers(0, 1 << 32), doubts=st.booleans())
@FEW
def test_an_honest_defender_never_loses(seed: int, doubts: bool) -> None:
    played = play(
        HONEST.frame(), Defender(HONEST.ledger()).answer, AtRandom(seed, doubts).answer, is_defender_honest=True
    )

    assert played.end.verdict is Verdict.UPHELD
    assert len(played.moves) <= LONGEST
