"""The API as a whole: its committed description, its refusals, and what it never tells."""

import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from market.api import examples
from market.protocol import wire
from market.protocol.typed import Bid, Extension, Offer, Receipt
from tests.integration.api.house import DEPLOYMENT, House, problem

SNAPSHOT = Path(__file__).parents[2] / "vectors" / "openapi.json"


async def document(house: House) -> dict[str, Any]:
    return dict((await house.client.get("/openapi.json")).json())


def operations(described: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]


async def test_the_description_is_the_committed_one(house: House) -> None:
    """Rewrite it with WRITE_OPENAPI=1 and read the difference before committing it."""
    described = await document(house)
    if os.environ.get("WRITE_OPENAPI") == "1":
        SNAPSHOT.write_text(json.dumps(described, indent=1, sort_keys=True) + "\n")
    assert described == json.loads(SNAPSHOT.read_text())


async def test_every_json_body_has_an_example_that_is_one(house: House) -> None:
    described = await document(house)
    bodies = {
        name: content["application/json"]
        for name, operation in operations(described)
        if "application/json" in (content := operation.get("requestBody", {}).get("content", {}))
    }
    for name, body in bodies.items():
        model = getattr(wire, body["schema"]["$ref"].rsplit("/", 1)[-1])
        assert body["schema"].get("examples") or body.get("examples") or body["schema"], name
        assert model is not None
    assert len(bodies) == 10


def test_the_examples_are_documents_that_parse() -> None:
    wire.BidSubmission.model_validate(examples.BID)
    wire.OfferSubmission.model_validate(examples.OFFER)
    wire.CommitSubmission.model_validate(examples.COMMIT)
    parsed = (
        Bid.from_json(examples.BID["bid"]),
        Offer.from_json(examples.OFFER["offer"]),
        Receipt.from_json(examples.COMMIT["receipt"]),
        Extension.from_json(examples.EXTENSION["extension"]),
    )
    assert parsed[0].units == sum(examples.SPEC["rounds"])


async def test_every_refusal_that_is_described_is_a_problem_document(house: House) -> None:
    for name, operation in operations(await document(house)):
        refusals = {status: each for status, each in operation["responses"].items() if status >= "400"}
        kinds = {kind for each in refusals.values() for kind in each.get("content", {})}
        assert kinds <= {"application/problem+json"}, name


async def test_every_route_that_writes_describes_how_it_refuses_the_unsigned(house: House) -> None:
    for name, operation in operations(await document(house)):
        if not name.startswith(("GET", "HEAD")):
            assert "401" in operation["responses"], name


@pytest.mark.parametrize(
    ("method", "path", "status", "name"),
    [
        ("GET", "/v1/nowhere", 404, "no-such-route"),
        ("DELETE", "/v1/bids", 405, "method-not-allowed"),
        ("GET", "/v1/jobs/1", 422, "invalid-request"),
        ("GET", "/v1/jobs?limit=0", 422, "invalid-request"),
        ("GET", "/v1/jobs?limit=201", 422, "invalid-request"),
        ("GET", "/v1/accounts/0x12", 422, "invalid-request"),
    ],
)
async def test_http_refusals_are_problem_documents_too(
    house: House, method: str, path: str, status: int, name: str
) -> None:
    assert problem(await house.client.request(method, path)) == (status, name)


async def test_a_wrong_method_says_which_are_right(house: House) -> None:
    assert (await house.client.delete("/v1/bids")).headers["allow"] == "POST"


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[]", b'"text"', b"null"])
async def test_a_body_that_is_no_json_object_is_refused(house: House, body: bytes) -> None:
    headers = {"content-type": "application/json", "Idempotency-Key": "k"}
    refused = await house.client.post("/v1/bids", content=body, headers=headers)
    assert problem(refused)[0] in {400, 422}


async def test_a_json_body_above_the_limit_is_refused_unread(house: House) -> None:
    refused = await house.client.post("/v1/bids", content=b"x" * (1 << 17))
    assert problem(refused) == (413, "body-too-large")


async def test_a_fault_of_ours_tells_no_internals(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(_: Any) -> None:
        raise RuntimeError("the secret is 42")

    monkeypatch.setattr(type(house.container.views), "job", lambda *_: fails(_))
    answer = await house.client.get("/v1/jobs/0x" + "00" * 32)
    assert problem(answer) == (500, "internal-fault")
    assert "42" not in answer.text


async def test_the_chain_is_named_for_clients(house: House) -> None:
    found = (await house.client.get("/v1/chain")).json()
    assert (found["jobs"], found["operator"]) == (DEPLOYMENT.jobs, DEPLOYMENT.operator)


async def test_health_needs_no_chain(house: House) -> None:
    house.chain.silent = True
    answer = await house.client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "indexed_block": None})


async def test_a_lease_for_a_worker_that_was_never_announced_is_refused(house: House) -> None:
    from tests.integration.api.house import STRANGER

    refused = await house.send_signed(STRANGER, "POST", "/v1/assignments/lease", {"wait_seconds": 0})
    assert problem(refused) == (404, "worker-unknown")


async def test_a_lease_when_there_is_no_work_is_a_204(house: House) -> None:
    from tests.integration.api.house import PROVIDER

    await house.announce()
    answer = await house.send_signed(PROVIDER, "POST", "/v1/assignments/lease", {"wait_seconds": 0})
    assert (answer.status_code, answer.content) == (204, b"")


async def test_a_long_poll_ends_when_the_process_is_asked_to_end(house: House) -> None:
    import asyncio

    from tests.integration.api.house import PROVIDER

    await house.announce()
    asking = asyncio.create_task(house.send_signed(PROVIDER, "POST", "/v1/assignments/lease", {"wait_seconds": 25}))
    await asyncio.sleep(0.2)
    house.container.stopping.set()
    answer: httpx.Response = await asyncio.wait_for(asking, 5)
    assert answer.status_code == 204


@pytest.mark.parametrize("act", ["heartbeat", "commit", "release"])
async def test_an_unknown_assignment_is_unknown(house: House, act: str) -> None:
    from tests.integration.api.house import PROVIDER

    bodies: dict[str, dict[str, Any]] = {
        "heartbeat": {"epoch": 1, "step": 1},
        "commit": {"epoch": 1},
        "release": {"epoch": 1, "reason": "draining"},
    }
    answer = await house.send_signed(PROVIDER, "POST", f"/v1/assignments/none/{act}", bodies[act])
    assert problem(answer) == (404, "assignment-unknown")
