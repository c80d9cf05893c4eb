"""The worker's folder: key, profile, lock, status, cache."""

import hashlib
import os
import stat
from pathlib import Path

import pytest

from market.client.keystore import KeystoreMissing, KeystoreUnreadable, create_keystore
from market.protocol.hashing import ArtifactId, artifact_id
from worker.agent import keystore
from worker.agent.cache import ArtifactCache
from worker.agent.home import HomeInUse, NotJoined, Profile, Status, WorkerHome
from worker.agent.joining import is_stale
from worker.agent.keystore import LightKeystoreRefused

PROFILE = Profile(
    market_url="http://market", rpc_url=None, node_url="http://node", deployment={"chain_id": 31337},
    provider="0x" + "11" * 20, price_wei_per_gigaflop=10**15,
    fingerprint="0x" + "22" * 32, facts={"zone": "DE"}, verifier=True, offer_valid_until=1_900_000_000,
)  # fmt: skip


def test_the_address_is_read_without_the_password(tmp_path: Path) -> None:
    account = create_keystore(tmp_path / "keystore.json", "secret", light=True)

    assert keystore.address_of(tmp_path / "keystore.json") == account.address


def test_a_light_keystore_is_refused_off_the_development_chain(tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    create_keystore(path, "secret", light=True)

    keystore.refuse_light(path, 31337)
    with pytest.raises(LightKeystoreRefused):
        keystore.refuse_light(path, 1)


def test_a_full_keystore_serves_on_every_chain(tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    create_keystore(path, "secret")

    keystore.refuse_light(path, 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_missing_keystore_and_one_that_is_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text("[1]")

    with pytest.raises(KeystoreMissing):
        keystore.address_of(tmp_path / "absent.json")
    with pytest.raises(KeystoreUnreadable):
        keystore.address_of(tmp_path / "list.json")


def test_a_profile_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    home = WorkerHome(path=tmp_path)
    PROFILE.save(home.profile)

    assert Profile.load(home) == PROFILE


def test_a_worker_that_has_not_joined_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(NotJoined):
        Profile.load(WorkerHome(path=tmp_path))


def test_one_process_uses_a_home_at_a_time(tmp_path: Path) -> None:
    home = WorkerHome(path=tmp_path / "home")

    with home.lock():
        assert home.is_locked()
        with pytest.raises(HomeInUse), home.lock():
            pass
    assert not home.is_locked()


def test_the_status_is_what_was_written_last(tmp_path: Path) -> None:
    home = WorkerHome(path=tmp_path)
    status = Status(state="IDLE", pid=os.getpid(), at=5, assignment_id=None, job_id=None, unit=None, step=None)
    home.write_status(status)

    assert home.read_status() == status


@pytest.mark.parametrize(
    ("valid_until", "offered", "stale"),
    [(200_000, "0x0a", False), (1_000 + 3600, "0x0a", True), (200_000, "0x0b", True)],
)
def test_an_offer_is_renewed_before_it_lapses_or_when_the_machine_changed(
    valid_until: int, offered: str, stale: bool
) -> None:
    assert is_stale(valid_until=valid_until, offered=offered, fingerprint=b"\x0a", now=1_000) is stale


class Library:
    """A market that has some artifacts and counts downloads."""

    def __init__(self, *documents: bytes) -> None:
        self.held = {artifact_id(document): document for document in documents}
        self.downloads: list[str] = []

    async def __call__(self, artifact: ArtifactId, target: Path, *, limit_bytes: int | None = None) -> Path:
        self.downloads.append(artifact)
        _file(target, self.held[artifact])
        return target


async def test_an_artifact_is_downloaded_once(tmp_path: Path) -> None:
    library = Library(b"weights")
    cache = ArtifactCache(tmp_path, library, limit_bytes=1000)

    first = await cache.get(artifact_id(b"weights"))
    again = await cache.get(artifact_id(b"weights"))

    assert _content(first) == _content(again) == b"weights"
    assert len(library.downloads) == 1


async def test_the_least_recently_used_artifact_makes_room(tmp_path: Path) -> None:
    library = Library(b"a" * 40, b"b" * 40, b"c" * 40)
    cache = ArtifactCache(tmp_path, library, limit_bytes=90)
    names = [artifact_id(letter * 40) for letter in (b"a", b"b", b"c")]
    for name in names[:2]:
        await cache.get(name)
    for name, used_at in zip(names, (300, 200), strict=False):
        os.utime(tmp_path / name, (used_at, used_at))
    cache.keep(_file(tmp_path.parent / "made", b"d" * 40))

    assert _names_in(tmp_path) == {names[0], hashlib.sha256(b"d" * 40).hexdigest()}


async def test_a_run_gets_a_name_of_its_own_for_a_cached_file(tmp_path: Path) -> None:
    cache = ArtifactCache(tmp_path / "cache", Library(b"program"), limit_bytes=1000)
    cache.place(await cache.get(artifact_id(b"program")), tmp_path / "program.json")

    assert _content(tmp_path / "program.json") == b"program"


def _file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _content(path: Path) -> bytes:
    return path.read_bytes()
