"""Positions and moves as JSON: what goes out comes back, and what is not one of them is refused by one name."""

import json
from dataclasses import fields
from typing import Any, get_args

import pytest

from market.protocol.exact import game_moves as moves
from market.protocol.exact.game import GamePosition
from market.protocol.exact.game_wire import BadGameMessage, from_json, to_json
from market.protocol.words import Level, Side, Verdict
from tests.unit.exact_game.play import Played, play
from tests.unit.exact_game.test_game_players import AtRandom
from tests.unit.exact_game.tiny import CHALLENGER, HONEST, PLAN, TERMS, Fault, Run
from worker.attest.game import Challenger, Defender

OPENED = GamePosition.opened(HONEST.frame(), CHALLENGER, move_seconds=60, now=5)
DESCENT = moves.Descent(start=b"\1" * 32, start_path=(b"\2" * 32,), end=b"\3" * 32, children=(b"\4" * 32,) * 2)
BINDING = moves.Binding(
    encoding=b"leaf", leaf_path=(), operands=(b"\1" * 32, moves.ZERO, moves.ZERO), operand_paths=((), (b"\5" * 32,)),
    children=(b"\6" * 32,),
)  # fmt: skip
MOVES: tuple[moves.Move, ...] = (
    moves.Reveal(children=(b"\1" * 32, b"\2" * 32)),
    moves.Pick(index=3, child=b"\3" * 32, path=()),
    moves.DescendToSteps(frame=OPENED.frame, descent=DESCENT),
    moves.DescendToValues(frame=OPENED.frame, descent=DESCENT),
    moves.DoubtLink(frame=OPENED.frame),
    moves.ShowLink(
        frame=OPENED.frame, link=moves.Link(value=7, root=b"\7" * 32, output_path=(), root_path=(b"\1" * 32,))
    ),
    moves.DescendToBlocks(frame=OPENED.frame, binding=BINDING),
    moves.RevealBlock(words=bytes(range(256))),
    moves.PickWord(index=63, words=bytes(256)),
    moves.DescendToPartials(frame=OPENED.frame, encoding=b"leaf", children=(), last=bytes(8), last_path=()),
    moves.Judge(frame=OPENED.frame, encoding=b"leaf", openings=(moves.Opening(), moves.Opening(words=b"\1" * 4))),
    moves.JudgePiece(frame=OPENED.frame, encoding=b"", openings=(), before=bytes(8), before_path=()),
    *(kind() for kind in get_args(moves.Move) if not fields(kind)),
)


def again(value: Any) -> Any:
    return from_json(json.loads(json.dumps(to_json(value))))


