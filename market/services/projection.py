"""What each observed event does to the projection: the only writer of chain-owned tables.

Decides nothing: every line is the twin of the effect in the contract that emitted the event. The same function serves a
live block and a replay from stored logs, so a rebuilt projection cannot differ. Arguments are the JSON that
`to_stored` makes.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from market.db.models import ChainLog, Challenge, JobRecordRow
from market.db.repositories.chain import account_for, challenge_of, record_of
from market.db.session import WriteSession
from market.domain.settlement import Voided, pay, settle, units_by_match
from market.protocol import jobs
from market.protocol.jobs import JobRecord, MatchEntry, decode_work
from market.protocol.typed import Bid, Extension
from market.protocol.words import ChallengeStatus, Verdict

Args = dict[str, Any]
Effect = Callable[[WriteSession, ChainLog, Args], Awaitable[None]]


async def apply(session: WriteSession, log: ChainLog) -> None:
    """Apply one stored event; events without an effect on the projection pass."""
    effect = EFFECTS.get((log.contract, log.name))
    if effect is not None:
        await effect(session, log, log.args)


def to_stored(value: Any) -> Any:
    """Return an event argument as JSON: documents in their wire form, bytes as 0x hex, words as text."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Bid | MatchEntry):
        return value.to_json()
    if isinstance(value, list | tuple):
        return [to_stored(item) for item in value]
    if not isinstance(value, str | int | bool | None):
        raise TypeError(f"{type(value).__name__} has no stored form")
    return value


def voided_of(row: JobRecordRow) -> dict[int, Voided]:
    """Return what verdicts took from each match of the job."""
    return {int(i): Voided(units=v["units"], slashed_wei=int(v["slashed_wei"])) for i, v in row.voided.items()}


async def _escrow_deposited(session: WriteSession, _log: ChainLog, args: Args) -> None:
    (await account_for(session, args["account"])).escrow_free_wei += args["amount_wei"]


async def _escrow_withdrawn(session: WriteSession, _log: ChainLog, args: Args) -> None:
    (await account_for(session, args["account"])).escrow_free_wei -= args["amount_wei"]


async def _offers_revoked(session: WriteSession, _log: ChainLog, args: Args) -> None:
    (await account_for(session, args["provider"])).offer_floor = args["below_nonce"]


async def _job_opened(session: WriteSession, _log: ChainLog, args: Args) -> None:
    record = jobs.opened(Bid.from_json(args["bid"]))
    session.add(
        JobRecordRow(
            job_id=args["job_id"],
            status=record.status,
            buyer=args["buyer"],
            record=record.to_json(),
            voided={},
            paid_wei=0,
            refund_wei=0,
        )
    )
    await _lock_budget(session, record, record.budget_wei)
    await session.flush()


async def _job_extended(session: WriteSession, _log: ChainLog, args: Args) -> None:
    row, record = await _record(session, args)
    extension = Extension(
        job_id=bytes.fromhex(row.job_id[2:]),
        revision=record.revision,
        units=args["units"],
        max_audits=args["max_audits"],
        deadline=args["deadline"],
    )
    after = jobs.extended(record, extension, voided_units=_voided_units(row))
    _store(row, after)
    await _lock_budget(session, record, after.budget_wei - record.budget_wei)


async def _job_matched(session: WriteSession, _log: ChainLog, args: Args) -> None:
    """Each provider's idle bond is taken first; Bonds tells of the rest by itself."""
    row, record = await _record(session, args)
    places = zip(args["added"], args["offer_hashes"], strict=True)
    entries = [MatchEntry.from_json({**place, "offer_hash": offer_hash}) for place, offer_hash in places]
    _store(row, jobs.matched(record, entries))
    for entry in entries:
        provider = await account_for(session, entry.provider)
        provider.bond_idle_wei -= min(provider.bond_idle_wei, record.bid.bond_wei)


