"""Keys in files."""

import stat
from pathlib import Path

import pytest

from market.client.keystore import (
    KeystoreExists,
    KeystoreMissing,
    KeystoreUnreadable,
    create_keystore,
    load_keystore,
)


def test_a_created_key_opens_with_its_password_and_with_no_other(tmp_path: Path) -> None:
    made = create_keystore(tmp_path / "deep" / "key.json", "right")

    assert load_keystore(tmp_path / "deep" / "key.json", "right").address == made.address
    with pytest.raises(KeystoreUnreadable):
        load_keystore(tmp_path / "deep" / "key.json", "wrong")


def test_a_key_is_readable_by_its_owner_alone_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    create_keystore(path, "right")
    before = path.read_bytes()

    with pytest.raises(KeystoreExists):
        create_keystore(path, "right")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"crypto": {}}', "null"])
def test_a_file_that_is_no_keystore_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "key.json").write_text(text)

    with pytest.raises(KeystoreUnreadable):
        load_keystore(tmp_path / "key.json", "right")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeystoreMissing):
        load_keystore(tmp_path / "key.json", "right")
