"""What each step of the demo job's life cost in gas, from its own transactions.

The market opens and matches in one transaction: `open` is what opening alone would have cost in the block before,
`match` the rest. `commit` is the first commit of one round, `claim` one provider's claim. Reads the chain alone.
"""

from market.chain.bindings import encode_call, event_topic
from market.chain.submit import Call, receipt_of
from market.chain.transport import Transport
from market.chain.values import TransactionReceipt
from market.cli.demo.story import Outcome
from market.protocol.typed import Bid, sign


async def gas_of(outcome: Outcome, transport: Transport) -> dict[str, int]:
    """Return gas by step: open, match, commit, settle, claim."""
    mined = {
        verb: [await _receipt(transport, tx_hash) for tx_hash in hashes]
        for verb, hashes in outcome.job.transactions.items()
    }
    opening = await _gas_to_open(outcome, transport, before_block=mined["open"][0].block_number)
    return {
        "open": opening,
        "match": mined["open"][0].gas_used - opening,
        "commit": mined["commit"][0].gas_used,
        "settle": mined["settle"][0].gas_used,
        "claim": await _gas_to_claim(outcome, transport),
    }


async def _receipt(transport: Transport, tx_hash: str) -> TransactionReceipt:
    receipt = await receipt_of(transport, bytes.fromhex(tx_hash.removeprefix("0x")))
    assert receipt is not None, "the market reports mined transactions only"
    return receipt


async def _gas_to_open(outcome: Outcome, transport: Transport, *, before_block: int) -> int:
    """Ask the node what `open` with this very bid would have cost; signatures are deterministic (RFC 6979)."""
    deployment, bid = outcome.chain.deployment, Bid.from_json(outcome.job.bid)
    signature = sign(bid, deployment.domain, outcome.buyer)
    call = Call(to=deployment.jobs, data=encode_call("Jobs", "open", bid, signature, b""))
    body = call.to_rpc(deployment.operator)
    return int(await transport.request("eth_estimateGas", [body, hex(before_block - 1)]), 16)


async def _gas_to_claim(outcome: Outcome, transport: Transport) -> int:
    """Return the gas of the first claim of pay; 0 when nobody has claimed."""
    query = {
        "address": outcome.chain.deployment.jobs,
        "topics": ["0x" + event_topic("Jobs", "CreditClaimed").hex()],
        "fromBlock": hex(outcome.chain.deployment.deployed_block),
    }
    claims = await transport.request("eth_getLogs", [query])
    return (await _receipt(transport, claims[0]["transactionHash"])).gas_used if claims else 0
