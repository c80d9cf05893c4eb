"""Exact work's long tail: what is remembered of a receipt, how it is challenged, and the games that follow.

Decides which challenge a case becomes: the committee's for pinned work, a game for exact work, and the committee's
again when exact work of a later round began from another state than ours.
"""

from typing import Protocol

from market.chain.gateway import Sent
from market.protocol.typed import Receipt, SigningDomain, digest
from market.protocol.wire import ChallengeCase, CommitSubmission, Lease
from market.protocol.words import AssignmentKind
from worker.agent.bonds import free_up
from worker.agent.dockets import CHALLENGER, DEFENDER, Docket, DocketBook, claim_of
from worker.agent.duels import Duels
from worker.agent.outcome import Outcome
from worker.agent.ports import Chain


class Games(Protocol):
    """What the agent's loop needs of games."""

    async def watch(self) -> None: ...

    def remember(
        self, lease: Lease, outcome: Outcome, submission: CommitSubmission, case: ChallengeCase | None
    ) -> None: ...

    async def challenge(self, case: ChallengeCase) -> Sent: ...


class ExactGames:
    """The games of one worker, over a book of dockets."""

    def __init__(self, book: DocketBook, chain: Chain, duels: Duels, domain: SigningDomain) -> None:
        self._book, self._chain, self._duels, self._domain = book, chain, duels, domain

    async def watch(self) -> None:
        """Look for games and play them, until cancelled."""
        await self._duels.watch()

    def remember(
        self, lease: Lease, outcome: Outcome, submission: CommitSubmission, case: ChallengeCase | None
    ) -> None:
        """Write down what a later game needs: of our own exact work, and of a receipt we are about to challenge."""
        if outcome.terms is None or submission.receipt is None:
            return
        if lease.kind is AssignmentKind.WORK:
            self._write(DEFENDER, lease, outcome, Receipt.from_json(submission.receipt))
        if case is not None:
            self._write(CHALLENGER, lease, outcome, Receipt.from_json(case.receipt))

    async def challenge(self, case: ChallengeCase) -> Sent:
        """Challenge the receipt of a case, before the committee or in a game; raises what the chain refuses."""
        await free_up(self._chain, await self._chain.challenge_lock_wei())
        receipt = Receipt.from_json(case.receipt)
        docket = self._book.find(digest(receipt, self._domain))
        if docket is None:
            return await self._chain.challenge(case)
        claim = claim_of(docket)
        contests = docket.own_input_root != receipt.input_root and claim.plan.round > 0
        sent = await self._chain.challenge_exact(case, claim, contests_input=contests)
        raised = sent.event("ChallengeRaised")
        assert raised is not None, "a challenge that was mined was announced"
        if contests:
            self._book.close(docket)  # a committee decides; there is nothing to play
        else:
            self._book.challenged(docket, raised.args["challenge_id"])
        return sent

    def _write(self, side: str, lease: Lease, outcome: Outcome, receipt: Receipt) -> None:
        assert outcome.terms is not None, "exact work comes with its terms"
        self._book.write(
            Docket(
                digest=digest(receipt, self._domain),
                side=side,
                lease=lease,
                receipt=receipt,
                terms=outcome.terms,
                own_input_root=outcome.input_root,
            )
        )