async def _receipts_committed(session: WriteSession, log: ChainLog, args: Args) -> None:
    row, record = await _record(session, args)
    work = decode_work(bytes.fromhex(args["work"][2:]))
    _store(row, jobs.committed(record, work, at=log.block_timestamp, voided_units=_voided_units(row)))


async def _unit_voided(session: WriteSession, _log: ChainLog, args: Args) -> None:
    row, _ = await _record(session, args)
    key = str(args["match_index"])
    lost = row.voided.get(key, {"units": 0, "slashed_wei": "0"})
    slashed_wei = int(lost["slashed_wei"]) + args["slashed_wei"]
    row.voided = {**row.voided, key: {"units": lost["units"] + 1, "slashed_wei": str(slashed_wei)}}


async def _job_paid(session: WriteSession, _log: ChainLog, args: Args) -> None:
    row, record = await _record(session, args)
    voided = voided_of(row)
    after = jobs.paid_in_part(record, units_by_match(voided))
    assert after.closed_units == args["closed_units"], "what stands is closed"
    assert pay(record, voided) == tuple(args["earned_wei"]), "domain.settlement is the contract's twin"
    _store(row, after)
    row.paid_wei = after.paid_wei
    await _earn(session, record, args["earned_wei"])
    (await account_for(session, record.payer)).escrow_locked_wei -= args["paid_wei"]


async def _job_settled(session: WriteSession, _log: ChainLog, args: Args) -> None:
    row, record = await _record(session, args)
    await _close(session, row, record, jobs.settled(record, units_by_match(voided_of(row))), args)


async def _job_expired(session: WriteSession, _log: ChainLog, args: Args) -> None:
    row, record = await _record(session, args)
    await _close(session, row, record, jobs.expired(record, units_by_match(voided_of(row))), args)


async def _job_cancelled(session: WriteSession, _log: ChainLog, args: Args) -> None:
    row, record = await _record(session, args)
    after = jobs.cancelled(record, deadline=args["deadline"])
    if after.status.is_terminal:
        await _close(session, row, record, after, {**args, "earned_wei": []})
    else:
        _store(row, after)


async def _idle_bond_released(session: WriteSession, _log: ChainLog, args: Args) -> None:
    """Bonds tells of the unlocking by itself."""
    (await account_for(session, args["account"])).bond_idle_wei -= args["amount_wei"]


async def _job_credit_claimed(session: WriteSession, _log: ChainLog, args: Args) -> None:
    (await account_for(session, args["account"])).job_credit_wei -= args["amount_wei"]


async def _bond_deposited(session: WriteSession, _log: ChainLog, args: Args) -> None:
    (await account_for(session, args["account"])).bond_wei += args["amount_wei"]


async def _bond_locked(session: WriteSession, _log: ChainLog, args: Args) -> None:
    (await account_for(session, args["account"])).bond_locked_wei += args["amount_wei"]


async def _bond_unlocked(session: WriteSession, _log: ChainLog, args: Args) -> None:
    (await account_for(session, args["account"])).bond_locked_wei -= args["amount_wei"]


async def _unbond_begun(session: WriteSession, _log: ChainLog, args: Args) -> None:
    (await account_for(session, args["account"])).bond_unbonding_wei += args["amount_wei"]


async def _bond_withdrawn(session: WriteSession, _log: ChainLog, args: Args) -> None:
    account = await account_for(session, args["account"])
    account.bond_wei -= args["amount_wei"]
    account.bond_unbonding_wei -= args["amount_wei"]


async def _bond_slashed(session: WriteSession, _log: ChainLog, args: Args) -> None:
    account = await account_for(session, args["account"])
    account.bond_wei -= args["amount_wei"]
    account.bond_locked_wei -= args["amount_wei"]
    shares = ((args["victim"], "victim_wei"), (args["challenger"], "challenger_wei"), (jobs.BURNED, "burned_wei"))
    for address, share in shares:
        if args[share]:
            (await account_for(session, address)).bond_credit_wei += args[share]


