"""What the tests of the contracts' tools stand on: the tools' folder on the path, and a warm compiler."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.architecture.tree import CONTRACTS

sys.path.append(str(CONTRACTS / "tools"))

Asts = dict[str, dict[str, Any]]


@pytest.fixture(scope="session")
def parsed() -> Iterator[Callable[[dict[str, str]], Asts]]:
    """Yield a function from sources to their ASTs."""
    command = [CONTRACTS / "tools" / "solc-server", CONTRACTS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as solc:

        def parse(sources: dict[str, str]) -> Asts:
            question = {
                "language": "Solidity",
                "sources": {file: {"content": text} for file, text in sources.items()},
                "settings": {"outputSelection": {"*": {"": ["ast"]}}},
            }
            solc.stdin.write(json.dumps(question) + "\n")
            solc.stdin.flush()
            answer = json.loads(solc.stdout.readline())
            assert not [error for error in answer.get("errors", []) if error["severity"] == "error"]
            return {file: answer["sources"][file]["ast"] for file in sources}

        yield parse
        solc.stdin.close()