def changed(document: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    return {**document, name: value}


def games() -> list[Played]:
    faulty, linkless = Run(Fault(kind="word", step=3, at=5, bit=30)), Run(Fault(kind="state", step=3, at=1, bit=3))
    honest = Challenger(HONEST.ledger()).answer
    return [
        play(faulty.frame(), Defender(faulty.ledger()).answer, honest, is_defender_honest=False),
        play(linkless.frame(), Defender(linkless.ledger()).answer, honest, is_defender_honest=False),
        play(HONEST.frame(), Defender(HONEST.ledger()).answer, AtRandom(2, True).answer, is_defender_honest=True),
        play(HONEST.frame(), Defender(HONEST.ledger()).answer, AtRandom(3).answer, is_defender_honest=True),
    ]


@pytest.mark.parametrize("move", MOVES, ids=lambda move: type(move).__name__)
def test_every_move_comes_back_as_it_went(move: moves.Move) -> None:
    assert again(move) == move


def test_every_position_and_move_of_whole_games_comes_back_as_it_went() -> None:
    for played in games():
        assert again_all(played.positions) == played.positions
        assert again_all(played.moves) == played.moves


def again_all(values: list[Any]) -> list[Any]:
    return [again(value) for value in values]


def test_words_come_back_as_words_and_tuples_as_tuples() -> None:
    back = again(OPENED)

    assert (type(back.level), type(back.mover), type(back.verdict)) == (Level, Side, Verdict)
    assert type(back.frame.plan.predecessors) is tuple
    assert type(back.frame.operands) is tuple


def test_terms_and_plans_travel_too() -> None:
    assert again(TERMS) == TERMS
    assert again(PLAN) == PLAN


@pytest.mark.parametrize("name", [item.name for item in fields(GamePosition)])
def test_a_position_without_one_of_its_fields_is_refused(name: str) -> None:
    document = to_json(OPENED)
    del document[name]

    with pytest.raises(BadGameMessage):
        from_json(document)


@pytest.mark.parametrize("kind", ["Gambit", "", None, 7, ["Reveal"], {"is": "Reveal"}, "GamePosition\0", "bytes"])
def test_a_kind_that_does_not_exist_is_refused(kind: Any) -> None:
    with pytest.raises(BadGameMessage):
        from_json(changed(to_json(OPENED), "is", kind))


@pytest.mark.parametrize("document", [None, True, 0, 1.5, "Timeout", [], ["Timeout"], {}, {"move": 1}])
def test_what_is_no_object_with_a_kind_is_refused(document: Any) -> None:
    with pytest.raises(BadGameMessage):
        from_json(document)


@pytest.mark.parametrize("value", [True, False, 1.0, "1", None, [1], {}])
def test_a_number_that_is_no_integer_is_refused(value: Any) -> None:
    with pytest.raises(BadGameMessage):
        from_json(changed(to_json(OPENED), "deadline", value))


@pytest.mark.parametrize("value", [0, 1, "true", None, []])
def test_a_yes_or_no_that_is_neither_is_refused(value: Any) -> None:
    with pytest.raises(BadGameMessage):
        from_json(changed(to_json(OPENED), "is_concluded", value))


@pytest.mark.parametrize("value", ["0x00", "0", "zz", " 00", "AB", 5, None, ["00"], True])
def test_bytes_that_are_no_hex_are_refused(value: Any) -> None:
    with pytest.raises(BadGameMessage):
        from_json(changed(to_json(OPENED), "node", value))


@pytest.mark.parametrize("value", ["WINNING", "", 1, None, ["STEPS"], {"STEPS": 1}])
def test_a_word_that_is_not_in_the_glossary_is_refused(value: Any) -> None:
    with pytest.raises(BadGameMessage):
        from_json(changed(to_json(OPENED), "level", value))


@pytest.mark.parametrize("value", [7, None, b"x".hex().encode(), ["0x"]])
def test_a_name_that_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(BadGameMessage):
        from_json(changed(to_json(OPENED), "challenger", value))


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_a_frame_has_three_operands_and_no_other_number(count: int) -> None:
    frame = changed(to_json(HONEST.frame()), "operands", ["00" * 32] * count)

    with pytest.raises(BadGameMessage):
        from_json(frame)


@pytest.mark.parametrize("value", ["00", {"0": "00"}, None, [["00"]], [1]])
def test_a_path_that_is_no_list_of_hashes_is_refused(value: Any) -> None:
    with pytest.raises(BadGameMessage):
        from_json(changed(to_json(MOVES[1]), "path", value))


@pytest.mark.parametrize("inner", [to_json(moves.Timeout()), to_json(TERMS), to_json(OPENED), None, "frame", []])
def test_one_kind_of_value_does_not_stand_for_another(inner: Any) -> None:
    with pytest.raises(BadGameMessage):
        from_json({"is": "DoubtLink", "frame": inner})


@pytest.mark.parametrize("name", ["level", "node", "frame", "deadline", "challenger", "is"])
def test_huge_nesting_is_refused_without_falling_into_it(name: str) -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(BadGameMessage):
        from_json(changed(to_json(OPENED), name, deep))
    while deep:
        deep = deep.pop()  # one by one: dropping it whole would recurse in the interpreter
