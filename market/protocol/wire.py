"""The bodies that travel between the market and its clients, each declared once for both sides.

Decides field names and forms only; who may send what is the API's and the services' business. Amounts and other
integers that may pass 2^53 are decimal strings; hashes, addresses and signatures are 0x hex; artifacts are bare
SHA-256 hex. Signed documents travel as `TypedDocument.to_json()` writes them.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from market.protocol.words import (
    AssignmentKind,
    AssignmentStatus,
    JobStatus,
    TransactionStatus,
    UnitStatus,
    Verdict,
)

Hex32 = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]
HexSignature = Annotated[str, Field(pattern=r"^0x([0-9a-f]{2}){1,4096}$")]
Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
Artifact = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Amount = Annotated[str, Field(pattern=r"^[0-9]{1,78}$")]


class Wire(BaseModel):
    """Base of all bodies: unknown fields are refused, values are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ChainInfo(Wire):
    """Which chain and contracts this market works with."""

    chain_id: int
    rpc_url: str
    genesis_hash: Hex32
    token: Address
    bonds: Address
    jobs: Address
    games: Address
    disputes: Address
    channels: Address
    operator: Address


class AccountView(Wire):
    """What the chain holds for an account, as last indexed. bond_idle_wei: the part of the locked bond that finished
    jobs have left for the provider's next ones."""

    address: Address
    escrow_free_wei: Amount
    escrow_locked_wei: Amount
    bond_wei: Amount
    bond_locked_wei: Amount
    bond_idle_wei: Amount
    credit_wei: Amount
    indexed_block: int


class BidSubmission(Wire):
    """A bid with its buyer's signature. sponsorship: the payer's, where the bid names one that is not the buyer."""

    bid: dict[str, Any]
    signature: HexSignature
    sponsorship: HexSignature | None = None
    spec: dict[str, Any]


class HardwareFacts(Wire):
    """What a provider says of its machine; `Offer.facts_hash` is the SHA-256 of its canonical JSON.

    envelope_watts: the most the machine can draw; no receipt may claim more joules than that allows.
    gigaflops_per_second: as measured when the worker joined. Prices of electricity in millionths of a US dollar.
    """

    cpu: str
    cores: Annotated[int, Field(gt=0)]
    memory_bytes: Annotated[int, Field(gt=0)]
    gpu: str | None = None
    envelope_watts: Annotated[int, Field(gt=0, le=1_000_000)]
    gigaflops_per_second: Annotated[int, Field(ge=0)]
    zone: Annotated[str, Field(max_length=64)]
    electricity_microdollars_per_kwh: Annotated[int, Field(ge=0)]


class OfferSubmission(Wire):
    offer: dict[str, Any]
    signature: HexSignature
    facts: dict[str, Any]


class OfferView(Wire):
    offer_hash: Hex32
    offer: dict[str, Any]
    signature: HexSignature
    facts: dict[str, Any]


class UnitView(Wire):
    """One work unit. receipt: the digest of the receipt that stands for it. artifact: its output; null until the unit
    is verified or the job is over, since an audit could be copied from it."""

    index: int
    round: int
    status: UnitStatus
    attempts: int
    worker: Address | None
    artifact: Artifact | None
    receipt: Hex32 | None


class MatchView(Wire):
    match_index: int
    provider: Address
    worker: Address
    unit_price_wei: Amount
    bond_wei: Amount
    units: int
    audits: int
    paid_units: int
    paid_audits: int
    voided_units: int


class Rejection(Wire):
    """Why one offer was not chosen, and the cheapest change that would match."""

    worker: Address
    reason: str
    remedy: str


class JobView(Wire):
    """A job. payer: whose escrow pays. revision, max_audits, deadline: as extensions have left them. closed_units:
    units below this number were paid in part.
    """

    job_id: Hex32
    status: JobStatus
    buyer: Address
    payer: Address
    revision: int
    max_audits: int
    closed_units: int
    deadline: int
    spec: dict[str, Any]
    bid: dict[str, Any]
    units: list[UnitView]
    matches: list[MatchView]
    rejections: list[Rejection]
    paid_wei: Amount
    refund_wei: Amount
    transactions: dict[str, list[str]]
    created_at: int


class JobEvent(Wire):
    """One server-sent event of a job; `sequence` is its Last-Event-ID."""

    sequence: int
    job_id: Hex32
    kind: str
    at: int
    facts: dict[str, Any]


class CancelSubmission(Wire):
    signature: HexSignature


