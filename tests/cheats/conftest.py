"""One job and one chain for the whole gallery; what a test does to the chain is undone after it."""

from collections.abc import Iterator

import pytest

from tests.support.arena import Arena
from tests.support.arena_chain import ChainReferee, Court, open_court


@pytest.fixture(scope="session")
def arena() -> Arena:
    return Arena()


@pytest.fixture(scope="session")
def court(arena: Arena, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
    running = open_court(arena, tmp_path_factory.mktemp("court"))
    yield running
    running.close()


@pytest.fixture
def referee(court: Court) -> Iterator[ChainReferee]:
    """The contracts, for one game."""
    with court.episode():
        yield ChainReferee(court)
