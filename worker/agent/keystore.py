"""The worker's key on disk, beyond what every wallet's keystore needs.

Decides what can be known of a keystore without its password, and where a weak one is refused: a light keystore opens
in milliseconds and so does an attack on it, so it may hold a development chain's key and no other. Making and opening
one is `market.client.keystore`.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_utils.address import to_checksum_address

from market.chain.deployment import DEV_CHAIN_ID
from market.client.keystore import KeystoreMissing, KeystoreUnreadable
from market.protocol.errors import CommonwattError

# Below these an attacker tries millions of passwords an hour: scrypt's n, PBKDF2's c.
_LEAST_WORK: Final = {"scrypt": ("n", 1 << 17), "pbkdf2": ("c", 200_000)}


@dataclass(frozen=True, slots=True, kw_only=True)
class LightKeystoreRefused(CommonwattError):
    """A light keystore may only hold a development chain's key."""

    path: str
    chain_id: int


def address_of(path: Path) -> str:
    """Return the checksummed address without opening the keystore; raises KeystoreMissing or KeystoreUnreadable."""
    try:
        return str(to_checksum_address(_read(path)["address"]))
    except (KeyError, ValueError, TypeError) as error:
        raise KeystoreUnreadable(path=str(path), reason="it names no address") from error


def refuse_light(path: Path, chain_id: int) -> None:
    """Raise LightKeystoreRefused for a light keystore on any chain but the development chain."""
    crypto = _read(path).get("crypto", {})
    name, least = _LEAST_WORK.get(crypto.get("kdf"), ("", 1))
    if crypto.get("kdfparams", {}).get(name, 0) < least and chain_id != DEV_CHAIN_ID:
        raise LightKeystoreRefused(path=str(path), chain_id=chain_id)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise KeystoreMissing(path=str(path)) from error
    except ValueError as error:
        raise KeystoreUnreadable(path=str(path), reason=str(error)) from error
    if not isinstance(document, dict):
        raise KeystoreUnreadable(path=str(path), reason="not an object")
    return document
