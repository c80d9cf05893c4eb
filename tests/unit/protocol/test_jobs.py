"""The job record outside the chain: packed forms, hashes, and what each act does to it."""

import struct
from dataclasses import replace

import pytest
from eth_abi.abi import encode as abi_encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from market.protocol import jobs
from market.protocol.jobs import JobRecord, WorkDone, decode_work, encode_work
from market.protocol.typed import Extension
from market.protocol.words import JobStatus
from tests.unit.domain.builders import BUYER, a_bid, address, an_entry

UINT32 = st.integers(0, 2**32 - 1)


def matched(**changes: int) -> JobRecord:
    return jobs.matched(jobs.opened(a_bid()), [an_entry(1, **changes), an_entry(2)])


@given(work=st.lists(st.builds(WorkDone, match_index=UINT32, units=UINT32, audits=UINT32), max_size=5))
def test_packed_work_reads_back_as_it_was(work: list[WorkDone]) -> None:
    assert decode_work(encode_work(work)) == work
    assert len(encode_work(work)) == 12 * len(work)


def test_packed_work_that_is_cut_short_is_not_read() -> None:
    with pytest.raises(struct.error):
        decode_work(bytes(13))


@given(units=UINT32, audits=UINT32, paid_units=UINT32, paid_audits=UINT32)
def test_counts_are_sixteen_bytes_a_match_in_the_order_of_the_contract(
    units: int, audits: int, paid_units: int, paid_audits: int
) -> None:
    job = matched(units=units, audits=audits, paid_units=paid_units, paid_audits=paid_audits)
    words = b"".join(number.to_bytes(4, "big") for number in (units, audits, paid_units, paid_audits))
    assert job.to_tuple()[-1] == words + bytes(16)


def test_the_last_bit_is_no_part_of_the_hash() -> None:
    words = [keccak(abi_encode([jobs._JOB], [replace(matched(), epoch=n).to_tuple()])) for n in range(16)]
    hashes = [replace(matched(), epoch=n).hash() for n in range(16)]
    assert {word[-1] & 1 for word in words} == {0, 1}
    assert all(found[-1] & 1 == 0 and found[:-1] == word[:-1] for found, word in zip(hashes, words, strict=True))


def test_the_hash_binds_places_and_not_the_offers_behind_them() -> None:
    job = matched()
    moved = replace(job, matches=(replace(job.matches[0], worker=address(9)), job.matches[1]))
    renamed = replace(job, matches=(replace(job.matches[0], offer_hash=bytes(32)), job.matches[1]))
    assert moved.hash() != job.hash()
    assert renamed.hash() == job.hash()


def test_a_record_reads_back_from_its_wire_form() -> None:
    job = jobs.paid_in_part(matched(units=3, audits=1), {0: 1})
    again = JobRecord.from_json(job.to_json())
    assert (again.to_json(), again.to_tuple(), again.hash()) == (job.to_json(), job.to_tuple(), job.hash())
    assert (job.closed_units, job.matches[0].paid_units, job.paid_wei) == (2, 2, 3 * 500)


def test_a_complete_job_that_is_extended_wants_more_and_one_that_gets_only_time_does_not() -> None:
    done = jobs.committed(matched(), [WorkDone(match_index=0, units=4, audits=0)], at=1, voided_units=0)
    extension = Extension(job_id=bytes(32), revision=0, units=5, max_audits=4, deadline=done.deadline)
    longer = replace(extension, units=4, deadline=done.deadline + 1)
    assert jobs.extended(done, extension, voided_units=0).status is JobStatus.MATCHED
    assert jobs.extended(done, longer, voided_units=0).status is JobStatus.COMMITTED
    assert jobs.extended(done, longer, voided_units=1).status is JobStatus.MATCHED


def test_a_cancelled_job_has_its_last_revision() -> None:
    assert jobs.cancelled(matched(), deadline=5).revision == jobs.CANCELLED_REVISION


def test_the_buyer_pays_where_no_sponsor_is_named_or_the_buyer_is() -> None:
    assert (a_bid().paying, a_bid().is_sponsored) == (BUYER, False)
    assert a_bid(payer=BUYER).is_sponsored is False
    assert (a_bid(payer=address(7)).paying, a_bid(payer=address(7)).is_sponsored) == (address(7), True)
