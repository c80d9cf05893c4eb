"""How an error becomes a problem document: its facts survive, and its reserved members cannot be overwritten."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest

from market.api.problems import STATUSES, _facts, _on_error, slug_of, title_of
from market.services.bids import EscrowTooSmall
from market.services.leasing import LeaseLost


class Color(StrEnum):
    RED = "RED"


def document(response: Any) -> dict[str, Any]:
    return dict(json.loads(response.body))


@dataclass
class Asked:
    """As much of a request as the handler looks at."""

    class url:  # noqa: N801
        path = "/v1/somewhere"

    method = "GET"


async def test_facts_are_members_and_amounts_are_text() -> None:
    answer = await _on_error(Asked(), EscrowTooSmall(payer="0x", free_wei=5, needed_wei=10**30))  # type: ignore[arg-type]
    found = document(answer)
    assert (found["type"], found["status"], found["instance"]) == ("/problems/escrow-too-small", 409, "/v1/somewhere")
    assert (found["free_wei"], found["needed_wei"]) == ("5", str(10**30))


async def test_a_fact_named_like_a_standard_member_stands_beside_it() -> None:
    lost = LeaseLost(assignment_id="a", status="EXPIRED", epoch=2, your_epoch=1)
    found = document(await _on_error(Asked(), lost))  # type: ignore[arg-type]
    assert (found["status"], found["fact_status"]) == (409, "EXPIRED")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (b"\x01", "0x01"),
        (Color.RED, "RED"),
        (1 << 53, str(1 << 53)),
        ((1 << 53) - 1, (1 << 53) - 1),
        (True, True),
        ((1, b"\x02"), [1, "0x02"]),
        ({"a": b"\x03"}, {"a": "0x03"}),
        (None, None),
    ],
)
def test_every_kind_of_fact_is_json(value: Any, written: Any) -> None:
    assert _facts([("fact", value)]) == [("fact", written)]


def test_no_two_problems_share_a_type() -> None:
    slugs = [slug_of(error) for error in STATUSES]
    assert len(slugs) == len(set(slugs))


def test_titles_are_sentences_without_a_full_stop() -> None:
    assert all(title_of(error) and not title_of(error).endswith(".") for error in STATUSES)


def test_only_statuses_that_clients_may_meet_are_used() -> None:
    assert set(STATUSES.values()) <= {400, 401, 403, 404, 409, 410, 413, 422, 502, 503}
