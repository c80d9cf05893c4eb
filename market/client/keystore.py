"""A wallet's key in a file: eth-account keystore version 3, readable by its owner alone.

Decides how the file is written (never over another, never world-readable) and how a wrong password is named. Never
logs or prints a key, and returns one only inside a LocalAccount.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from market.protocol.errors import CommonwattError


@dataclass(frozen=True, slots=True, kw_only=True)
class KeystoreMissing(CommonwattError):
    """There is no keystore file there."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeystoreExists(CommonwattError):
    """There is a keystore already, and a key is never written over another."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeystoreUnreadable(CommonwattError):
    """The keystore does not open: the password is wrong, or the file is not a keystore of version 3."""

    path: str
    reason: str


LIGHT_ITERATIONS = 1_000


def create_keystore(path: Path, password: str, *, light: bool = False) -> LocalAccount:
    """Make a new key, write it encrypted with mode 0600, and return it; raises KeystoreExists.

    light: a weak key derivation that opens in milliseconds, for keys of a throw-away chain alone.
    """
    account: LocalAccount = Account.create()
    iterations = LIGHT_ITERATIONS if light else None
    document = Account.encrypt(account.key, password, kdf="pbkdf2" if light else "scrypt", iterations=iterations)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KeystoreExists(path=str(path)) from error
    with os.fdopen(descriptor, "w") as sink:
        json.dump(document, sink)
        sink.flush()
        os.fsync(sink.fileno())
    return account


def load_keystore(path: Path, password: str) -> LocalAccount:
    """Decrypt a keystore; raises KeystoreMissing or KeystoreUnreadable. Takes about a second on purpose (scrypt)."""
    try:
        document = json.loads(path.read_text())
        account: LocalAccount = Account.from_key(Account.decrypt(document, password))
    except FileNotFoundError as error:
        raise KeystoreMissing(path=str(path)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise KeystoreUnreadable(path=str(path), reason=str(error)) from error
    return account
