"""Positions and moves as JSON, between an agent and the runner that holds the evidence.

Decides one form for all of them: an object with the value's type under "is" and its fields by name, bytes as hex, words
of an enum by value. What is read is checked against the declared types, since a runner is believed nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, NoReturn, get_args, get_origin, get_type_hints

from market.protocol.errors import CommonwattError
from market.protocol.exact import game_moves
from market.protocol.exact.game import GamePosition
from market.protocol.exact.terms import ExactTerms
from market.protocol.specs import UnitPlan

_NAMED: Final[Mapping[str, type]] = MappingProxyType(
    {
        kind.__name__: kind
        for kind in (
            *get_args(game_moves.Move),
            game_moves.Frame,
            game_moves.Descent,
            game_moves.Binding,
            game_moves.Link,
            game_moves.Opening,
            GamePosition,
            ExactTerms,
            UnitPlan,
        )
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BadGameMessage(CommonwattError):
    """The JSON is no position and no move."""


def to_json(value: Any) -> Any:
    """Return a position, a move, or anything in them as JSON values."""
    if is_dataclass(value) and not isinstance(value, type):
        body = {item.name: to_json(getattr(value, item.name)) for item in fields(value)}
        return {"is": type(value).__name__, **body}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Enum):
        return value.value
    return [to_json(item) for item in value] if isinstance(value, tuple) else value


def from_json(document: Any) -> Any:
    """Return the position or move that a document stands for; raises BadGameMessage."""
    try:
        return _read(document)
    except (TypeError, ValueError, KeyError) as error:
        raise BadGameMessage from error


def _read(document: Any) -> Any:
    kind = _NAMED[document["is"]]
    hints = get_type_hints(kind)
    return kind(**{item.name: _typed(hints[item.name], document[item.name]) for item in fields(kind)})


def _typed(hint: Any, value: Any) -> Any:
    if get_origin(hint) is tuple:
        return _items(get_args(hint), value)
    if is_dataclass(hint):
        found = _read(value)
        return found if type(found) is hint else _refuse(hint)
    if hint in {int, bool}:
        return value if type(value) is hint else _refuse(hint)  # a bool is an int to Python, and not here
    if not isinstance(value, str):
        return _refuse(hint)  # all else travels as text
    found = bytes.fromhex(value) if hint is bytes else hint(value)
    return found if to_json(found) == value else _refuse(hint)  # hex with blanks or capitals is nobody's


def _items(hints: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        _refuse(list)
    each = [hints[0]] * len(value) if hints[-1] is Ellipsis else hints
    return tuple(_typed(hint, item) for hint, item in zip(each, value, strict=True))


def _refuse(wanted: Any) -> NoReturn:
    raise TypeError(f"not {wanted}")
