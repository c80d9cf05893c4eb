"""One word per thing: the same members, in the same order, in Solidity, Python, SQL and HTML."""

import re
from enum import StrEnum

import pytest
from sqlalchemy import CheckConstraint, Column

from market.db.base import Base
from market.db.types import Word
from market.protocol import words
from market.protocol.words import ChainWord
from tests.architecture.tree import CONTRACTS, ROOT, enums, modules, solidity, tracked

SOLIDITY = enums(solidity(CONTRACTS / "src/types/Words.sol"))
PYTHON = {
    name: word
    for name, word in vars(words).items()
    if isinstance(word, type) and issubclass(word, StrEnum) and list(word)
}
STATUS_WORDS = {member.value for word in PYTHON.values() for member in word} - {"NONE"}


def word_columns() -> list[tuple[Column[str], type[StrEnum]]]:
    modules("market.db")
    columns = [column for table in Base.metadata.tables.values() for column in table.columns]
    return [(column, column.type.word) for column in columns if isinstance(column.type, Word)]


@pytest.mark.parametrize("name", sorted(SOLIDITY))
def test_python_says_the_same_words_as_solidity_in_the_same_order(name: str) -> None:
    assert [member.value for member in PYTHON[name]] == SOLIDITY[name]


def test_every_word_that_claims_an_on_chain_number_has_one() -> None:
    assert {name for name, word in PYTHON.items() if issubclass(word, ChainWord)} == SOLIDITY.keys()


@pytest.mark.parametrize("name", sorted(SOLIDITY))
def test_the_empty_slot_is_never_a_live_state(name: str) -> None:
    assert SOLIDITY[name][0] == "NONE"


@pytest.mark.parametrize("name", sorted(PYTHON))
def test_a_word_is_spelled_as_it_is_named(name: str) -> None:
    assert [member.name for member in PYTHON[name]] == [member.value for member in PYTHON[name]]


def test_the_models_hold_words_at_all() -> None:
    assert len(word_columns()) >= 5


def test_sql_refuses_every_word_that_python_does_not_know() -> None:
    for column, word in word_columns():
        checks = [str(item.sqltext) for item in column.table.constraints if isinstance(item, CheckConstraint)]
        allowed = next((check for check in checks if check.startswith(f"{column.name} IN ")), "")

        assert re.findall(r"'([^']*)'", allowed) == [member.value for member in word], f"{column.table}.{column.name}"


def test_no_contract_speaks_a_word_that_the_glossary_lacks() -> None:
    spoken: set[str] = set()
    for path in (ROOT / "market/chain/artifacts").glob("*.json"):
        spoken |= set(re.findall(r'"internalType": "enum ([^"\[]+)', path.read_text()))

    assert spoken == SOLIDITY.keys()


def test_pages_show_states_only_by_their_glossary_words() -> None:
    shouted = re.compile(r"\b[A-Z]{4,}\b")
    for path in tracked(".html", ".js"):
        if path.is_relative_to(ROOT / "market"):
            assert set(shouted.findall(path.read_text())) <= STATUS_WORDS | {"DOCTYPE", "POST", "HEAD", "JSON"}, path
