"""Writes typed.json: signed documents with edge values, digests and signatures, and job records with their hashes.

Python computes the file, the contracts' tests read it (tests/contracts/unit/Typed.t.sol), so the two sides cannot drift
apart unnoticed. `--check` writes nothing and exits 1 when the committed file is not what the code gives.
"""

from pathlib import Path
from typing import Any

from eth_abi.abi import encode as abi_encode
from eth_account import Account
from eth_account.signers.local import LocalAccount

from market.protocol import jobs
from market.protocol.typed import (
    Acceptance,
    Bid,
    Cancel,
    Extension,
    Offer,
    Receipt,
    SigningDomain,
    Sponsorship,
    TypedDocument,
    digest,
    sign,
)
from market.protocol.words import EnergySource, ExecutionClass, ReceiptKind
from tests.vectors.writing import write_or_check

FILE = Path(__file__).with_name("typed.json")
DOMAIN = SigningDomain(chain_id=31337, jobs="0x00000000000000000000000000000000C0FFEE01")
KEY = "0x" + "2b" * 32
NOBODY = "0x" + "00" * 20
EVERYBODY = "0x" + "ff" * 20
ALICE = "0x1111111111111111111111111111111111111111"
BOB = "0x2222222222222222222222222222222222222222"
ONES = b"\xff" * 32
MIXED = bytes(range(32))


def make() -> dict[str, Any]:
    """Return the whole file as a value."""
    account: LocalAccount = Account.from_key(KEY)
    records = make_records()
    return {
        "chain_id": DOMAIN.chain_id,
        "jobs": DOMAIN.jobs,
        "key": KEY,
        "bids": [vector(bid, account) for bid in make_bids()],
        "offers": [vector(offer, account) for offer in make_offers()],
        "receipts": [vector(receipt, account) for receipt in make_receipts()],
        "cancels": [vector(Cancel(job_id=job_id), account) for job_id in (bytes(32), ONES, MIXED)],
        "sponsorships": [vector(Sponsorship(job_id=job_id), account) for job_id in (bytes(32), ONES, MIXED)],
        "extensions": [vector(extension, account) for extension in make_extensions()],
        "acceptances": [vector(acceptance, account) for acceptance in make_acceptances()],
        "records": [{"encoded": encode_record(record), "hash": hexed(record.hash())} for record in records],
    }


def vector(document: TypedDocument, account: LocalAccount) -> dict[str, str]:
    kinds = ",".join(document._types.values())
    return {
        "encoded": hexed(abi_encode([f"({kinds})"], [document.to_tuple()])),
        "digest": hexed(digest(document, DOMAIN)),
        "signature": hexed(sign(document, DOMAIN, account)),
    }


def make_bids() -> list[Bid]:
    ordinary = Bid(
        buyer=ALICE,
        operator=BOB,
        spec_hash=MIXED,
        units=8,
        max_audits=4,
        unit_gigaflops=120,
        max_unit_price_wei=3 * 10**18,
        bond_wei=40 * 10**18,
        execution_class=ExecutionClass.PINNED,
        challenge_window_seconds=3600,
        deadline=1_700_086_400,
        expiry=1_700_003_600,
        nonce=1,
    )
    empty = Bid(
        buyer=NOBODY,
        operator=NOBODY,
        spec_hash=bytes(32),
        units=0,
        max_audits=0,
        unit_gigaflops=0,
        max_unit_price_wei=0,
        bond_wei=0,
        execution_class=ExecutionClass.NONE,
        challenge_window_seconds=0,
        deadline=0,
        expiry=0,
        nonce=0,
    )
    full = Bid(
        buyer=EVERYBODY,
        payer=EVERYBODY,
        operator=EVERYBODY,
        spec_hash=ONES,
        units=2**32 - 1,
        max_audits=2**32 - 1,
        unit_gigaflops=2**64 - 1,
        max_unit_price_wei=2**128 - 1,
        bond_wei=2**128 - 1,
        execution_class=ExecutionClass.CLOSE,
        challenge_window_seconds=2**32 - 1,
        deadline=2**64 - 1,
        expiry=2**64 - 1,
        nonce=2**256 - 1,
    )
    return [ordinary, empty, full]