async def _fee_paid(session: WriteSession, _log: ChainLog, args: Args) -> None:
    payer = await account_for(session, args["from"])
    payer.bond_wei -= args["amount_wei"]
    payer.bond_locked_wei -= args["amount_wei"]
    (await account_for(session, args["to"])).bond_credit_wei += args["amount_wei"]


async def _bond_credit_claimed(session: WriteSession, _log: ChainLog, args: Args) -> None:
    (await account_for(session, args["account"])).bond_credit_wei -= args["amount_wei"]


async def _verifier_enrolled(session: WriteSession, _log: ChainLog, args: Args) -> None:
    (await account_for(session, args["verifier"])).verifier_fingerprint = args["fingerprint"]


async def _verifier_retired(session: WriteSession, _log: ChainLog, args: Args) -> None:
    (await account_for(session, args["verifier"])).verifier_fingerprint = None


async def _challenge_raised(session: WriteSession, log: ChainLog, args: Args) -> None:
    names = ("challenge_id", "job_id", "challenger", "provider", "match_index", "unit", "receipt_digest",
             "claimed_root", "beacon_block")  # fmt: skip
    session.add(
        Challenge(
            **{name: args[name] for name in names},
            raised_at=log.block_timestamp,
            status=ChallengeStatus.RAISED,
            verdict=Verdict.NONE,
            draws=0,
            members=[],
            reveals=0,
            phase_ends_at=0,
            slashed_wei=0,
        )
    )
    await session.flush()


async def _beacon_rearmed(session: WriteSession, _log: ChainLog, args: Args) -> None:
    challenge = await _challenge(session, args)
    challenge.beacon_block, challenge.status = args["beacon_block"], ChallengeStatus.RAISED


async def _committee_drawn(session: WriteSession, _log: ChainLog, args: Args) -> None:
    challenge = await _challenge(session, args)
    challenge.members, challenge.phase_ends_at = args["members"], args["vote_ends_at"]
    challenge.draws, challenge.reveals, challenge.status = challenge.draws + 1, 0, ChallengeStatus.VOTING


async def _reveal_begun(session: WriteSession, _log: ChainLog, args: Args) -> None:
    challenge = await _challenge(session, args)
    challenge.status, challenge.phase_ends_at = ChallengeStatus.REVEALING, args["reveal_ends_at"]


async def _vote_revealed(session: WriteSession, _log: ChainLog, args: Args) -> None:
    (await _challenge(session, args)).reveals += 1


async def _game_moved(session: WriteSession, _log: ChainLog, args: Args) -> None:
    """A game was opened, or a side has moved: from now on the other side's clock runs."""
    challenge = await _challenge(session, args)
    challenge.status, challenge.phase_ends_at = ChallengeStatus.NARROWING, args["deadline"]


async def _game_ended(session: WriteSession, _log: ChainLog, args: Args) -> None:
    """A judgement's verdict waits to be carried out; that of a clock is carried out in the same transaction."""
    challenge = await _challenge(session, args)
    if challenge.status is ChallengeStatus.NARROWING:
        challenge.verdict = Verdict(args["verdict"])


async def _challenge_resolved(session: WriteSession, _log: ChainLog, args: Args) -> None:
    challenge = await _challenge(session, args)
    challenge.status, challenge.verdict = ChallengeStatus.RESOLVED, Verdict(args["verdict"])
    challenge.slashed_wei = args["slashed_wei"]


async def _record(session: WriteSession, args: Args) -> tuple[JobRecordRow, JobRecord]:
    row = await record_of(session, args["job_id"])
    assert row is not None, "the contract emits JobOpened before any other event of a job"
    return row, JobRecord.from_json(row.record)


async def _challenge(session: WriteSession, args: Args) -> Challenge:
    challenge = await challenge_of(session, args["challenge_id"])
    assert challenge is not None, "the contract emits ChallengeRaised before any other event of a challenge"
    return challenge


def _store(row: JobRecordRow, record: JobRecord) -> None:
    row.record, row.status = record.to_json(), record.status


