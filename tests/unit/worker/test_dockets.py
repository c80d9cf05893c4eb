"""What a worker remembers of exact work: readable by itself alone, the same after a restart, gone when it is over."""

import os
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from market.protocol import merkle
from market.protocol.exact.commit import unit_leaf
from tests.unit.worker.exact_samples import docket, exact
from worker.agent.dockets import CHALLENGER, KEEP_SECONDS, DocketBook, claim_of


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_a_docket_that_was_written_is_found(tmp_path: Path) -> None:
    book, written = DocketBook(tmp_path), docket()

    book.write(written)

    assert book.find(written.digest) == written
    assert book.open() == [written]


def test_a_receipt_nobody_wrote_down_is_not_found(tmp_path: Path) -> None:
    book = DocketBook(tmp_path)

    book.write(docket())

    assert book.find(b"\7" * 32) is None


def test_a_restarted_worker_reads_the_same_dockets(tmp_path: Path) -> None:
    written = [docket(0), docket(1, side=CHALLENGER), docket(2, own_input_root=b"\3" * 32, challenge_id=4)]
    for each in written:
        DocketBook(tmp_path).write(each)

    assert sorted(DocketBook(tmp_path).open(), key=lambda found: found.digest) == written


def test_only_the_owner_reads_a_docket(tmp_path: Path) -> None:
    folder = tmp_path / "dockets"
    previous = os.umask(0)
    try:
        DocketBook(folder).write(docket())
    finally:
        os.umask(previous)

    assert folder.stat().st_mode & 0o777 == 0o700
    assert only_file(folder).stat().st_mode & 0o777 == 0o600


def test_a_docket_that_was_half_written_does_not_count(tmp_path: Path) -> None:
    book = DocketBook(tmp_path)
    (tmp_path / f"{'07' * 32}.part").write_text('{"side": "def')

    assert book.open() == []
    assert book.find(b"\7" * 32) is None


def test_a_docket_is_kept_as_long_as_a_challenge_may_come_and_no_longer(tmp_path: Path) -> None:
    book = DocketBook(tmp_path)
    book.write(docket())
    path, now = only_file(tmp_path), time.time()

    os.utime(path, (now, now - KEEP_SECONDS + 60))
    young = book.open()
    os.utime(path, (now, now - KEEP_SECONDS - 60))
    old = book.open()

    assert (young, old) == ([docket()], [])
    assert not path.exists()


def test_the_number_of_a_challenge_is_noted_and_survives_a_restart(tmp_path: Path) -> None:
    book = DocketBook(tmp_path)
    book.write(docket())

    noted = book.challenged(docket(), 0)

    assert noted == replace(docket(), challenge_id=0)
    assert DocketBook(tmp_path).find(docket().digest) == noted


def test_a_closed_docket_is_gone_and_may_be_closed_again(tmp_path: Path) -> None:
    book = DocketBook(tmp_path)
    book.write(docket())

    book.close(docket())
    book.close(docket())

    assert list(tmp_path.iterdir()) == []


def test_a_game_begins_with_what_the_receipt_says() -> None:
    held = docket(1)

    frame = held.frame()

    assert (frame.worker, frame.provider) == (held.receipt.worker, held.receipt.provider)
    assert (frame.input_root, frame.output_root) == (held.receipt.input_root, held.receipt.output_root)
    assert frame.root == held.receipt.trace_root
    assert (frame.plan, frame.terms) == (exact().spec.units()[1], exact().job.terms)


@pytest.mark.parametrize("unit", range(3))
def test_a_claim_proves_the_units_plan_under_the_terms(unit: int) -> None:
    claim = claim_of(docket(unit))

    leaf, terms = unit_leaf(claim.plan), claim.terms
    assert claim.plan.index == unit
    assert merkle.verify(leaf, claim.plan.index, terms.unit_count, claim.path, terms.units_root)


def test_a_claim_hashes_to_what_the_bid_signed() -> None:
    claim = claim_of(docket())

    assert sha256(claim.terms.hash() + claim.json_hash).digest() == exact().spec.hash()
