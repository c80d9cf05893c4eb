"""One transaction: its bytes, its broadcast, its fees and its nonce."""

import asyncio

import pytest
import rlp
from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from market.chain import submit
from market.chain.deploy import create_address
from market.chain.devkeys import ACCOUNTS, ADDRESSES, DevKeyRefused, dev_account, refuse_dev_key
from market.chain.fees import Fees, bump, suggest
from market.chain.nonce import NonceKeeper, next_nonce
from market.chain.submit import Broadcast, Call, broadcast, sign_call
from market.chain.transport import ChainUnreachable, RpcError, ScriptedTransport, result_of
from market.chain.wallet import BroadcastRefused, TransactionNotMined, TransactionReverted, Wallet

ACCOUNT = dev_account(3)
CALL = Call(to="0x" + "11" * 20, data=b"\x01\x02", value_wei=5)
FEES = Fees(max_fee_wei=2_000_000_000, max_priority_fee_wei=1_000_000_000)
wei = st.integers(min_value=0, max_value=10**15)


def signed() -> submit.SignedTransaction:
    return sign_call(CALL, account=ACCOUNT, chain_id=31337, nonce=7, gas=50_000, fees=FEES)


def test_signing_is_a_pure_function_of_its_arguments() -> None:
    assert signed() == signed()
    assert Account.recover_transaction(signed().raw) == ACCOUNT.address


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        ("already known", Broadcast.KNOWN),
        ("transaction already imported", Broadcast.KNOWN),
        ("nonce too low", Broadcast.NONCE_USED),
        ("replacement transaction underpriced", Broadcast.UNDERPRICED),
        ("transaction underpriced", Broadcast.UNDERPRICED),
    ],
)
async def test_a_repeated_broadcast_is_an_answer_and_not_a_failure(message: str, outcome: Broadcast) -> None:
    node = ScriptedTransport({"eth_sendRawTransaction": RpcError(code=-32000, message=message)})

    assert await broadcast(node, signed().raw) is outcome


async def test_a_refusal_about_the_transaction_itself_is_raised() -> None:
    refusal = RpcError(code=-32000, message="insufficient funds for gas * price + value")

    with pytest.raises(RpcError):
        await broadcast(ScriptedTransport({"eth_sendRawTransaction": refusal}), signed().raw)


@given(wei, wei)
def test_a_bump_raises_both_fees_by_an_eighth_and_never_below_the_market(fee: int, tip: int) -> None:
    before = Fees(max_fee_wei=fee, max_priority_fee_wei=tip)
    market = suggest(base_fee_wei=fee // 2, priority_fee_wei=tip * 2)

    after = bump(before, current=market)

    assert after.max_fee_wei * 8 >= fee * 9
    assert after.max_fee_wei > fee
    assert after.max_priority_fee_wei * 8 >= tip * 9
    assert after.max_fee_wei >= max(market.max_fee_wei, after.max_priority_fee_wei)


@given(st.integers(0, 100), st.none() | st.integers(0, 100))
def test_the_next_nonce_is_above_all_that_is_mined_or_handed_out(mined: int, highest: int | None) -> None:
    nonce = next_nonce(mined_count=mined, highest_used=highest)

    assert nonce >= mined
    assert highest is None or nonce > highest


async def test_nonces_handed_out_while_the_node_lags_are_all_different() -> None:
    keeper, taken = NonceKeeper(lambda: _soon(4)), []

    async def take() -> None:
        async with keeper.take() as nonce:
            taken.append(nonce)

    await asyncio.gather(*(take() for _ in range(20)))

    assert taken == list(range(4, 24))


async def test_a_nonce_whose_broadcast_failed_is_handed_out_again() -> None:
    keeper = NonceKeeper(lambda: _soon(4))
    with pytest.raises(ChainUnreachable):
        async with keeper.take():
            raise ChainUnreachable(url="", reason="")

    async with keeper.take() as nonce:
        assert nonce == 4


async def test_with_nothing_under_way_the_node_is_right_even_when_it_counts_lower() -> None:
    counts = [9, 2]
    keeper = NonceKeeper(lambda: _soon(counts.pop(0)))
    async with keeper.take() as first:
        pass
    keeper.release(first)

    async with keeper.take() as nonce:
        assert nonce == 2


NODE = {
    "eth_call": "0x",
    "eth_estimateGas": hex(40_000),
    "eth_getBlockByNumber": {"baseFeePerGas": hex(10**9)},
    "eth_maxPriorityFeePerGas": hex(10**9),
    "eth_getTransactionCount": "0x0",
    "eth_sendRawTransaction": "0x",
    "eth_getTransactionReceipt": None,
}
FAILED = {"blockNumber": "0x5", "blockHash": "0x" + "00" * 32, "status": "0x0", "gasUsed": "0x1", "logs": []}


async def test_a_transaction_without_a_receipt_is_named_with_its_hash() -> None:
    wallet = Wallet(ScriptedTransport(NODE), ACCOUNT, chain_id=31337, wait_seconds=0.05)

    with pytest.raises(TransactionNotMined) as failure:
        await wallet.send(CALL)

    assert len(failure.value.tx_hash) == 66


async def test_a_transaction_that_failed_without_a_reason_is_named() -> None:
    node = ScriptedTransport(NODE | {"eth_getTransactionReceipt": FAILED})

    with pytest.raises(TransactionReverted):
        await Wallet(node, ACCOUNT, chain_id=31337).send(CALL)


async def test_a_nonce_that_somebody_else_used_is_refused_by_name() -> None:
    node = ScriptedTransport(NODE | {"eth_sendRawTransaction": RpcError(code=-32000, message="nonce too low")})

    with pytest.raises(BroadcastRefused) as failure:
        await Wallet(node, ACCOUNT, chain_id=31337).send(CALL)

    assert failure.value.outcome == Broadcast.NONCE_USED


def test_the_development_addresses_are_those_of_the_mnemonic() -> None:
    assert {dev_account(index).address.lower() for index in range(ACCOUNTS)} == ADDRESSES


def test_a_development_key_is_good_on_the_dev_chain_alone() -> None:
    refuse_dev_key(ACCOUNT.address, 31337)

    with pytest.raises(DevKeyRefused):
        refuse_dev_key(ACCOUNT.address, 1)


@pytest.mark.parametrize("nonce", [0, 1, 127, 128, 255, 256, 70_000])
def test_a_created_contracts_address_follows_from_sender_and_nonce(nonce: int) -> None:
    sender = dev_account(0).address

    by_library = to_checksum_address(keccak(rlp.encode([bytes.fromhex(sender[2:]), nonce]))[12:])

    assert create_address(sender, nonce) == by_library


@pytest.mark.parametrize("reply", ["nothing", [], {}, {"id": 1}])
def test_an_answer_that_is_no_json_rpc_reply_is_chain_unreachable(reply: object) -> None:
    with pytest.raises(ChainUnreachable):
        result_of(reply, url="http://node")


def test_a_nodes_error_carries_code_message_and_data() -> None:
    with pytest.raises(RpcError) as failure:
        result_of({"error": {"code": 3, "message": "no", "data": "0x01"}}, url="http://node")

    assert failure.value == RpcError(code=3, message="no", data="0x01")


async def _soon(value: int) -> int:
    await asyncio.sleep(0)
    return value
