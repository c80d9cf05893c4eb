"""What a buyer does with a market: upload a job, fund it, sign the bid, watch, fetch the result, extend, cancel.

Decides the bid that follows from a job and its terms, and that a sponsor may pay for it. The buyer's own node, never
the market, says what is in escrow and what time it is; the price, the bond and the audits are the buyer's to choose.
Runs no program and needs no torch.
"""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from market.chain.gateway import ChainGateway
from market.client.funding import deposit
from market.client.http import MarketClient
from market.protocol.errors import CommonwattError
from market.protocol.graph import Program
from market.protocol.hashing import ArtifactId, artifact_id
from market.protocol.programs import ProgramLimits, check, unit_gigaflops
from market.protocol.specs import TrainSpec
from market.protocol.typed import ZERO_ADDRESS, Bid, Cancel, Extension, Sponsorship, TypedDocument, digest, sign
from market.protocol.wire import BidSubmission, CancelSubmission, ExtensionSubmission, JobEvent, JobView
from market.protocol.words import JobStatus, UnitStatus

Relayer = ChainGateway | MarketClient  # another wallet sends, or the market does


class JobDocuments(Protocol):
    """A job ready for upload: canonical program, safetensors, and the specification that names them."""

    @property
    def program(self) -> bytes: ...
    @property
    def state(self) -> bytes: ...
    @property
    def dataset(self) -> bytes: ...
    @property
    def spec(self) -> TrainSpec: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the buyer asks for and pays at most. max_audits: re-executions paid for; None pays for one of every unit.

    deadline_seconds: from now, after which unfinished work is no longer paid. expiry_seconds: from now, after which an
    unmatched bid can no longer be opened.
    """

    max_unit_price_wei: int
    bond_wei: int
    max_audits: int | None = None
    challenge_window_seconds: int = 60
    deadline_seconds: int = 3600
    expiry_seconds: int = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class More:
    """What an extension adds to a job. seconds: to its deadline. Its units stay those of its specification."""

    audits: int = 0
    seconds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensMissing(CommonwattError):
    """The wallet holds fewer tokens than the job's escrow still needs."""

    wallet: str
    held_wei: int
    needed_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilesDiffer(CommonwattError):
    """The specification names other bytes than the job's."""

    file: str
    named: str
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultNotReady(CommonwattError):
    """The job has no verified result yet."""

    job_id: str
    status: JobStatus
    unverified_units: int


async def submit(
    client: MarketClient,
    gateway: ChainGateway,
    job: JobDocuments,
    terms: Terms,
    *,
    sponsor: ChainGateway | None = None,
    relayer: Relayer | None = None,
) -> JobView:
    """Fund, upload (a market stores for those with escrow alone) and bid; returns the market's view of the new job.

    gateway: the buyer's wallet on a node of its choosing. sponsor: the wallet that pays, if not the buyer's. relayer:
    whoever sends the escrow deposit and pays its gas, if not the wallet that pays.
    Raises ProgramTooLarge and its kin before anything moves, TokensMissing, ContractRevert, MarketProblem.
    """
    check_documents(job)
    payer = sponsor or gateway
    bid = await make_bid(client, gateway, job, terms, payer=ZERO_ADDRESS if sponsor is None else sponsor.address)
    await ensure_escrow(payer, bid.budget_wei, relayer=relayer)
    paying = client.signing_as(payer.account)
    for data in (job.program, job.state, job.dataset):
        await paying.upload_bytes(data)
    return await post_bid(client, gateway, bid, job.spec, sponsor=sponsor)


def check_documents(job: JobDocuments) -> None:
    """Raise JobFilesDiffer unless the specification names the job's own bytes."""
    for file in ("program", "state", "dataset"):
        named, found = getattr(job.spec, file), artifact_id(getattr(job, file))
        if named != found:
            raise JobFilesDiffer(file=file, named=named, found=found)


async def make_bid(
    client: MarketClient, gateway: ChainGateway, job: JobDocuments, terms: Terms, *, payer: str = ZERO_ADDRESS
) -> Bid:
    """Return the unsigned bid of a job; its clock is the chain's. payer: a sponsor, or the zero address."""
    spec, chain = job.spec, await client.chain()
    cost = check(Program.decode(job.program), ProgramLimits(max_bytes=spec.memory_bytes))
    now = (await gateway.latest_block()).timestamp
    return Bid(
        buyer=gateway.address,
        payer=payer,
        operator=chain.operator,
        spec_hash=spec.hash(),
        units=spec.unit_count,
        max_audits=spec.unit_count if terms.max_audits is None else terms.max_audits,
        unit_gigaflops=unit_gigaflops(cost, spec),
        max_unit_price_wei=terms.max_unit_price_wei,
        bond_wei=terms.bond_wei,
        execution_class=spec.execution_class,
        challenge_window_seconds=terms.challenge_window_seconds,
        deadline=now + terms.deadline_seconds,
        expiry=now + terms.expiry_seconds,
        nonce=secrets.randbits(128),
    )


