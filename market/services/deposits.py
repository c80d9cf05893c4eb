"""Escrow for buyers without gas: the owner signs, and the operator sends.

Decides which deposits are worth the operator's gas: large enough, and such that the contract would take them now. The
money goes to the owner's escrow whatever happens here; a promise that fails later costs nobody anything.
"""

from dataclasses import dataclass
from typing import Final

from market.chain import submit
from market.chain.bindings import encode_call
from market.chain.deployment import Deployment
from market.chain.errors import ContractRevert, UnknownRevert
from market.chain.submit import Call
from market.chain.transport import Transport
from market.db.session import Database
from market.domain.policy import Policy
from market.protocol import canonical
from market.protocol.errors import CommonwattError
from market.protocol.wire import DepositSubmission, DepositView
from market.protocol.words import TransactionStatus
from market.services.idempotency import Idempotency
from market.services.intents import Intents
from market.services.signatures import DocumentNotSigned, MalformedDocument, parse_hex
from market.services.wakeups import Wakeups

WORD_BITS: Final = {"amount_wei": 128, "valid_after": 256, "valid_before": 256, "deadline": 256}


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositRefused(CommonwattError):
    """The contract would not take this deposit now."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositTooSmall(CommonwattError):
    """The deposit is not worth the gas that the operator would pay for it."""

    amount_wei: int
    required_wei: int


class DepositsService:
    """Relays deposits for one operator."""

    def __init__(
        self,
        *,
        database: Database,
        transport: Transport,
        deployment: Deployment,
        intents: Intents,
        idempotency: Idempotency,
        policy: Policy,
        wakeups: Wakeups,
    ) -> None:
        self._database, self._transport, self._deployment = database, transport, deployment
        self._intents, self._idempotency, self._policy, self._wakeups = intents, idempotency, policy, wakeups

    async def relay(self, submission: DepositSubmission, *, idempotency_key: str) -> DepositView:
        """Promise a deposit to the owner's escrow.

        Raises DocumentNotSigned, MalformedDocument, DepositTooSmall, DepositRefused, ChainUnreachable, or an error of
        `idempotency`; nothing is stored then.
        """
        data = _call_data(submission)
        required_wei = self._policy.min_relayed_wei
        if int(submission.amount_wei) < required_wei:
            raise DepositTooSmall(amount_wei=int(submission.amount_wei), required_wei=required_wei)
        request = b"deposit\n" + canonical.encode(submission.model_dump(mode="json"))
        async with self._idempotency.claim(submission.owner.lower(), idempotency_key, request) as claim:
            if claim.answer is not None:
                return DepositView.model_validate(claim.answer)
            await self._require_taken(data)
            view = DepositView(
                owner=submission.owner, amount_wei=submission.amount_wei, status=TransactionStatus.QUEUED
            )
            async with self._database.write() as session:
                await self._intents.deposit(session, data)
                await claim.complete(session, 202, view.model_dump(mode="json"))
        self._wakeups.wake("transactions")
        return view

    async def _require_taken(self, data: bytes) -> None:
        """Ask the contract: it alone knows the signature, the nonce and the balance to be good."""
        try:
            await submit.simulate(
                self._transport, Call(to=self._deployment.jobs, data=data), sender=self._deployment.operator
            )
        except (ContractRevert, UnknownRevert) as refusal:
            raise DepositRefused(reason=str(refusal)) from refusal


def _call_data(submission: DepositSubmission) -> bytes:
    consents = [each for each in (submission.authorization, submission.permit) if each is not None]
    if not consents:
        raise DocumentNotSigned(field="authorization")
    if len(consents) > 1:
        raise MalformedDocument(document="Deposit", reason="both an authorization and a permit")
    owner, amount_wei = submission.owner, _number("amount_wei", submission.amount_wei)
    if submission.permit is not None:
        signed = parse_hex(submission.permit.signature)
        deadline = _number("deadline", submission.permit.deadline)
        return encode_call(
            "Jobs", "depositWithPermit", owner, amount_wei, deadline, signed[64], signed[:32], signed[32:64]
        )
    assert submission.authorization is not None, "one of the two is there"
    given = submission.authorization
    after, before = _number("valid_after", given.valid_after), _number("valid_before", given.valid_before)
    nonce, signature = parse_hex(given.nonce), parse_hex(given.signature)
    return encode_call("Jobs", "depositWithAuthorization", owner, amount_wei, after, before, nonce, signature)


def _number(name: str, text: str) -> int:
    value = int(text)
    if value >= 1 << WORD_BITS[name]:
        raise MalformedDocument(document="Deposit", reason=f"{name}: {value} does not fit its type")
    return value
