"""Fixtures for everything that talks to something real. A thin list: each lives beside what it starts."""

from tests.integration.chain_fixtures import (
    anvil,
    deployment,
    newcomer,
    operator,
    quiet_anvil,
    quiet_deployment,
    quiet_rpc,
    rpc,
)

__all__ = [
    "anvil",
    "deployment",
    "newcomer",
    "operator",
    "quiet_anvil",
    "quiet_deployment",
    "quiet_rpc",
    "rpc",
]
