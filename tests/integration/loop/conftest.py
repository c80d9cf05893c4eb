"""One market on the session's chain, with contracts of the test's own."""

from pathlib import Path

import pytest

from market.chain.anvil import Anvil
from market.chain.deployment import Deployment
from market.chain.transport import HttpTransport
from tests.integration.chain_fixtures import Newcomer
from tests.integration.loop.market import TestMarket


@pytest.fixture
def whole_market(
    anvil: Anvil, tmp_path: Path, rpc: HttpTransport, deployment: Deployment, newcomer: Newcomer
) -> TestMarket:
    return TestMarket(folder=tmp_path, rpc_url=anvil.url, transport=rpc, deployment=deployment, newcomer=newcomer)
