"""The worker's key on disk: an eth-account keystore (version 3), encrypted, readable by its owner alone.

Decides file modes, when a file is refused, and how costly the key derivation is. Never logs, prints or returns a key as
text. A light keystore opens in milliseconds and so does an attack on it: it is for development chains, and `refuse_light`
keeps it there.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from market.chain.deployment import DEV_CHAIN_ID
from market.protocol.errors import CommonwattError

FULL_SCRYPT_N: Final = 1 << 18
LIGHT_SCRYPT_N: Final = 1 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class KeystoreExists(CommonwattError):
    """There is a keystore already, and a key that is lost cannot be had again: it is not overwritten."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeystoreMissing(CommonwattError):
    """There is no keystore yet; `commonwatt worker init` makes one."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeystoreUnreadable(CommonwattError):
    """The keystore cannot be opened: the password is wrong, or the file is no keystore."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LightKeystoreRefused(CommonwattError):
    """A light keystore may only hold a development chain's key."""

    path: str
    chain_id: int


def create(path: Path, password: str, *, light: bool) -> LocalAccount:
    """Make a fresh key, write its keystore with mode 0600, and return it; raises KeystoreExists."""
    account: LocalAccount = Account.create()
    iterations = LIGHT_SCRYPT_N if light else FULL_SCRYPT_N
    document = Account.encrypt(account.key, password, kdf="scrypt", iterations=iterations)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KeystoreExists(path=str(path)) from error
    with os.fdopen(descriptor, "w") as file:
        json.dump(document, file)
    return account


def unlock(path: Path, password: str) -> LocalAccount:
    """Return the account; raises KeystoreMissing or KeystoreUnreadable."""
    document = _read(path)
    try:
        account: LocalAccount = Account.from_key(Account.decrypt(document, password))
    except (ValueError, KeyError, TypeError, NotImplementedError) as error:
        raise KeystoreUnreadable(path=str(path), reason=str(error)) from error
    return account


def address_of(path: Path) -> str:
    """Return the checksummed address without opening the keystore; raises KeystoreMissing or KeystoreUnreadable."""
    try:
        return str(to_checksum_address(_read(path)["address"]))
    except (KeyError, ValueError, TypeError) as error:
        raise KeystoreUnreadable(path=str(path), reason="it names no address") from error


def refuse_light(path: Path, chain_id: int) -> None:
    """Raise LightKeystoreRefused for a light keystore on any chain but the development chain."""
    parameters = _read(path).get("crypto", {}).get("kdfparams", {})
    if parameters.get("n", FULL_SCRYPT_N) < FULL_SCRYPT_N and chain_id != DEV_CHAIN_ID:
        raise LightKeystoreRefused(path=str(path), chain_id=chain_id)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise KeystoreMissing(path=str(path)) from error
    except (ValueError, OSError) as error:
        raise KeystoreUnreadable(path=str(path), reason=str(error)) from error
    if not isinstance(document, dict):
        raise KeystoreUnreadable(path=str(path), reason="not an object")
    return document
