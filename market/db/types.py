"""How the words and numbers of the protocol stand in a column.

Decides storage forms only: uint256 as zero-padded decimal text (SQLite has no wide integer; padded text still sorts),
hashes and addresses as lower-case 0x hex, words as text under a CHECK that lists exactly their members.
"""

from enum import StrEnum
from typing import Any, Generic, TypeVar

from sqlalchemy import CheckConstraint, Dialect, String
from sqlalchemy.types import TypeDecorator

UINT256_DIGITS = 78
W = TypeVar("W", bound=StrEnum)


class Uint256(TypeDecorator[int]):
    """An unsigned integer below 2**256; raises ValueError when a value does not fit."""

    impl = String(UINT256_DIGITS)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if not 0 <= value < 1 << 256:
            raise ValueError(f"{value} does not fit an unsigned 256-bit integer")
        return str(value).zfill(UINT256_DIGITS)

    def process_result_value(self, value: str | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value)


class Hex(TypeDecorator[str]):
    """An address or hash as 0x hex, lower case in storage."""

    impl = String(66)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else value.lower()


class Word(TypeDecorator[W], Generic[W]):
    """A glossary word; combine with `words_check` so that the database refuses any other."""

    impl = String(16)
    cache_ok = True

    def __init__(self, word: type[W]) -> None:
        super().__init__()
        self.word = word

    def process_bind_param(self, value: W | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> W | None:
        return None if value is None else self.word(value)


def words_check(column: str, word: type[StrEnum]) -> CheckConstraint:
    """Return the CHECK that holds a column to the members of a word."""
    members = ", ".join(f"'{member.value}'" for member in word)
    return CheckConstraint(f"{column} IN ({members})", name=f"{column}_word")