def _voided_units(row: JobRecordRow) -> int:
    return sum(lost.units for lost in voided_of(row).values())


async def _lock_budget(session: WriteSession, record: JobRecord, amount_wei: int) -> None:
    payer = await account_for(session, record.payer)
    payer.escrow_free_wei -= amount_wei
    payer.escrow_locked_wei += amount_wei


async def _earn(session: WriteSession, record: JobRecord, earned_wei: Sequence[int]) -> None:
    for entry, amount_wei in zip(record.matches, earned_wei, strict=True):
        (await account_for(session, entry.provider)).job_credit_wei += amount_wei


async def _close(session: WriteSession, row: JobRecordRow, before: JobRecord, after: JobRecord, args: Args) -> None:
    """Pay what stands, leave what is left of the bonds idle, and give the rest of the budget back."""
    found = settle(before, voided_of(row))
    assert found.pay_wei == tuple(args["earned_wei"]), "domain.settlement is the contract's twin"
    assert found.refund_wei == args["refund_wei"], "the contract splits the budget exactly"
    _store(row, after)
    row.paid_wei, row.refund_wei = found.before_wei + found.paid_wei, found.refund_wei
    await _earn(session, before, found.pay_wei)
    for entry, freed_wei in zip(before.matches, found.freed_wei, strict=True):
        (await account_for(session, entry.provider)).bond_idle_wei += freed_wei
    payer = await account_for(session, before.payer)
    payer.escrow_locked_wei -= found.paid_wei + found.refund_wei
    payer.escrow_free_wei += found.refund_wei


# Every event of a game that names the next deadline.
GAME_MOVES: Final = ("GameOpened", "Revealed", "Picked", "Descended", "LinkDoubted", "BlockRevealed")

EFFECTS: Final[dict[tuple[str, str], Effect]] = {
    ("Jobs", "EscrowDeposited"): _escrow_deposited,
    ("Jobs", "EscrowWithdrawn"): _escrow_withdrawn,
    ("Jobs", "OffersRevoked"): _offers_revoked,
    ("Jobs", "JobOpened"): _job_opened,
    ("Jobs", "JobMatched"): _job_matched,
    ("Jobs", "ReceiptsCommitted"): _receipts_committed,
    ("Jobs", "UnitVoided"): _unit_voided,
    ("Jobs", "JobExtended"): _job_extended,
    ("Jobs", "JobPaid"): _job_paid,
    ("Jobs", "IdleBondReleased"): _idle_bond_released,
    ("Jobs", "JobSettled"): _job_settled,
    ("Jobs", "JobExpired"): _job_expired,
    ("Jobs", "JobCancelled"): _job_cancelled,
    ("Jobs", "CreditClaimed"): _job_credit_claimed,
    ("Bonds", "BondDeposited"): _bond_deposited,
    ("Bonds", "BondLocked"): _bond_locked,
    ("Bonds", "BondUnlocked"): _bond_unlocked,
    ("Bonds", "UnbondBegun"): _unbond_begun,
    ("Bonds", "BondWithdrawn"): _bond_withdrawn,
    ("Bonds", "BondSlashed"): _bond_slashed,
    ("Bonds", "FeePaid"): _fee_paid,
    ("Bonds", "BondCreditClaimed"): _bond_credit_claimed,
    ("Disputes", "VerifierEnrolled"): _verifier_enrolled,
    ("Disputes", "VerifierRetired"): _verifier_retired,
    ("Disputes", "ChallengeRaised"): _challenge_raised,
    ("Disputes", "BeaconRearmed"): _beacon_rearmed,
    ("Disputes", "CommitteeDrawn"): _committee_drawn,
    ("Disputes", "RevealBegun"): _reveal_begun,
    ("Disputes", "VoteRevealed"): _vote_revealed,
    ("Disputes", "ChallengeResolved"): _challenge_resolved,
    **{("Games", name): _game_moved for name in GAME_MOVES},
    ("Games", "GameEnded"): _game_ended,
}
