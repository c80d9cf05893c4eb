"""The signed documents and the job record have the same fields and types in Solidity and in Python."""

import re
from dataclasses import fields

import pytest

from market.protocol import jobs, typed
from tests.architecture.tree import CONTRACTS, abi_type, enums, solidity, structs, tracked

WORDS = enums(solidity(CONTRACTS / "src/types/Words.sol"))
STRUCTS = structs(solidity(CONTRACTS / "src/types/Documents.sol"))
SIGNED = {document._name: document for document in typed.TypedDocument.__subclasses__()}
HASHED_ON_CHAIN = ["Acceptance", "Bid", "Cancel", "Extension", "Offer", "Receipt", "Sponsorship"]


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def in_python_form(struct: str) -> list[tuple[str, str]]:
    return [(snake(name), abi_type(kind, WORDS)) for kind, name in STRUCTS[struct]]


def tuple_type(struct: str) -> str:
    def expand(kind: str) -> str:
        inner = kind.removesuffix("[]")
        return tuple_type(inner) + kind[len(inner) :] if inner in STRUCTS else abi_type(kind, WORDS)

    return "(" + ",".join(expand(kind) for kind, _ in STRUCTS[struct]) + ")"


def type_string(name: str) -> str:
    document = SIGNED[name]
    members = [f"{kind} {typed._camel(field)}" for field, kind in document._types.items()]
    return f"{name}({','.join(members)})"


@pytest.mark.parametrize("name", ["Acceptance", "Bid", "Extension", "Offer", "Receipt"])
def test_a_signed_document_has_the_fields_of_its_struct(name: str) -> None:
    assert list(SIGNED[name]._types.items()) == in_python_form(name)


@pytest.mark.parametrize("name", sorted(SIGNED))
def test_a_signed_document_types_each_of_its_fields_in_order(name: str) -> None:
    assert [field.name for field in fields(SIGNED[name])] == list(SIGNED[name]._types)  # type: ignore[arg-type]


def test_the_job_record_has_the_fields_of_its_struct_and_what_is_behind_the_last_two() -> None:
    *numbers, behind = [field.name for field in fields(jobs.JobRecord)]

    assert ([*numbers, "places_hash", "counts"], behind) == ([name for name, _ in in_python_form("Job")], "matches")


def test_a_match_begins_with_the_fields_of_its_place() -> None:
    place = [name for name, _ in in_python_form("Place")]

    assert [field.name for field in fields(jobs.MatchEntry)][: len(place)] == place


def test_the_job_record_and_its_places_are_hashed_as_solidity_encodes_them() -> None:
    assert (tuple_type("Job"), tuple_type("Place")) == (jobs._JOB, jobs._PLACE)


@pytest.mark.parametrize("name", HASHED_ON_CHAIN)
def test_solidity_hashes_the_same_type_string_that_wallets_sign(name: str) -> None:
    sources = "\n".join(solidity(path) for path in tracked(".sol") if path.is_relative_to(CONTRACTS / "src"))
    joined = re.sub(r'"\s+"', "", sources)  # adjacent literals are one literal

    assert re.findall(rf'"({name}\([^"]*\))"', joined) == [type_string(name)]
