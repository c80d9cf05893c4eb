"""Every threat that the document lists has its test and every test is listed; nobody trusts who began a transaction."""

import re

from tests.architecture.tree import CONTRACTS, relative, tracked
from tests.vectors.make_threats import FOLDER, TEXT, files, rendered, threats_of


def test_every_listed_threat_has_its_test_and_every_test_is_listed() -> None:
    listed = re.findall(r"^\|.*\| `(test_\w+)` \|.*\|$", TEXT.read_text(), re.MULTILINE)
    written = re.findall(r"function (test_\w+)\(", "".join(path.read_text() for path in sorted(FOLDER.glob("*.sol"))))

    assert sorted(listed) == sorted(written)
    assert len(set(listed)) == len(listed)


def test_the_document_says_what_the_tests_say() -> None:
    assert TEXT.read_text() == rendered()


def test_every_test_says_what_it_is_against_and_why_that_holds() -> None:
    assert all(threat and holds for path in files() for _, threat, holds in threats_of(path))


def test_no_contract_asks_who_began_the_transaction() -> None:
    sources = [path for path in tracked(".sol") if path.is_relative_to(CONTRACTS / "src")]
    asking = [relative(path) for path in sources if re.search(r"tx\s*\.\s*origin|\borigin\(\)", path.read_text())]

    assert sources
    assert asking == []
