"""A receipt file against the chain alone: what holds, and that nothing else does."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from market.chain.deploy import create_address
from market.chain.gateway import ChainGateway
from market.chain.parameters import TOKEN_WEI
from market.chain.proofs import verify_on_chain
from market.chain.transport import ChainUnreachable, HttpTransport
from market.cli.receipt import receipt as receipt_command
from market.protocol import canonical
from market.protocol.receipts import CheckedBundle, ReceiptInvalid, encode_bundle, verify_bundle
from market.protocol.typed import digest, sign
from market.protocol.words import ReceiptKind
from tests.integration.chain_fixtures import Newcomer
from tests.integration.chain_story import BOND_WEI, Story, enrolled, funded_story, judged

Change = Callable[[dict[str, Any]], None]


async def committed_story(newcomer: Newcomer, operator: ChainGateway) -> Story:
    """Three receipts under one root (two works, one audit) and a fourth under another."""
    story = await funded_story(newcomer, operator, units=3, providers=2)
    await story.open_and_match()
    await story.commit(story.receipt(0), story.receipt(1, 1), story.receipt(0, 1, kind=ReceiptKind.AUDIT))
    await story.commit(story.receipt(2))
    return story


async def verify_fully(data: bytes, transport: HttpTransport) -> CheckedBundle:
    checked = verify_bundle(data)
    await verify_on_chain(transport, checked)
    return checked


async def test_every_receipt_of_a_job_verifies_against_the_chain_alone(
    newcomer: Newcomer, operator: ChainGateway, rpc: HttpTransport
) -> None:
    story = await committed_story(newcomer, operator)

    for commit, place in ((0, 0), (0, 1), (0, 2), (1, 0)):
        checked = await verify_fully(encode_bundle(story.bundle(commit, place)), rpc)

        assert checked.receipt == story.commits[commit][1][place].receipt


@pytest.mark.timeout(170)
async def test_one_changed_byte_anywhere_fails(newcomer: Newcomer, operator: ChainGateway, rpc: HttpTransport) -> None:
    story = await committed_story(newcomer, operator)
    data = encode_bundle(story.bundle(0, 1))
    survived = []

    for place in range(len(data)):
        for flip in (0x01, 0x02, 0x10, 0x20, 0x80):
            changed = bytearray(data)
            changed[place] ^= flip
            if await _verifies(bytes(changed), rpc):
                survived.append((place, flip, data[max(0, place - 30) : place + 5]))

    assert survived == []


async def test_a_byte_more_or_less_fails(newcomer: Newcomer, operator: ChainGateway, rpc: HttpTransport) -> None:
    data = encode_bundle((await committed_story(newcomer, operator)).bundle(0, 0))

    assert [await _verifies(changed, rpc) for changed in (data + b"\n", b" " + data, data[:-1], b"")] == [False] * 4


def _set(name: str, value: Any) -> Change:
    return lambda document: document.__setitem__(name, value)


@pytest.mark.parametrize(
    ("check", "change"),
    [
        ("form", lambda document: document.pop("epoch")),
        ("form", _set("extra", 1)),
        ("form", _set("leaf_index", "1")),
        ("form", lambda document: document.__setitem__("jobs", document["jobs"].lower())),
        ("form", lambda document: document["receipt"].__setitem__("steps", "020")),
        ("form", lambda document: document["offer"].__setitem__("worker", document["offer"]["worker"].lower())),
        ("version", _set("version", 2)),
        ("inclusion", _set("chain_id", 1)),
        ("inclusion", _set("leaf_index", 2)),
        ("inclusion", _set("receipts_root", "0x" + "00" * 32)),
        ("inclusion", lambda document: document["proof"].pop()),
        ("commit", _set("epoch", 2)),
        ("commit", _set("leaf_count", 4)),
        ("commit", _set("commit_transaction", "0x" + "00" * 32)),
        ("offer-signature", _set("offer_signature", "0x" + "11" * 65)),
        ("offer-signature", _set("offer_signature", "0x" + "11" * 3)),
    ],
)
async def test_each_untruth_is_named(
    newcomer: Newcomer, operator: ChainGateway, rpc: HttpTransport, check: str, change: Change
) -> None:
    document = json.loads(encode_bundle((await committed_story(newcomer, operator)).bundle(0, 1)))
    change(document)

    with pytest.raises(ReceiptInvalid) as found:
        await verify_fully(canonical.encode(document), rpc)

    assert found.value.check == check


@pytest.mark.parametrize(
    ("check", "field", "value"),
    [
        ("price", "price_wei", 1),
        ("worker", "worker", "0x" + "11" * 20),
        ("provider", "provider", "0x" + "11" * 20),
        ("fingerprint", "fingerprint", bytes(32)),
        ("kind", "kind", ReceiptKind.NONE),
        ("time", "finished_at", 0),
        ("artifact", "artifact", bytes(32)),
        ("inclusion", "millijoules", 1),
    ],
)
async def test_a_worker_cannot_sign_another_story_afterwards(
    newcomer: Newcomer, operator: ChainGateway, rpc: HttpTransport, check: str, field: str, value: Any
) -> None:
    story = await committed_story(newcomer, operator)
    bundle = story.bundle(0, 0)
    retold = replace(story.commits[0][1][0].receipt, **{field: value})
    signature = "0x" + sign(retold, operator.deployment.domain, story.providers[0].account).hex()
    changed = bundle.model_copy(update={"receipt": retold.to_json(), "signature": signature})

    with pytest.raises(ReceiptInvalid) as found:
        await verify_fully(encode_bundle(changed), rpc)

    assert found.value.check == check


async def test_a_receipt_signed_by_somebody_else_names_the_signature(
    newcomer: Newcomer, operator: ChainGateway, rpc: HttpTransport
) -> None:
    story = await committed_story(newcomer, operator)
    honest = story.receipt(2)
    forged = replace(honest, signature=story.sign(honest.receipt, story.buyer))
    story.commits.append((story.commits[1][0], [forged]))

    with pytest.raises(ReceiptInvalid) as found:
        await verify_fully(encode_bundle(story.bundle(2, 0)), rpc)

    assert found.value.check == "receipt-signature"


async def test_a_receipt_that_was_never_committed_fails_on_chain(
    newcomer: Newcomer, operator: ChainGateway, rpc: HttpTransport
) -> None:
    story = await committed_story(newcomer, operator)
    story.commits.append((story.commits[1][0], [story.receipt(2)]))

    with pytest.raises(ReceiptInvalid) as found:
        await verify_fully(encode_bundle(story.bundle(2, 0)), rpc)

    assert found.value.check == "commit"


async def test_a_receipt_under_an_offer_that_was_not_matched_fails_on_chain(
    newcomer: Newcomer, operator: ChainGateway, rpc: HttpTransport
) -> None:
    story = await committed_story(newcomer, operator)
    story.offers[0] = replace(story.offers[0], nonce=99)

    with pytest.raises(ReceiptInvalid) as found:
        await verify_fully(encode_bundle(story.bundle(0, 0)), rpc)

    assert found.value.check == "match"


async def test_a_receipt_that_a_committee_found_false_fails(
    newcomer: Newcomer, operator: ChainGateway, rpc: HttpTransport
) -> None:
    story = await funded_story(newcomer, operator, units=2, window_seconds=60)
    verifiers, challenger = [await enrolled(newcomer) for _ in range(3)], await newcomer()
    await challenger.deposit_bond(50 * TOKEN_WEI)
    await story.open_and_match()
    false, honest = story.receipt(0), story.receipt(1)
    await story.commit(false, honest)
    await judged(story, false, challenger, verifiers, found=bytes(31) + b"1")

    with pytest.raises(ReceiptInvalid) as found:
        await verify_fully(encode_bundle(story.bundle(0, 0)), rpc)

    assert found.value.check == "voided"
    assert (await verify_fully(encode_bundle(story.bundle(0, 1)), rpc)).receipt == honest.receipt


@pytest.mark.parametrize(("answer", "holds"), [("1626ba7e", True), ("ffffffff", False)])
async def test_an_offer_of_a_contract_wallet_is_believed_when_the_contract_says_so(
    newcomer: Newcomer, operator: ChainGateway, rpc: HttpTransport, answer: str, holds: bool
) -> None:
    story = await funded_story(newcomer, operator, units=1)
    wallet = await contract_wallet(rpc, story.buyer.account.address)
    story.offers[0] = replace(story.offers[0], provider=wallet)
    await story.buyer.approve(operator.deployment.bonds, BOND_WEI)
    await story.buyer.send("Bonds", "deposit", wallet, BOND_WEI)
    await story.open_and_match()
    await story.commit(story.receipt(0))
    await set_answer(rpc, wallet, answer)

    assert await _verifies(encode_bundle(story.bundle(0, 0)), rpc) is holds


async def test_a_receipt_is_refused_for_another_contract_than_the_trusted_one(
    newcomer: Newcomer, operator: ChainGateway, rpc: HttpTransport
) -> None:
    checked = verify_bundle(encode_bundle((await committed_story(newcomer, operator)).bundle(0, 0)))

    with pytest.raises(ReceiptInvalid) as found:
        await verify_on_chain(rpc, checked, jobs=operator.deployment.bonds)

    assert found.value.check == "contract"


async def test_without_a_node_nothing_is_verified(newcomer: Newcomer, operator: ChainGateway) -> None:
    data = encode_bundle((await committed_story(newcomer, operator)).bundle(0, 0))

    async with HttpTransport("http://127.0.0.1:9") as nowhere:
        with pytest.raises(ChainUnreachable):
            await verify_fully(data, nowhere)


async def test_the_digest_in_a_bundle_is_the_contracts_own(newcomer: Newcomer, operator: ChainGateway) -> None:
    story = await committed_story(newcomer, operator)
    document = story.commits[0][1][0].receipt

    assert await operator.view("Jobs", "receiptDigest", document) == digest(document, operator.deployment.domain)


@pytest.fixture
async def bundle_file(newcomer: Newcomer, operator: ChainGateway, tmp_path: Path) -> Path:
    path = tmp_path / "receipt.json"
    path.write_bytes(encode_bundle((await committed_story(newcomer, operator)).bundle(0, 2)))
    return path


def test_the_command_says_that_a_receipt_holds(bundle_file: Path, anvil: Any) -> None:
    done = CliRunner().invoke(receipt_command, ["verify", str(bundle_file), "--rpc", anvil.url])

    assert (done.exit_code, "The receipt holds" in done.output) == (0, True), done.output


def test_the_command_fails_with_the_reason(bundle_file: Path, anvil: Any) -> None:
    bundle_file.write_bytes(bundle_file.read_bytes().replace(b'"ESTIMATE"', b'"RAPL"'))

    done = CliRunner().invoke(receipt_command, ["verify", str(bundle_file), "--rpc", anvil.url, "--json"])

    assert done.exit_code == 1
    assert json.loads(done.stdout)["check"] == "inclusion"
    assert "does not lead from this receipt to the root" in done.stderr


def _answering(answer: str) -> str:
    """Return the code of a contract that answers every call with these four bytes, as ERC-1271 wants them."""
    return f"0x63{answer}60e01b60005260206000f3"


async def contract_wallet(transport: HttpTransport, near: str) -> str:
    """Put a contract wallet that vouches for everything at a fresh address."""
    address = create_address(near, 1000)
    await set_answer(transport, address, "1626ba7e")
    return address


async def set_answer(transport: HttpTransport, wallet: str, answer: str) -> None:
    await transport.request("anvil_setCode", [wallet, _answering(answer)])


async def _verifies(data: bytes, transport: HttpTransport) -> bool:
    try:
        await verify_fully(data, transport)
    except ReceiptInvalid:
        return False
    return True
