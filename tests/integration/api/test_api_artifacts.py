"""Artifacts over HTTP: who may store, what is refused, and that nothing is left behind."""

from collections.abc import AsyncIterator
from pathlib import Path

from market.protocol.hashing import artifact_id
from tests.integration.api.house import BUYER, PROVIDER, STRANGER, TOKEN, House, problem

DATA = b"thirty thousand bytes of nothing" * 1000


def fund(house: House) -> None:
    house.chain.escrows[BUYER.address.lower()] = TOKEN


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "sqlite" not in path.name]


async def test_bytes_come_back_as_they_were_stored(house: House) -> None:
    fund(house)
    stored = await house.upload(DATA)
    found = await house.client.get(f"/v1/artifacts/{artifact_id(DATA)}")
    assert (stored.status_code, found.status_code, found.content) == (201, 200, DATA)
    assert found.headers["x-content-type-options"] == "nosniff"
    assert found.headers["etag"] == f'"{artifact_id(DATA)}"'


async def test_head_tells_the_size_and_no_bytes(house: House) -> None:
    fund(house)
    await house.upload(DATA)
    found = await house.client.head(f"/v1/artifacts/{artifact_id(DATA)}")
    assert (found.status_code, found.headers["content-length"], found.content) == (200, str(len(DATA)), b"")


async def test_an_artifact_nobody_stored_is_unknown(house: House) -> None:
    name = artifact_id(b"never")
    assert problem(await house.client.get(f"/v1/artifacts/{name}")) == (404, "artifact-unknown")
    assert (await house.client.head(f"/v1/artifacts/{name}")).status_code == 404


async def test_storing_the_same_bytes_again_changes_nothing(house: House, tmp_path: Path) -> None:
    fund(house)
    await house.upload(DATA)
    again = await house.upload(DATA)
    assert (again.status_code, len(files_in(tmp_path))) == (204, 1)


async def test_bytes_of_another_hash_are_refused_with_both_hashes_and_leave_nothing(
    house: House, tmp_path: Path
) -> None:
    fund(house)
    refused = await house.upload(DATA[:-1], name=artifact_id(DATA))
    assert problem(refused) == (422, "artifact-hash-mismatch")
    assert (refused.json()["expected"], refused.json()["actual"]) == (artifact_id(DATA), artifact_id(DATA[:-1]))
    assert files_in(tmp_path) == []


async def test_a_truncated_upload_is_refused_and_leaves_nothing(house: House, tmp_path: Path) -> None:
    fund(house)
    refused = await house.upload(DATA[:100], name=artifact_id(DATA), **{"content-length": str(len(DATA))})
    assert problem(refused) == (400, "artifact-truncated")
    assert (refused.json()["expected_bytes"], refused.json()["received_bytes"]) == (len(DATA), 100)
    assert files_in(tmp_path) == []


async def test_an_upload_that_says_it_is_too_large_is_refused_unread(house: House, tmp_path: Path) -> None:
    fund(house)
    refused = await house.upload(b"x", name=artifact_id(DATA), **{"content-length": str(1 << 40)})
    assert problem(refused) == (413, "artifact-too-large")
    assert files_in(tmp_path) == []


async def test_an_upload_without_length_is_cut_at_the_limit(house: House, tmp_path: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield bytes(1 << 16)

    fund(house)
    target = f"/v1/artifacts/{artifact_id(DATA)}"
    headers = house.headers(BUYER, "PUT", target, bytes.fromhex(artifact_id(DATA)))
    refused = await house.client.put(target, content=endless(), headers=headers)
    assert problem(refused) == (413, "artifact-too-large")
    assert files_in(tmp_path) == []


async def test_an_account_has_a_quota(house: House) -> None:
    fund(house)
    for number in range(3):
        await house.upload(bytes([number]) * (1 << 20))
    refused = await house.upload(DATA)
    assert problem(refused) == (413, "upload-quota-exceeded")


async def test_strangers_may_not_upload(house: House) -> None:
    assert problem(await house.upload(DATA, signer=STRANGER)) == (403, "upload-not-allowed")


async def test_a_provider_may_upload_for_its_bond(house: House) -> None:
    house.chain.bonds[PROVIDER.address.lower()] = 1
    assert (await house.upload(DATA, signer=PROVIDER)).status_code == 201


async def test_an_unsigned_upload_is_refused(house: House) -> None:
    refused = await house.client.put(f"/v1/artifacts/{artifact_id(DATA)}", content=DATA)
    assert problem(refused) == (401, "request-not-signed")


async def test_a_signature_for_one_artifact_does_not_store_another(house: House) -> None:
    fund(house)
    target = f"/v1/artifacts/{artifact_id(DATA)}"
    headers = house.headers(BUYER, "PUT", target, bytes.fromhex(artifact_id(b"other")))
    assert problem(await house.client.put(target, content=DATA, headers=headers)) == (401, "request-wrongly-signed")


async def test_a_name_that_is_no_hash_never_reaches_the_folder(house: House) -> None:
    assert problem(await house.client.get("/v1/artifacts/..%2F..%2Fmarket.sqlite3"))[0] in {404, 422}
    assert problem(await house.client.get("/v1/artifacts/" + "A" * 64)) == (422, "invalid-request")
