"""The small job in the exact class, for puppets: invented states under real exact roots, and real games over them."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from market.chain.errors import ContractRevert
from market.client.exact import as_exact
from market.client.folders import JobFolder
from market.db.models import Challenge
from market.db.repositories import chain as chain_rows
from market.protocol import merkle, tensors
from market.protocol.exact.commit import unit_leaf
from market.protocol.exact.game_moves import Reveal
from market.protocol.exact.jobs import exact_job_of_documents, exact_state_root
from market.protocol.exact.terms import ExactTerms
from market.protocol.jobs import JobRecord
from market.protocol.specs import TrainSpec, UnitPlan
from market.protocol.state import NamedBytes
from market.protocol.wire import ChallengeCase
from market.protocol.words import ChallengeStatus
from market.services.container import Container
from tests.integration.loop.market import SmallJob, TestMarket, small_job
from tests.integration.loop.puppets import TOKEN, Puppet

MOVE_SECONDS = 5
SMALL = small_job()


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What `challengeExact` is shown of the job."""

    terms: ExactTerms
    json_hash: bytes
    plan: UnitPlan
    path: tuple[bytes, ...]


def exact_small_job(*rounds: int) -> SmallJob:
    """Return the hand-written program as an exact job."""
    job = small_job(rounds)
    folder = as_exact(JobFolder(program=job.program, state=job.state, dataset=job.dataset, spec=job.spec))
    return SmallJob(spec=folder.spec)


@dataclass(kw_only=True)
class ExactPuppet(Puppet):
    """accuses: makes its audits up. ill_founded: makes up where it began. In a game it plays nothing by itself."""

    accuses: bool = False
    ill_founded: bool = False
    challenges: list[int] = field(default_factory=list)

    def input_root(self, spec: TrainSpec) -> bytes:
        began = super().input_root(spec)
        return began if self.ill_founded else exact_terms(spec).state_root

    def results(self, unit: int, spec: TrainSpec, *, honest: bool) -> tuple[list[bytes], bytes]:
        is_audit = honest
        lies = self.accuses if is_audit else bool(self.salt)
        words = hashlib.sha256(b"unit" + bytes([unit, lies])).digest()
        state = [NamedBytes(name="weight", dtype="F32", shape=(2, 2), data=bytes(byte & 0x3F for byte in words[:16]))]
        roots = [hashlib.sha256(words + bytes([n])).digest() for n in range(len(spec.segments()) - 1)]
        return [*roots, exact_state_root(state)], tensors.encode(state)

    async def _challenge(self, case: ChallengeCase) -> bool:
        spec = exact_small_job(*self.rounds_of(case)).spec
        unit = int(case.receipt["unit"])
        leaves = [unit_leaf(plan) for plan in spec.units()]
        claim = Claim(
            terms=exact_terms(spec),
            json_hash=hashlib.sha256(spec.encode()).digest(),
            plan=spec.units()[unit],
            path=tuple(merkle.proof(leaves, unit)),
        )
        try:
            sent = await self.gateway.challenge_exact(case, claim, contests_input=False)
        except ContractRevert as revert:
            if revert.contract_error != "Disputes_RecordMismatch":
                raise
            return False
        raised = sent.event("ChallengeRaised")
        assert raised is not None
        self.challenges.append(raised.args["challenge_id"])
        return True

    def rounds_of(self, case: ChallengeCase) -> tuple[int, ...]:
        """Puppets are only ever given jobs of one round."""
        return (JobRecord.from_json(case.job).bid.units,)

    async def open_trace(self, challenge_id: int, unit: int, spec: TrainSpec) -> None:
        """Make the defender's first move."""
        roots, _ = self.results(unit, spec, honest=False)
        await self.gateway.make_move(challenge_id, Reveal(children=tuple(map(merkle.leaf_hash, roots))))


def exact_terms(spec: TrainSpec) -> ExactTerms:
    return exact_job_of_documents(spec, SMALL.program, SMALL.state, SMALL.dataset).terms


async def exact_puppets(market: TestMarket, container: Container, **kinds: dict[str, object]) -> list[ExactPuppet]:
    """Make joined puppets, every one on a machine of its own kind."""
    made = []
    for number, (name, changes) in enumerate(kinds.items()):
        wallet = await market.newcomer(token_wei=400 * TOKEN)
        plain = ExactPuppet(name=name, gateway=wallet, client=market.client(container, wallet.account))
        made.append(replace(plain, fingerprint=bytes([number + 1]) * 32, **changes))
        await made[-1].join()
    return made


@asynccontextmanager
async def at_work(*workers: Puppet) -> AsyncIterator[None]:
    """Let puppets work meanwhile."""
    tasks = [asyncio.create_task(worker.work()) for worker in workers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def challenge_when(container: Container, job_id: str, status: ChallengeStatus, *, after: int = 0) -> Challenge:
    """Wait until the market sees a challenge of the job in a status, its clock later than `after`."""
    async with asyncio.timeout(30):
        while True:
            async with container.database.read() as session:
                for challenge in await chain_rows.open_challenges(session, job_id):
                    if challenge.status is status and challenge.phase_ends_at > after:
                        return challenge
            await asyncio.sleep(0.05)