def make_offers() -> list[Offer]:
    return [
        Offer(
            provider=provider,
            worker=worker,
            price_wei_per_gigaflop=price,
            fingerprint=word,
            facts_hash=word,
            valid_until=until,
            nonce=nonce,
        )
        for provider, worker, price, word, until, nonce in (
            (ALICE, BOB, 2 * 10**16, MIXED, 1_700_086_400, 7),
            (NOBODY, NOBODY, 0, bytes(32), 0, 0),
            (EVERYBODY, EVERYBODY, 2**128 - 1, ONES, 2**64 - 1, 2**64 - 1),
        )
    ]


def make_extensions() -> list[Extension]:
    return [
        Extension(job_id=word, revision=revision, units=units, max_audits=audits, deadline=deadline)
        for word, revision, units, audits, deadline in (
            (MIXED, 0, 9, 4, 1_700_186_400),
            (bytes(32), 0, 0, 0, 0),
            (ONES, 2**32 - 1, 2**32 - 1, 2**32 - 1, 2**64 - 1),
        )
    ]


def make_acceptances() -> list[Acceptance]:
    return [
        Acceptance(receipt_digest=word, units=units, audits=audits)
        for word, units, audits in ((MIXED, 3, 1), (bytes(32), 0, 0), (ONES, 2**32 - 1, 2**32 - 1))
    ]


def make_receipts() -> list[Receipt]:
    return [
        Receipt(
            job_id=word,
            kind=kind,
            unit=small,
            attempt=small,
            provider=account,
            worker=account,
            input_root=word,
            output_root=word,
            trace_root=word,
            artifact=artifact,
            fingerprint=word,
            price_wei=price,
            steps=large,
            started_at=large,
            finished_at=large,
            millijoules=large,
            energy_source=source,
        )
        for word, kind, small, account, artifact, price, large, source in (
            (MIXED, ReceiptKind.WORK, 3, ALICE, MIXED, 2 * 10**18, 1_700_000_000_000, EnergySource.ESTIMATE),
            (MIXED, ReceiptKind.AUDIT, 3, BOB, bytes(32), 2 * 10**18, 1_700_000_000_000, EnergySource.NVML),
            (bytes(32), ReceiptKind.NONE, 0, NOBODY, bytes(32), 0, 0, EnergySource.NONE),
            (ONES, ReceiptKind.AUDIT, 2**32 - 1, EVERYBODY, ONES, 2**128 - 1, 2**64 - 1, EnergySource.ESTIMATE),
        )
    ]


def make_records() -> list[jobs.JobRecord]:
    """One job walked through its life, and the two ends of the range."""
    bid, empty, full = make_bids()
    entry = jobs.MatchEntry(provider=ALICE, worker=BOB, unit_price_wei=2 * 10**18)
    opened = jobs.opened(bid)
    matched = jobs.matched(jobs.matched(opened, [entry]), [entry, entry])
    work = [jobs.WorkDone(match_index=0, units=3, audits=1), jobs.WorkDone(match_index=2, units=2, audits=0)]
    begun = jobs.committed(matched, work, at=1_700_000_100, voided_units=0)
    paid = jobs.paid_in_part(begun, {2: 1})
    extended = jobs.extended(paid, make_extensions()[0], voided_units=1)
    rest = [jobs.WorkDone(match_index=1, units=5, audits=2)]
    committed = jobs.committed(extended, rest, at=1_700_000_900, voided_units=1)
    return [
        opened,
        matched,
        begun,
        paid,
        extended,
        committed,
        jobs.settled(committed, {2: 1}),
        jobs.cancelled(matched, deadline=1_700_000_600),
        jobs.cancelled(opened, deadline=1_700_000_000),
        jobs.expired(matched),
        jobs.opened(empty),
        jobs.opened(full),
    ]


def encode_record(record: jobs.JobRecord) -> str:
    return hexed(abi_encode([jobs._JOB], [record.to_tuple()]))


def hexed(data: bytes) -> str:
    return "0x" + data.hex()


if __name__ == "__main__":
    raise SystemExit(write_or_check(make(), FILE))
