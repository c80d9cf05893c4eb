"""Where the six contracts stand, and the numbers they were built with.

Decides the form of the deployment record and the two parameter sets (`devnet`, `production`). Pure values; `deploy.py`
puts them on a chain and `gateway.py` checks that a chain still has them.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from eth_utils.address import is_address, to_checksum_address

from market.protocol.errors import CommonwattError
from market.protocol.typed import SigningDomain
from market.protocol.vouchers import channels_domain

DEV_CHAIN_ID: Final = 31337
CONTRACTS: Final = ("PayoutToken", "Bonds", "Jobs", "Games", "Disputes", "Channels")


@dataclass(frozen=True, slots=True, kw_only=True)
class BadDeployment(CommonwattError):
    """The deployment record cannot be used."""

    field: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One set of contracts on one chain. Addresses are checksummed, genesis_hash is 0x hex."""

    chain_id: int
    genesis_hash: str
    token: str
    bonds: str
    jobs: str
    games: str
    disputes: str
    channels: str
    operator: str
    deployed_block: int

    @property
    def domain(self) -> SigningDomain:
        """Where signatures on documents of this deployment count."""
        return SigningDomain(chain_id=self.chain_id, jobs=self.jobs)

    @property
    def channels_domain(self) -> SigningDomain:
        """Where vouchers, openings and closings count."""
        return channels_domain(chain_id=self.chain_id, channels=self.channels)

    @property
    def addresses(self) -> dict[str, str]:
        """Contract name -> address."""
        places = (self.token, self.bonds, self.jobs, self.games, self.disputes, self.channels)
        return dict(zip(CONTRACTS, places, strict=True))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """Parse a record; raises BadDeployment naming the first field that is missing, unknown or malformed."""
        if not isinstance(document, dict):
            raise BadDeployment(field="$", reason="not an object")
        for name in sorted(document.keys() ^ cls.__dataclass_fields__.keys()):
            raise BadDeployment(field=str(name), reason="unknown" if name in document else "missing")
        return cls(**{name: _parse(name, value) for name, value in document.items()})

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.to_json(), indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a record from a file; raises BadDeployment when it is absent or not JSON."""
        try:
            return cls.from_json(json.loads(path.read_text()))
        except FileNotFoundError as error:
            raise BadDeployment(field="$", reason=f"{path} does not exist") from error
        except ValueError as error:
            raise BadDeployment(field="$", reason=f"{path} is not JSON: {error}") from error


def _parse(name: str, value: Any) -> Any:
    if name in {"chain_id", "deployed_block"}:
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise BadDeployment(field=name, reason="not a natural number")
        return value
    if name == "genesis_hash":
        if not (isinstance(value, str) and value.startswith("0x") and len(value) == 66):
            raise BadDeployment(field=name, reason="not 0x and 64 hex digits")
        return value.lower()
    if not is_address(value):
        raise BadDeployment(field=name, reason="not an address")
    return to_checksum_address(value)
