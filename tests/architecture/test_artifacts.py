"""The committed ABI and bytecode are what the committed sources compile to."""

import json
import subprocess
import sys

import pytest

from tests.architecture.tree import CONTRACTS, ROOT, solidity, tracked

ARTIFACTS = sorted((ROOT / "market/chain/artifacts").glob("*.json"))


def test_the_committed_artifacts_match_the_sources() -> None:
    checked = subprocess.run(
        [sys.executable, "contracts/tools/build.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_deployed_contract_has_its_artifact() -> None:
    assert {"PayoutToken", "Bonds", "Jobs", "Disputes"} <= {path.stem for path in ARTIFACTS}


@pytest.mark.parametrize("path", ARTIFACTS, ids=lambda path: path.stem)
def test_an_artifact_holds_an_abi_and_linked_bytecode(path: object) -> None:
    artifact = json.loads((ROOT / str(path)).read_text())

    assert artifact["abi"]
    assert len(bytes.fromhex(artifact["bytecode"].removeprefix("0x"))) > 100


def test_no_contract_trusts_an_origin_or_delegates_its_storage() -> None:
    for path in tracked(".sol"):
        if path.is_relative_to(CONTRACTS / "src"):
            assert not {"tx.origin", "delegatecall", "selfdestruct"} & set(solidity(path).replace("(", " ").split()), (
                path
            )
