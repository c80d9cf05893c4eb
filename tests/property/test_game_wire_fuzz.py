"""Whatever a runner says: it is a position or a move that says the same again, or it is refused by one name."""

import json
from dataclasses import fields
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from market.protocol.exact import game_moves as moves
from market.protocol.exact.game import GamePosition
from market.protocol.exact.game_wire import BadGameMessage, from_json, to_json
from market.protocol.words import Level, Side, Verdict
from tests.unit.exact_game.test_game_wire import MOVES, OPENED
from tests.unit.exact_game.tiny import PLAN, TERMS

roots = st.binary(min_size=32, max_size=32)
paths = st.lists(roots, max_size=4).map(tuple)
numbers = st.integers(0, 2**64 - 1)
frames = st.builds(
    moves.Frame, worker=st.text(), provider=st.text(), input_root=roots, output_root=roots, plan=st.just(PLAN),
    terms=st.just(TERMS), root=roots, start=roots, end=roots, leaf=roots, operands=st.tuples(roots, roots, roots),
)  # fmt: skip
positions = st.builds(
    GamePosition, challenger=st.text(), move_seconds=numbers, frame=frames, level=st.sampled_from(Level),
    mover=st.sampled_from(Side), deadline=numbers, lo=numbers, count=numbers, total=numbers, node=roots, word=numbers,
    step=numbers, tail=numbers, verdict=st.sampled_from(Verdict), found=numbers, is_concluded=st.booleans(),
)  # fmt: skip
openings = st.lists(st.builds(moves.Opening, words=st.binary(max_size=256), path=paths), max_size=3).map(tuple)
plays = st.one_of(
    st.builds(moves.Reveal, children=paths),
    st.builds(moves.Pick, index=numbers, child=roots, path=paths),
    st.builds(moves.Judge, frame=frames, encoding=st.binary(), openings=openings),
    st.builds(moves.PickWord, index=numbers, words=st.binary(max_size=256)),
)
junk = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just("00" * 32)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)),
    max_leaves=12,
)


@given(value=st.one_of(positions, plays, frames))
def test_whatever_is_said_is_heard_the_same(value: Any) -> None:
    assert from_json(json.loads(json.dumps(to_json(value)))) == value


@given(document=junk, kind=st.sampled_from(["Reveal", "Frame", "GamePosition", "Timeouts"]), body=junk)
def test_junk_is_refused_by_one_name(document: Any, kind: str, body: Any) -> None:
    fitted = {**body, "is": kind} if isinstance(body, dict) else {"is": kind, "frame": body}

    assert _is_refused(document) and _is_refused(fitted)


@given(data=st.data())
def test_a_document_with_one_field_replaced_is_refused_or_says_the_same_again(data: st.DataObject) -> None:
    value = data.draw(st.sampled_from([OPENED, OPENED.frame, TERMS, PLAN, *(move for move in MOVES if fields(move))]))
    document = to_json(value)
    name = data.draw(st.sampled_from([item.name for item in fields(value)]))
    document[name] = data.draw(junk)

    try:
        found = from_json(document)
    except BadGameMessage:
        return
    assert type(found) is type(value)
    assert to_json(found) == document


def _is_refused(document: Any) -> bool:
    try:
        from_json(document)
    except BadGameMessage:
        return True
    return False
