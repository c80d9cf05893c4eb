"""What a worker keeps of the operator's word, and that a crash does not take it."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from eth_account import Account

from market.protocol import jobs
from market.protocol.jobs import JobRecord, MatchEntry
from market.protocol.typed import Acceptance, Bid, SigningDomain, digest, sign
from market.protocol.wire import CommitReply, CommitSubmission, SignedAcceptance
from market.protocol.words import AssignmentStatus, ExecutionClass
from tests.unit.worker.agent_samples import JOB, PROVIDER, receipt
from worker.agent.acceptances import AcceptanceJournal, Accepted, NotAccepted
from worker.agent.settling import Settler, owed_by

DOMAIN = SigningDomain(chain_id=31337, jobs="0x" + "22" * 20)
OPERATOR, WORKER = Account.from_key(b"\x02" * 32), Account.from_key(b"\x03" * 32)


@dataclass(frozen=True)
class Place:
    """Where signatures count, as a chain's deployment says it."""

    operator: str = OPERATOR.address
    domain: SigningDomain = DOMAIN


@dataclass(frozen=True)
class Somewhere:
    """A chain that is not asked anything."""

    deployment: Place = Place()


@pytest.fixture
def journal(tmp_path: Path) -> AcceptanceJournal:
    return AcceptanceJournal(tmp_path)


@pytest.fixture
def settler(journal: AcceptanceJournal) -> Settler:
    return Settler(journal, Somewhere())  # type: ignore[arg-type]


def accepted(unit: int = 0, *, units: int = 1, audits: int = 0) -> Accepted:
    document = receipt(unit=unit)
    acceptance = Acceptance(receipt_digest=digest(document, DOMAIN), units=units, audits=audits)
    return Accepted(
        receipt=document,
        signature=sign(document, DOMAIN, WORKER),
        acceptance=acceptance,
        countersignature=sign(acceptance, DOMAIN, OPERATOR),
    )


def record(*, units: int, audits: int, worker: str = PROVIDER) -> JobRecord:
    """A job whose first match belongs to somebody else, and whose second has so much to its name."""
    bid = Bid(
        buyer="0x" + "33" * 20, operator=OPERATOR.address, spec_hash=bytes(32), units=9, max_audits=9, unit_gigaflops=1,
        max_unit_price_wei=1, bond_wei=1, execution_class=ExecutionClass.PINNED, challenge_window_seconds=1, deadline=9,
        expiry=9, nonce=1,
    )  # fmt: skip
    other = MatchEntry(provider="0x" + "44" * 20, worker="0x" + "44" * 20, unit_price_wei=1, units=7, audits=7)
    ours = MatchEntry(provider=worker, worker=worker, unit_price_wei=1, units=units, audits=audits)
    return jobs.matched(jobs.opened(bid), [other, ours])


def test_what_was_written_is_read_by_the_next_process(tmp_path: Path) -> None:
    AcceptanceJournal(tmp_path).write(accepted(0))
    AcceptanceJournal(tmp_path).write(accepted(1, units=2))

    journal = AcceptanceJournal(tmp_path)

    assert journal.jobs() == [JOB]
    assert sorted(one.receipt.unit for one in journal.of(JOB)) == [0, 1]
    assert accepted(1, units=2) in journal.of(JOB)


def test_a_file_that_a_crash_cut_short_takes_nothing_with_it(tmp_path: Path) -> None:
    journal = AcceptanceJournal(tmp_path)
    journal.write(accepted(0))
    (tmp_path / f"{JOB.hex()}-{'00' * 32}.part").write_text('{"receipt": {"job')

    assert journal.of(JOB) == [accepted(0)]
    assert journal.jobs() == [JOB]


def test_a_job_is_followed_before_anything_of_it_is_accepted(tmp_path: Path) -> None:
    journal = AcceptanceJournal(tmp_path)
    journal.follow(JOB)

    assert journal.jobs() == [JOB]
    assert journal.of(JOB) == []


def test_a_job_that_is_over_leaves_nothing_behind(tmp_path: Path) -> None:
    journal = AcceptanceJournal(tmp_path)
    journal.follow(JOB)
    journal.write(accepted())

    journal.forget(JOB)

    assert journal.jobs() == []
    assert list(tmp_path.iterdir()) == []


def submitted(kept: Accepted) -> CommitSubmission:
    return CommitSubmission(epoch=1, receipt=kept.receipt.to_json(), signature="0x" + kept.signature.hex())


def replied(kept: Accepted) -> CommitReply:
    signed = SignedAcceptance(acceptance=kept.acceptance.to_json(), signature="0x" + kept.countersignature.hex())
    return CommitReply(assignment_id="a1", status=AssignmentStatus.COMMITTED, acceptance=signed)


def test_the_answer_of_a_market_is_kept_with_its_receipt(settler: Settler, journal: AcceptanceJournal) -> None:
    settler.take(submitted(accepted()), replied(accepted()))

    assert journal.of(JOB) == [accepted()]


def test_an_answer_that_is_worth_nothing_is_not_kept(settler: Settler, journal: AcceptanceJournal) -> None:
    settler.take(submitted(accepted(0)), replied(accepted(1)))

    assert journal.jobs() == []


def test_a_market_that_accepts_nothing_leaves_nothing(settler: Settler, journal: AcceptanceJournal) -> None:
    settler.take(submitted(accepted()), CommitReply(assignment_id="a1", status=AssignmentStatus.COMMITTED))

    assert journal.jobs() == []


def test_the_operators_word_about_the_receipt_is_believed() -> None:
    accepted().check(DOMAIN, OPERATOR.address)


@pytest.mark.parametrize(
    "false",
    [
        replace(accepted(), countersignature=accepted(units=2).countersignature),
        replace(accepted(), countersignature=b"\x01" * 64),
        replace(accepted(), receipt=receipt(unit=5)),
    ],
)
def test_what_would_be_worth_nothing_on_chain_is_refused(false: Accepted) -> None:
    with pytest.raises(NotAccepted):
        false.check(DOMAIN, OPERATOR.address)


def test_the_largest_tally_is_the_one_that_is_owed() -> None:
    kept = [accepted(0), accepted(2, units=2, audits=1), accepted(1, units=2)]

    assert owed_by(record(units=0, audits=0), kept) == kept[1]


@pytest.mark.parametrize(("units", "audits"), [(2, 1), (3, 0), (3, 2)])
def test_nothing_is_owed_that_commits_have_counted_or_that_would_take_something_back(units: int, audits: int) -> None:
    assert owed_by(record(units=units, audits=audits), [accepted(units=2, audits=1)]) is None


def test_nothing_is_owed_to_a_worker_without_a_match() -> None:
    assert owed_by(record(units=0, audits=0, worker="0x" + "55" * 20), [accepted()]) is None
