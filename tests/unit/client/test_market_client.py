"""The client against a market that answers, refuses, stutters or is not there."""

import time
from pathlib import Path

import httpx
import pytest

from market.client import channel
from market.client.artifacts import DownloadMismatch, DownloadTooLarge
from market.client.channel import NoAccount
from market.client.http import MarketClient
from market.client.problems import AssignmentLost, MarketBusy, MarketProblem, MarketUnreachable
from market.protocol.hashing import ArtifactId, artifact_id
from market.protocol.requests import body_hash_of, verify_request
from market.protocol.typed import SigningDomain
from market.protocol.wire import CancelSubmission, CommitSubmission, HeartbeatReply, ReleaseSubmission
from tests.unit.client.scripted_market import ACCOUNT, CHAIN, ScriptedMarket, problem

DOMAIN = SigningDomain(chain_id=CHAIN.chain_id, jobs=CHAIN.jobs)
BEAT = httpx.Response(200, content=HeartbeatReply(expires_at=9, abandon=False).model_dump_json())
NONE = httpx.Response(204)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "LONGEST_PAUSE_SECONDS", 0.0)


async def test_a_posted_body_is_signed_for_its_path_and_content() -> None:
    market = ScriptedMarket([BEAT])

    await market.client.heartbeat("7", epoch=1, step=2)

    (request,) = market.requests
    signed = verify_request(
        dict(request.headers),
        DOMAIN,
        method="POST",
        target="/v1/assignments/7/heartbeat",
        body_hash=body_hash_of(request.content),
        now=int(time.time()),
    )
    assert signed.address == ACCOUNT.address


async def test_an_upload_is_repeated_with_its_bytes_and_a_fresh_nonce() -> None:
    market = ScriptedMarket([httpx.Response(404), httpx.ReadError("cut"), problem(503, "x"), httpx.Response(201)])

    name = await market.client.upload_bytes(b"bytes")

    puts = [request for request in market.requests if request.method == "PUT"]
    assert name == artifact_id(b"bytes")
    assert [request.content for request in puts] == [b"bytes"] * 3
    assert len({request.headers["commonwatt-nonce"] for request in puts}) == 3
    assert {request.headers["content-length"] for request in puts} == {"5"}


async def test_bytes_that_the_market_has_are_not_sent_again() -> None:
    market = ScriptedMarket([httpx.Response(200)])

    await market.client.upload_bytes(b"bytes")

    assert [request.method for request in market.requests] == ["HEAD"]


async def test_a_heartbeat_is_never_repeated() -> None:
    market = ScriptedMarket([httpx.ReadError("cut"), BEAT])

    with pytest.raises(MarketUnreachable):
        await market.client.heartbeat("7", epoch=1, step=2)

    assert len(market.requests) == 1


async def test_a_bid_is_repeated_under_the_same_idempotency_key() -> None:

    market = ScriptedMarket([httpx.ReadError("cut"), problem(409, "job-already-ended")])

    with pytest.raises(MarketProblem):
        await market.client.cancel("0x00", CancelSubmission(signature="0x11"), idempotency_key="mine")

    assert [request.headers["idempotency-key"] for request in market.requests] == ["mine", "mine"]


async def test_a_refusal_is_an_error_with_the_markets_own_facts() -> None:
    market = ScriptedMarket([problem(409, "escrow-too-small", free_wei="5", budget_wei="9")])

    with pytest.raises(MarketProblem) as refused:
        await market.client.job("0x00")

    assert (refused.value.slug, refused.value.status) == ("escrow-too-small", 409)
    assert refused.value.facts()["free_wei"] == "5"


@pytest.mark.parametrize("slug", ["lease-lost", "assignment-unknown"])
async def test_an_assignment_that_is_over_has_its_own_error(slug: str) -> None:
    market = ScriptedMarket([problem(409, slug, epoch=3)])

    with pytest.raises(AssignmentLost):
        await market.client.commit("7", CommitSubmission(epoch=2))
    with pytest.raises(AssignmentLost):
        await market.client.release("7", ReleaseSubmission(epoch=2, reason="drain"))


async def test_a_market_that_stays_busy_says_when_to_come_back() -> None:
    market = ScriptedMarket([problem(503, "chain-unreachable", headers={"retry-after": "2"})])

    with pytest.raises(MarketBusy) as busy:
        await market.client.job("0x00")

    assert busy.value.retry_after_seconds == 2.0
    assert len(market.requests) == channel.ATTEMPTS


async def test_an_error_page_without_a_problem_document_is_named_too() -> None:
    market = ScriptedMarket([httpx.Response(418, text="<h1>teapot</h1>")])

    with pytest.raises(MarketProblem) as refused:
        await market.client.job("0x00")

    assert (refused.value.status, refused.value.type) == (418, "about:blank")
    assert "teapot" in refused.value.detail


async def test_no_work_is_none() -> None:
    assert await ScriptedMarket([NONE]).client.lease(wait_seconds=0) is None


async def test_what_must_be_signed_needs_an_account() -> None:
    market = ScriptedMarket([NONE])
    stranger = MarketClient("http://market", transport=httpx.MockTransport(market._answer))

    with pytest.raises(NoAccount):
        await stranger.lease(wait_seconds=0)


async def test_a_download_appears_whole_and_under_its_own_name(tmp_path: Path) -> None:
    data = b"weights" * 1000
    market = ScriptedMarket([httpx.Response(200, content=data)])

    path = await market.client.download(artifact_id(data), tmp_path / "weights")

    assert path == tmp_path / "weights"
    assert contents(tmp_path) == {"weights": data}


@pytest.mark.parametrize("data", [b"truncate", b"", b"other bytes"])
async def test_wrong_bytes_leave_nothing_behind_and_spare_what_was_there(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "weights").write_bytes(b"before")
    market = ScriptedMarket([httpx.Response(200, content=data)])

    with pytest.raises(DownloadMismatch):
        await market.client.download(artifact_id(b"truncated"), tmp_path / "weights")

    assert contents(tmp_path) == {"weights": b"before"}


async def test_a_download_stops_at_its_limit(tmp_path: Path) -> None:
    data = b"x" * 100
    market = ScriptedMarket([httpx.Response(200, content=data)])

    with pytest.raises(DownloadTooLarge):
        await market.client.download(artifact_id(data), tmp_path / "weights", limit_bytes=99)
    with pytest.raises(DownloadTooLarge):
        await market.client.download_bytes(artifact_id(data), limit_bytes=99)

    assert contents(tmp_path) == {}


async def test_a_missing_artifact_is_the_markets_refusal() -> None:
    market = ScriptedMarket([problem(404, "artifact-unknown")])

    with pytest.raises(MarketProblem) as refused:
        await market.client.download_bytes(ArtifactId("00" * 32))

    assert refused.value.slug == "artifact-unknown"


def contents(folder: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in folder.iterdir()}
