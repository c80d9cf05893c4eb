"""What catching the cheat cost: every transaction of the demo's challenges, from the chain alone.

Decides which transactions count: those in which Disputes or Games said anything about a challenge. Joining or leaving
the verifiers is not one.
"""

from market.chain.bindings import contract
from market.chain.submit import receipt_of
from market.chain.transport import Transport
from market.cli.demo.story import Outcome


async def dispute_of(outcome: Outcome, transport: Transport) -> dict[str, int]:
    """Return how many challenges there were, how many transactions and how much gas they took in all."""
    deployment = outcome.chain.deployment
    topics = {name: _topics_about_challenges(name) for name in ("Disputes", "Games")}
    query = {
        "address": [deployment.disputes, deployment.games],
        "topics": [[topic for found in topics.values() for topic in found]],
        "fromBlock": hex(deployment.deployed_block),
    }
    logs = await transport.request("eth_getLogs", [query])
    hashes = sorted({log["transactionHash"] for log in logs})
    gas = 0
    for tx_hash in hashes:
        receipt = await receipt_of(transport, bytes.fromhex(tx_hash[2:]))
        assert receipt is not None, "a log comes from a mined transaction"
        gas += receipt.gas_used
    return {"challenges": len({log["topics"][1] for log in logs}), "transactions": len(hashes), "gas": gas}


def _topics_about_challenges(name: str) -> list[str]:
    entries = [entry for entry in contract(name).abi if entry.kind == "event"]
    about = [entry for entry in entries if any(part.name == "challengeId" and part.indexed for part in entry.inputs)]
    return ["0x" + entry.topic.hex() for entry in about]
