"""Receipt bundles, as far as they can be judged without a chain."""

from dataclasses import replace

import pytest
from eth_account import Account

from market.protocol import canonical
from market.protocol.receipts import (
    MAX_BUNDLE_BYTES,
    ReceiptInvalid,
    build_bundle,
    encode_bundle,
    receipt_leaf,
    verify_bundle,
)
from market.protocol.typed import SECP256K1_HALF_ORDER, Offer, Receipt, SigningDomain, digest, sign
from market.protocol.wire import ReceiptBundle
from market.protocol.words import EnergySource, ReceiptKind

ORDER = 2 * SECP256K1_HALF_ORDER + 1
WORKER, PROVIDER = Account.from_key(b"\x01" * 32), Account.from_key(b"\x02" * 32)
DOMAIN = SigningDomain(chain_id=31337, jobs="0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0")
OFFER = Offer(
    provider=PROVIDER.address,
    worker=WORKER.address,
    price_wei_per_gigaflop=7,
    fingerprint=b"\x0f" * 32,
    facts_hash=b"\x01" * 32,
    valid_until=1,
    nonce=1,
)
RECEIPT = Receipt(
    job_id=b"\x11" * 32,
    kind=ReceiptKind.WORK,
    unit=3,
    attempt=1,
    provider=PROVIDER.address,
    worker=WORKER.address,
    input_root=b"\x02" * 32,
    output_root=b"\x03" * 32,
    trace_root=b"\x04" * 32,
    artifact=b"\x05" * 32,
    fingerprint=OFFER.fingerprint,
    price_wei=70,
    steps=20,
    started_at=1,
    finished_at=2,
    millijoules=5,
    energy_source=EnergySource.RAPL,
)


def bundle(
    receipt: Receipt = RECEIPT, offer: Offer = OFFER, *, signature: bytes | None = None, others: int = 4
) -> ReceiptBundle:
    signed = signature or sign(receipt, DOMAIN, WORKER)
    leaves = [bytes([index]) * 97 for index in range(others)]
    leaves.insert(others // 2, receipt_leaf(digest(receipt, DOMAIN), signed))
    return build_bundle(
        domain=DOMAIN,
        receipt=receipt,
        signature=signed,
        offer=offer,
        offer_signature=sign(offer, DOMAIN, PROVIDER),
        epoch=1,
        leaves=leaves,
        commit_transaction=b"\x09" * 32,
    )


def failed_check(data: bytes) -> str:
    with pytest.raises(ReceiptInvalid) as found:
        verify_bundle(data)
    assert found.value.reason
    return found.value.check


@pytest.mark.parametrize("others", range(9))
def test_a_bundle_holds_wherever_its_receipt_stands(others: int) -> None:
    checked = verify_bundle(encode_bundle(bundle(others=others)))

    assert (checked.receipt, checked.offer, checked.wallet_signed) == (RECEIPT, OFFER, ())


def test_a_bundle_of_a_receipt_that_was_not_committed_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="not in list"):
        build_bundle(
            domain=DOMAIN,
            receipt=RECEIPT,
            signature=sign(RECEIPT, DOMAIN, WORKER),
            offer=OFFER,
            offer_signature=b"",
            epoch=1,
            leaves=[b"another"],
            commit_transaction=b"\x09" * 32,
        )


def test_an_offer_that_no_key_signed_is_left_for_the_chain_to_judge() -> None:
    unsigned = bundle().model_copy(update={"offer_signature": "0x11"})

    assert verify_bundle(encode_bundle(unsigned)).wallet_signed == ("offer",)


@pytest.mark.parametrize(
    ("check", "receipt"),
    [
        ("receipt-signature", replace(RECEIPT, worker=PROVIDER.address)),
        ("energy", replace(RECEIPT, energy_source=EnergySource.NONE)),
        ("time", replace(RECEIPT, started_at=3)),
        ("artifact", replace(RECEIPT, kind=ReceiptKind.AUDIT)),
        ("price", replace(RECEIPT, price_wei=71)),
        ("fingerprint", replace(RECEIPT, fingerprint=bytes(32))),
    ],
)
def test_each_untruth_is_named(check: str, receipt: Receipt) -> None:
    offer = replace(OFFER, worker=receipt.worker)

    assert failed_check(encode_bundle(bundle(receipt, offer))) == check


def test_free_work_costs_nothing_and_nothing_else() -> None:
    free = replace(OFFER, price_wei_per_gigaflop=0)

    verify_bundle(encode_bundle(bundle(replace(RECEIPT, price_wei=0), free)))

    assert failed_check(encode_bundle(bundle(RECEIPT, free))) == "price"


def test_the_twin_of_a_signature_is_refused() -> None:
    signature = sign(RECEIPT, DOMAIN, WORKER)
    twin = signature[:32] + (ORDER - int.from_bytes(signature[32:64])).to_bytes(32) + bytes([55 - signature[64]])

    assert failed_check(encode_bundle(bundle(signature=twin))) == "receipt-signature"


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"\xff", b" " * (MAX_BUNDLE_BYTES + 1)])
def test_what_is_no_bundle_is_refused_for_its_form(data: bytes) -> None:
    assert failed_check(data) == "form"


def test_the_same_document_in_other_bytes_is_refused() -> None:
    document = canonical.decode(encode_bundle(bundle()))

    assert failed_check(canonical.encode(document).replace(b":", b": ", 1)) == "form"
