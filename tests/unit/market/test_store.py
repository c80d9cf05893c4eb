"""The folder of artifacts: bytes appear whole under their hash, or not at all."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.protocol.hashing import artifact_id
from market.services.store import (
    ArtifactHashMismatch,
    ArtifactTooLarge,
    ArtifactTruncated,
    ArtifactUnknown,
    LocalStore,
)

DATA = b"some bytes" * 1000


async def put(
    store: LocalStore, data: bytes, *, name: bytes | None = None, limit: int = 1 << 20, size: int = 777
) -> int:
    artifact = artifact_id(data if name is None else name)
    async with store.begin(artifact, limit_bytes=limit) as writer:
        for start in range(0, len(data), size):
            await writer.append(data[start : start + size])
        return await writer.commit()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


async def test_what_was_put_is_read_back_whole_and_in_parts(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    size = await put(store, DATA)
    whole = b"".join([chunk async for chunk in store.stream(artifact_id(DATA))])
    part = await store.read(artifact_id(DATA), limit_bytes=5, offset=3)
    assert (size, whole, part) == (len(DATA), DATA, DATA[3:8])


async def test_an_empty_artifact_is_one_too(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    await put(store, b"")
    assert await store.size(artifact_id(b"")) == 0


async def test_wrong_bytes_leave_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ArtifactHashMismatch) as refused:
        await put(LocalStore(tmp_path), DATA, name=b"other")
    assert (refused.value.expected, refused.value.actual) == (artifact_id(b"other"), artifact_id(DATA))
    assert files(tmp_path) == []


async def test_bytes_above_the_limit_are_refused_while_they_come(tmp_path: Path) -> None:
    with pytest.raises(ArtifactTooLarge):
        await put(LocalStore(tmp_path), DATA, limit=len(DATA) - 1)
    assert files(tmp_path) == []


async def test_fewer_bytes_than_announced_are_refused(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with pytest.raises(ArtifactTruncated) as refused:
        async with store.begin(artifact_id(DATA), limit_bytes=1 << 20, expected_bytes=len(DATA)) as writer:
            await writer.append(DATA[:10])
            await writer.commit()
    assert refused.value.received_bytes == 10
    assert files(tmp_path) == []


async def test_an_upload_that_is_abandoned_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError):
        async with LocalStore(tmp_path).begin(artifact_id(DATA), limit_bytes=1 << 20) as writer:
            await writer.append(DATA)
            raise ConnectionError("the uploader left")
    assert files(tmp_path) == []


async def test_two_uploads_of_one_artifact_at_once_both_succeed(tmp_path: Path) -> None:
    store, name = LocalStore(tmp_path), artifact_id(DATA)
    async with store.begin(name, limit_bytes=1 << 20) as first, store.begin(name, limit_bytes=1 << 20) as second:
        await first.append(DATA)
        await second.append(DATA)
        sizes = (await first.commit(), await second.commit())
    assert (sizes, files(tmp_path)) == ((len(DATA), len(DATA)), [name])


async def test_bytes_are_on_disk_before_they_have_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut after the rename must not leave a name without its bytes."""
    order: list[str] = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append("flush"), fsync(handle))[1])
    monkeypatch.setattr(Path, "replace", lambda a, b: (order.append("rename"), replace(a, b))[1])
    await put(LocalStore(tmp_path), DATA)
    assert order[:3] == ["flush", "rename", "flush"]


async def test_what_a_killed_process_left_half_written_is_removed_a_day_later(tmp_path: Path) -> None:
    LocalStore(tmp_path)
    old, young = tmp_path / "incoming" / "old", tmp_path / "incoming" / "young"
    old.write_bytes(DATA)
    young.write_bytes(DATA)
    os.utime(old, (1, 1))
    LocalStore(tmp_path)
    assert files(tmp_path) == ["young"]


async def test_what_is_not_stored_is_unknown(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with pytest.raises(ArtifactUnknown):
        await store.read(artifact_id(b"never"), limit_bytes=1)
    with pytest.raises(ArtifactUnknown):
        await anext(aiter(store.stream(artifact_id(b"never"))))
    assert await store.size(artifact_id(b"never")) is None


@given(data=st.binary(max_size=4096), size=st.integers(min_value=1, max_value=700))
async def test_the_pieces_an_upload_comes_in_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, size: int
) -> None:
    store = LocalStore(tmp_path_factory.mktemp("store"))
    await put(store, data, size=size)
    assert await store.read(artifact_id(data), limit_bytes=1 << 20) == data