async def ensure_escrow(gateway: ChainGateway, budget_wei: int, *, relayer: Relayer | None = None) -> int:
    """Deposit what the wallet's free escrow lacks; returns how many wei that was. Raises TokensMissing."""
    missing_wei = budget_wei - (await gateway.escrow(gateway.address)).free_wei
    if missing_wei <= 0:
        return 0
    await put_in_escrow(gateway, missing_wei, relayer=relayer)
    return missing_wei


async def put_in_escrow(gateway: ChainGateway, amount_wei: int, *, relayer: Relayer | None = None) -> None:
    """Deposit tokens of the wallet into its own escrow. relayer: see `submit`. Raises TokensMissing."""
    held_wei = await gateway.token_balance_wei(gateway.address)
    if held_wei < amount_wei:
        raise TokensMissing(wallet=gateway.address, held_wei=held_wei, needed_wei=amount_wei)
    if isinstance(relayer, MarketClient):
        await deposit(relayer, gateway, amount_wei)
        return
    permit = await gateway.permit(gateway.deployment.jobs, amount_wei)
    await (relayer or gateway).relay_escrow(permit)


async def post_bid(
    client: MarketClient, gateway: ChainGateway, bid: Bid, spec: TrainSpec, *, sponsor: ChainGateway | None = None
) -> JobView:
    """Sign and post a bid, with the sponsor's consent where there is one. Its own digest is the Idempotency-Key: the
    same bid twice is one job."""
    domain = gateway.deployment.domain
    job_id = digest(bid, domain)
    submission = BidSubmission(
        bid=bid.to_json(),
        signature=_signed(bid, gateway),
        spec=spec.to_json(),
        sponsorship=None if sponsor is None else _signed(Sponsorship(job_id=job_id), sponsor),
    )
    return await client.submit_bid(submission, idempotency_key=f"bid-{job_id.hex()}")


def watch(client: MarketClient, job_id: str, *, after: int = 0) -> AsyncIterator[JobEvent]:
    """Yield a job's events from the first (or after a sequence number) to its end."""
    return client.events(job_id, after=after)


async def cancel(client: MarketClient, gateway: ChainGateway, job_id: str) -> JobView:
    """Ask for the job's end: at once when unmatched, after the grace when matched."""
    wish = Cancel(job_id=bytes.fromhex(job_id.removeprefix("0x")))
    key = f"cancel-{job_id.removeprefix('0x')}"
    return await client.cancel(job_id, CancelSubmission(signature=_signed(wish, gateway)), idempotency_key=key)


async def extend(client: MarketClient, gateway: ChainGateway, job_id: str, more: More) -> JobView:
    """Give a running job more audits or time; whoever pays for the job signs, and has the escrow for it.

    Raises TokensMissing, ContractRevert, MarketProblem.
    """
    view = await client.job(job_id)
    extension = Extension(
        job_id=bytes.fromhex(job_id.removeprefix("0x")),
        revision=view.revision,
        units=len(view.units),
        max_audits=view.max_audits + more.audits,
        deadline=view.deadline + more.seconds,
    )
    await ensure_escrow(gateway, int(view.bid["max_unit_price_wei"]) * more.audits)
    submission = ExtensionSubmission(extension=extension.to_json(), signature=_signed(extension, gateway))
    key = f"extend-{digest(extension, gateway.deployment.domain).hex()}"
    return await client.extend(job_id, submission, idempotency_key=key)


def _signed(document: TypedDocument, gateway: ChainGateway) -> str:
    return "0x" + sign(document, gateway.deployment.domain, gateway.account).hex()


def result_artifacts(view: JobView) -> list[ArtifactId]:
    """Return the outputs of the job's last round, by unit; raises ResultNotReady while one of them is not verified."""
    last_round = max(unit.round for unit in view.units)
    final = [unit for unit in view.units if unit.round == last_round]
    verified = [ArtifactId(unit.artifact) for unit in final if unit.status is UnitStatus.VERIFIED and unit.artifact]
    if len(verified) != len(final):
        unverified = len(final) - len(verified)
        raise ResultNotReady(job_id=view.job_id, status=view.status, unverified_units=unverified)
    return verified


async def download_result(client: MarketClient, job_id: str, target: Path) -> list[Path]:
    """Download the job's result: to `target` when the last round has one unit, else to `target` numbered per unit."""
    outputs = result_artifacts(await client.job(job_id))
    names = [target] if len(outputs) == 1 else [numbered(target, index) for index in range(len(outputs))]
    return [await client.download(artifact, name) for artifact, name in zip(outputs, names, strict=True)]


def numbered(target: Path, index: int) -> Path:
    """Return weights.safetensors as weights.3.safetensors."""
    return target.with_name(f"{target.stem}.{index}{target.suffix}")