class ExtensionSubmission(Wire):
    """An Extension document with the payer's signature."""

    extension: dict[str, Any]
    signature: HexSignature


class DepositAuthorization(Wire):
    """An ERC-3009 `receiveWithAuthorization` to the Jobs contract, by its owner's key."""

    valid_after: Amount = "0"
    valid_before: Amount
    nonce: Hex32
    signature: Annotated[str, Field(pattern=r"^0x[0-9a-f]{130}$")]


class DepositPermit(Wire):
    """An ERC-2612 permit for the Jobs contract, by its owner's key."""

    deadline: Amount
    signature: Annotated[str, Field(pattern=r"^0x[0-9a-f]{130}$")]


class DepositSubmission(Wire):
    """Escrow that its owner signs for and the market sends: the owner needs no gas. Exactly one of the two consents."""

    owner: Address
    amount_wei: Amount
    authorization: DepositAuthorization | None = None
    permit: DepositPermit | None = None


class DepositView(Wire):
    """A deposit that the market has promised to send; the account's escrow says when it has arrived."""

    owner: Address
    amount_wei: Amount
    status: TransactionStatus


class WorkerPresence(Wire):
    """What a worker tells the market about itself when it starts, drains or stops.

    verifier: sits on committees. checks_only: takes audits and votes, and leaves the work to others.
    """

    provider: Address
    fingerprint: Hex32
    draining: bool = False
    verifier: bool = False
    checks_only: bool = False


class WorkerView(Wire):
    worker: Address
    provider: Address
    fingerprint: Hex32
    verifier: bool
    draining: bool
    last_seen: int
    streak: int
    units_verified: int
    units_voided: int
    advice: str


class LeaseRequest(Wire):
    wait_seconds: Annotated[float, Field(ge=0, le=25)] = 20.0


class Predecessor(Wire):
    """A finished unit whose end state goes into this one's start state."""

    unit: int
    artifact: Artifact
    output_root: Hex32


class Lease(Wire):
    """One assignment, leased. `epoch` fences: a late holder's acts are refused."""

    assignment_id: str
    kind: AssignmentKind
    epoch: int
    job_id: Hex32
    unit: int
    attempt: int
    spec: dict[str, Any]
    price_wei: Amount
    predecessors: list[Predecessor]
    expires_at: int
    lease_seconds: float
    challenge_id: int | None = None


class Heartbeat(Wire):
    epoch: int
    step: int


class HeartbeatReply(Wire):
    expires_at: int
    abandon: bool


class CommitSubmission(Wire):
    """A finished assignment. A VOTE carries no receipt: its result went to the chain."""

    epoch: int
    receipt: dict[str, Any] | None = None
    signature: HexSignature | None = None
    segment_roots: list[Hex32] = []


class ChallengeCase(Wire):
    """All that `Disputes.challenge` wants, for an auditor whose trace differs from the receipt's."""

    job: dict[str, Any]
    match_index: int
    receipt: dict[str, Any]
    signature: HexSignature
    measured_trace_root: Hex32


class SignedAcceptance(Wire):
    """The operator's word that a receipt counts: an Acceptance document and its signature. With the receipt it is all
    that `Jobs.settleReceipt` wants, should the operator never commit."""

    acceptance: dict[str, Any]
    signature: HexSignature


class CommitReply(Wire):
    """acceptance: of the receipt that was handed in; a VOTE has none."""

    assignment_id: str
    status: AssignmentStatus
    challenge: ChallengeCase | None = None
    acceptance: SignedAcceptance | None = None


class ReleaseSubmission(Wire):
    epoch: int
    reason: Annotated[str, Field(max_length=500)]
    failed: bool = False


class ReceiptBundle(Wire):
    """A receipt with everything needed to check it against the chain alone. Sealed, and so not shown, until its unit is
    verified, its job is over, or a challenge on chain has disclosed it."""

    version: int
    chain_id: int
    jobs: Address
    receipt: dict[str, Any]
    signature: HexSignature
    offer: dict[str, Any]
    offer_signature: HexSignature
    epoch: int
    receipts_root: Hex32
    leaf_index: int
    leaf_count: int
    proof: list[Hex32]
    commit_transaction: Hex32


class ChallengeView(Wire):
    challenge_id: int
    job_id: Hex32
    unit: int
    challenger: Address
    provider: Address
    verdict: Verdict
    slashed_wei: Amount


class Problem(Wire):
    """RFC 9457 problem details; further members carry the error's facts."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
