"""Writes vouchers.json: channels with edge values, their ids and nonces, and the documents signed for them.

Python computes the file, the contracts' tests read it (tests/contracts/unit/ChannelsTyped.t.sol), so the two cannot
drift apart unnoticed. `--check` writes nothing and exits 1 when the committed file is not what the code gives.
"""

from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from market.protocol.typed import TypedDocument, digest, sign
from market.protocol.vouchers import NO_SIGNER, Channel, Closing, Opening, Voucher, channels_domain
from tests.vectors.writing import write_or_check

FILE = Path(__file__).with_name("vouchers.json")
CHANNELS = "0x00000000000000000000000000000000C0FFEE02"
DOMAIN = channels_domain(chain_id=31337, channels=CHANNELS)
KEY = "0x" + "2b" * 32
EVERYBODY = "0x" + "ff" * 20
ALICE = "0x1111111111111111111111111111111111111111"
BOB = "0x2222222222222222222222222222222222222222"


def make() -> dict[str, Any]:
    """Return the whole file as a value."""
    account: LocalAccount = Account.from_key(KEY)
    channels = [
        Channel(payer=ALICE, payee=BOB, signer=account.address, salt=1),
        Channel(payer=NO_SIGNER, payee=NO_SIGNER, signer=NO_SIGNER, salt=0),
        Channel(payer=EVERYBODY, payee=EVERYBODY, signer=EVERYBODY, salt=2**256 - 1),
    ]
    amounts = 3 * 10**18, 0, 2**128 - 1
    deadlines = 1_700_086_400, 0, 2**256 - 1
    cases = list(zip(channels, amounts, deadlines, strict=True))
    return {
        "chain_id": DOMAIN.chain_id,
        "channels_contract": CHANNELS,
        "key": KEY,
        "channels": [terms(channel, deadline) for channel, _, deadline in cases],
        "vouchers": [
            vector(Voucher(channel_id=channel.id, cumulative_wei=amount), account, amount=amount)
            for channel, amount, _ in cases
        ],
        "openings": [
            vector(
                Opening(channel_id=channel.id, amount_wei=amount, deadline=deadline),
                account,
                amount=amount,
                deadline=deadline,
            )
            for channel, amount, deadline in cases
        ],
        "closings": [vector(Closing(channel_id=channel.id), account) for channel in channels],
    }


def terms(channel: Channel, top_up_salt: int) -> dict[str, str]:
    salt = top_up_salt.to_bytes(32, "big")
    payer, payee, signer, own_salt = channel.to_tuple()
    return {
        "payer": payer,
        "payee": payee,
        "signer": signer,
        "salt": hexed(own_salt),
        "id": hexed(channel.id),
        "top_up_salt": hexed(salt),
        "top_up_nonce": hexed(channel.top_up_nonce(salt)),
    }


def vector(document: TypedDocument, account: LocalAccount, **facts: int) -> dict[str, str]:
    words = {name: hexed(value.to_bytes(32, "big")) for name, value in facts.items()}
    return {
        **words,
        "digest": hexed(digest(document, DOMAIN)),
        "signature": hexed(sign(document, DOMAIN, account)),
    }


def hexed(data: bytes) -> str:
    return "0x" + data.hex()


if __name__ == "__main__":
    raise SystemExit(write_or_check(make(), FILE))
