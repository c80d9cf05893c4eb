"""No key, no registry's host and no path of one machine stands in the repository."""

import re
from pathlib import Path

import pytest
from eth_account import Account

from tests.architecture.tree import relative, tracked

# Spelled in halves, so that this file does not hold what it looks for.
HALVES = ["pypi. org", "pythonhosted. org", "registry. npmjs", "registry. yarnpkg", "download. pytorch"]
HALVES += ["file: //", "/wo rk/", "/ro ot/", "/ho me/"]
DEVNET_MNEMONIC = "test test test test test test test test test test test junk"
KEY_LIKE = re.compile(r"(?<![0-9a-fA-F])(?:0x)?([0-9a-fA-F]{64})(?![0-9a-fA-F])")
NAMES_A_KEY = re.compile(r"key|secret|private|seed", re.IGNORECASE)
PEM = re.compile("-----BEGIN [A-Z ]*PRIVATE" + " KEY-----")


def texts() -> list[tuple[Path, str]]:
    found = []
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data:
            found.append((path, data.decode()))
    return found


def devnet_keys() -> set[str]:
    Account.enable_unaudited_hdwallet_features()
    paths = [f"m/44'/60'/0'/0/{index}" for index in range(10)]
    return {Account.from_mnemonic(DEVNET_MNEMONIC, account_path=path).key.hex() for path in paths}


@pytest.mark.parametrize("halves", HALVES)
def test_no_file_names_a_registry_or_a_place_on_one_machine(halves: str) -> None:
    host = halves.replace(" ", "")

    assert [relative(path) for path, text in texts() if host in text] == []


def test_the_only_keys_in_the_repository_are_the_devnets_public_ones() -> None:
    allowed = devnet_keys()
    suspects = [
        f"{relative(path)}:{number}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if len(line) < 1000 and NAMES_A_KEY.search(line)
        for digits in KEY_LIKE.findall(line)
        if digits.lower() not in allowed and len(set(digits)) > 4
    ]

    assert suspects == []


def test_no_file_holds_a_pem_key() -> None:
    assert [relative(path) for path, text in texts() if PEM.search(text)] == []
