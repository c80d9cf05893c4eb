"""Vouchers, as far as a payee can judge them without a chain."""

from dataclasses import replace

import pytest
from eth_account import Account

from market.protocol.typed import BadSignature, recover_signer
from market.protocol.vouchers import NO_SIGNER, Channel, channels_domain, sign_voucher

PAYER, SESSION, PAYEE = (Account.from_key(bytes([n]) * 32) for n in (1, 2, 3))
DOMAIN = channels_domain(chain_id=31337, channels="0x5FC8d32690cc91D4c39d9d3abcBD16989F875707")
CHANNEL = Channel(payer=PAYER.address, payee=PAYEE.address, signer=SESSION.address, salt=1)


def test_an_id_does_not_depend_on_how_addresses_are_spelled() -> None:
    lower = Channel(payer=PAYER.address.lower(), payee=PAYEE.address.lower(), signer=SESSION.address.lower(), salt=1)

    assert lower.id == CHANNEL.id


@pytest.mark.parametrize(
    "change", [{"payer": PAYEE.address}, {"payee": PAYER.address}, {"signer": NO_SIGNER}, {"salt": 2}]
)
def test_other_terms_are_another_channel(change: dict[str, str | int]) -> None:
    assert replace(CHANNEL, **change).id != CHANNEL.id  # type: ignore[arg-type]


def test_a_session_key_signs_where_one_is_named_and_the_payer_where_none_is() -> None:
    assert CHANNEL.voucher_signer == SESSION.address
    assert replace(CHANNEL, signer=NO_SIGNER).voucher_signer == PAYER.address


def test_a_voucher_recovers_to_the_signer_of_its_own_channel_amount_and_contract_alone() -> None:
    signed = sign_voucher(CHANNEL, 5, domain=DOMAIN, account=SESSION)
    elsewhere = replace(DOMAIN, chain_id=1)

    assert recover_signer(signed.voucher, DOMAIN, signed.signature) == SESSION.address
    assert recover_signer(replace(signed, cumulative_wei=6).voucher, DOMAIN, signed.signature) != SESSION.address
    assert recover_signer(signed.voucher, elsewhere, signed.signature) != SESSION.address


def test_a_signature_in_a_batch_has_its_parity_in_the_highest_bit() -> None:
    for amount in range(8):
        signed = sign_voucher(CHANNEL, amount, domain=DOMAIN, account=SESSION)
        *_, r, vs = signed.to_tuple()
        number = int.from_bytes(vs, "big")

        assert r == signed.signature[:32]
        assert (number & (1 << 255) - 1).to_bytes(32, "big") == signed.signature[32:64]
        assert 27 + (number >> 255) == signed.signature[64]


@pytest.mark.parametrize("signature", [b"", bytes(64), bytes(65), bytes(64) + b"\x1d"])
def test_what_is_not_a_keys_signature_is_refused_in_a_batch(signature: bytes) -> None:
    signed = sign_voucher(CHANNEL, 5, domain=DOMAIN, account=SESSION)

    with pytest.raises(BadSignature):
        replace(signed, signature=signature).to_tuple()


def test_a_top_up_is_authorized_for_one_channel_and_once() -> None:
    first, second = (bytes([n]) * 32 for n in (1, 2))

    nonces = {CHANNEL.top_up_nonce(first), CHANNEL.top_up_nonce(second), replace(CHANNEL, salt=2).top_up_nonce(first)}

    assert len(nonces | {CHANNEL.id}) == 4
