"""What the operator may promise to send: one function per act, each an outbox row in the caller's transaction.

Decides the name of each intent (unique, so that the same promise is made once) and its call data. An intent whose
transaction was dropped or reverted may be promised again after a growing pause; the old row keeps its story under a
numbered name.
"""

from collections.abc import Sequence

from eth_utils.crypto import keccak

from market.chain.bindings import encode_call
from market.chain.deployment import Deployment
from market.chain.orders import in_order
from market.db.repositories.running import enqueue_transaction, transaction_of
from market.db.session import WriteSession
from market.protocol.jobs import JobRecord, WorkDone, encode_work
from market.protocol.typed import Bid, Extension, Offer
from market.protocol.words import TransactionStatus
from market.services.clock import Clock

FAILED = (TransactionStatus.DROPPED, TransactionStatus.REVERTED)
FIRST_PAUSE_MS = 500
LONGEST_PAUSE_MS = 60_000


class Intents:
    """The operator's outbox, by verb. Every method returns whether a row was added."""

    def __init__(self, deployment: Deployment, clock: Clock) -> None:
        self._deployment, self._clock = deployment, clock

    async def open_and_match(
        self,
        session: WriteSession,
        job_id: str,
        bid: Bid,
        signature: bytes,
        offers: Sequence[tuple[Offer, bytes]],
        *,
        sponsorship: bytes,
    ) -> bool:
        data = encode_call("Jobs", "openAndMatch", bid, signature, sponsorship, *in_order(offers))
        return await self._promise(session, f"open:{job_id}", "Jobs", data, job_id)

    async def match_offers(
        self, session: WriteSession, job_id: str, job: JobRecord, offers: Sequence[tuple[Offer, bytes]]
    ) -> bool:
        data = encode_call("Jobs", "matchOffers", job, job.places_tuple(), *in_order(offers))
        return await self._promise(session, f"match:{job_id}:{len(job.matches)}", "Jobs", data, job_id)

    async def commit(
        self, session: WriteSession, job_id: str, job: JobRecord, root: bytes, work: Sequence[WorkDone]
    ) -> bool:
        data = encode_call("Jobs", "commit", job, root, encode_work(work))
        return await self._promise(session, f"commit:{job_id}:{job.epoch + 1}", "Jobs", data, job_id)

    async def settle(self, session: WriteSession, job_id: str, job: JobRecord) -> bool:
        data = encode_call("Jobs", "settle", job, job.places_tuple())
        return await self._promise(session, f"settle:{job_id}", "Jobs", data, job_id)

    async def settle_part(self, session: WriteSession, job_id: str, job: JobRecord) -> bool:
        data = encode_call("Jobs", "settlePart", job, job.places_tuple())
        return await self._promise(session, f"pay:{job_id}:{job.epoch}", "Jobs", data, job_id)

    async def expire(self, session: WriteSession, job_id: str, job: JobRecord) -> bool:
        data = encode_call("Jobs", "expire", job, job.places_tuple())
        return await self._promise(session, f"expire:{job_id}", "Jobs", data, job_id)

    async def extend(
        self, session: WriteSession, job_id: str, job: JobRecord, extension: Extension, signature: bytes
    ) -> bool:
        data = encode_call("Jobs", "extend", job, extension, signature)
        return await self._promise(session, f"extend:{job_id}:{extension.revision}", "Jobs", data, job_id)

    async def cancel(self, session: WriteSession, job_id: str, job: JobRecord, signature: bytes) -> bool:
        data = encode_call("Jobs", "cancel", job, signature)
        return await self._promise(session, f"cancel:{job_id}", "Jobs", data, job_id)

    async def deposit(self, session: WriteSession, data: bytes) -> bool:
        """data: a deposit that its owner has signed; the same one again is the same promise."""
        return await self._promise(session, f"deposit:{keccak(data).hex()}", "Jobs", data, None)

    async def draw(self, session: WriteSession, challenge_id: int, beacon_block: int) -> bool:
        data = encode_call("Disputes", "draw", challenge_id)
        return await self._promise(session, f"draw:{challenge_id}:{beacon_block}", "Disputes", data, None)

    async def resolve(self, session: WriteSession, challenge_id: int, draws: int, status: str) -> bool:
        data = encode_call("Disputes", "resolve", challenge_id)
        return await self._promise(session, f"resolve:{challenge_id}:{draws}:{status}", "Disputes", data, None)

    async def timeout(self, session: WriteSession, challenge_id: int, deadline: int) -> bool:
        data = encode_call("Games", "timeout", challenge_id)
        return await self._promise(session, f"timeout:{challenge_id}:{deadline}", "Games", data, None)

    async def conclude(self, session: WriteSession, challenge_id: int) -> bool:
        data = encode_call("Games", "conclude", challenge_id)
        return await self._promise(session, f"conclude:{challenge_id}", "Games", data, None)

    async def _promise(
        self, session: WriteSession, intent: str, contract: str, data: bytes, job_id: str | None
    ) -> bool:
        before = await transaction_of(session, intent)
        if before is not None and before.status in FAILED:
            failures = before.failures + 1
            pause_ms = min(FIRST_PAUSE_MS * 2**before.failures, LONGEST_PAUSE_MS)
            if self._clock.now_ms() < before.created_at_ms + pause_ms:
                return False
            before.intent = f"{intent}#{before.id}"
            await session.flush()
        else:
            failures = 0
        return await enqueue_transaction(
            session,
            intent=intent,
            sender=self._deployment.operator,
            to=self._deployment.addresses[contract],
            data="0x" + data.hex(),
            job_id=job_id,
            now_ms=self._clock.now_ms(),
            failures=failures,
        )
