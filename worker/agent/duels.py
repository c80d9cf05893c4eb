"""Plays the games this worker is a side of: looks for accusations, asks the runner for moves, sends them.

Decides when to look and that a side whose clock ran out is called out; which move is right is the runner's, from a
replay of the unit. Everything it needs lies on disk and on chain, so a restarted worker plays on. It asks the chain and
never the market, which could keep an accusation from us.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

import structlog

from market.chain.errors import ContractRevert
from market.chain.games import Accusation, Table
from market.chain.gateway import Sent
from market.chain.values import Challenge
from market.protocol.errors import CommonwattError
from market.protocol.exact.game_moves import Conclude, Frame, Move, Timeout
from market.protocol.wire import Lease
from market.protocol.words import ChallengeStatus, Side, Verdict
from worker.agent.dockets import CHALLENGER, DEFENDER, Docket, DocketBook

WATCH_SECONDS: Final = 1.0
TURN_SECONDS: Final = 0.25
LONGEST_PAUSE_SECONDS: Final = 8.0
_SIDES: Final = {DEFENDER: Side.DEFENDER, CHALLENGER: Side.CHALLENGER}

_log = structlog.get_logger(__name__)


class GameChain(Protocol):
    """The chain as a player uses it; `market.chain.gateway.ChainGateway` fits."""

    async def accusations(self, account: str, *, since_block: int) -> list[Accusation]: ...

    async def challenge_of(self, challenge_id: int) -> Challenge: ...

    async def game_table(self, challenge_id: int, opened: Frame) -> Table | None: ...

    async def make_move(self, challenge_id: int, move: Move) -> Sent: ...


class Answering(Protocol):
    """Whoever knows the moves of one side; `worker.agent.play.Play` fits."""

    async def answer(self, table: Table) -> Move | None: ...


class Host(Protocol):
    """Whoever executes a unit again to play; `worker.agent.executor.SandboxedExecutor` fits."""

    def play(self, lease: Lease, side: str) -> AbstractAsyncContextManager[Answering]: ...


class Duels:
    """All games of one worker."""

    def __init__(self, book: DocketBook, chain: GameChain, host: Host, *, provider: str) -> None:
        self._book, self._chain, self._host, self._provider = book, chain, host, provider
        self._since_block = 0
        self._playing: dict[bytes, asyncio.Task[None]] = {}
        self._undecided: set[int] = set()

    async def watch(self) -> None:
        """Look for games and play them, until cancelled. One that fails is begun again at the next look."""
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    async for docket in self._disputed():
                        if docket.digest not in self._playing:
                            self._playing[docket.digest] = group.create_task(self._play(docket))
                except CommonwattError as error:
                    _log.warning("duels.unseen", error=type(error).__name__, reason=str(error)[:300])
                await asyncio.sleep(WATCH_SECONDS)

    async def _disputed(self) -> AsyncIterator[Docket]:
        """Yield the dockets that a challenge is on about."""
        dockets = {docket.digest: docket for docket in self._book.open()}
        if dockets:
            for accusation in await self._chain.accusations(self._provider, since_block=self._since_block):
                self._since_block = accusation.block_number
                docket = dockets.get(accusation.receipt_digest)
                if docket is not None and self._concerns(docket, accusation):
                    _log.warning("duel.seen", challenge_id=accusation.challenge_id, side=docket.side)
                    dockets[docket.digest] = self._book.challenged(docket, accusation.challenge_id)
        for docket in dockets.values():
            if docket.challenge_id is not None and docket.challenge_id not in self._undecided:
                yield docket

    def _concerns(self, docket: Docket, accusation: Accusation) -> bool:
        """Whether it is news: against our work, or our own challenge whose number we had no time to write down."""
        is_ours = docket.side == DEFENDER or accusation.challenger.lower() == self._provider.lower()
        return is_ours and accusation.challenge_id > (docket.challenge_id or 0)

    async def _play(self, docket: Docket) -> None:
        log = _log.bind(challenge_id=docket.challenge_id, side=docket.side, unit=docket.receipt.unit)
        try:
            await self._play_on(docket)
            await self._file(docket)
        except CommonwattError as error:
            log.warning("duel.failed", error=type(error).__name__, reason=str(error)[:500])
        finally:
            del self._playing[docket.digest]

    async def _file(self, docket: Docket) -> None:
        """Put a docket away once its receipt is judged; one that nobody judged can be challenged again."""
        assert docket.challenge_id is not None, "a docket under dispute"
        challenge = await self._chain.challenge_of(docket.challenge_id)
        if challenge.status is not ChallengeStatus.RESOLVED:
            return  # a committee is at it
        _log.info("duel.over", challenge_id=docket.challenge_id, side=docket.side, verdict=challenge.verdict.value)
        if challenge.verdict is Verdict.INCONCLUSIVE:
            self._undecided.add(docket.challenge_id)
        else:
            self._book.close(docket)

    async def _play_on(self, docket: Docket) -> None:
        assert docket.challenge_id is not None, "a docket under dispute"
        opened = docket.frame()
        if await self._chain.game_table(docket.challenge_id, opened) is None:
            return
        pause = TURN_SECONDS
        async with self._host.play(docket.lease, docket.side) as player:
            while (table := await self._chain.game_table(docket.challenge_id, opened)) is not None:
                move = await self._move(table, player, docket.side)
                is_sent = move is not None and await self._send(docket, move)
                # A refused move may be right in a moment, when the chain has caught up; or never.
                pause = TURN_SECONDS if is_sent or move is None else min(2 * pause, LONGEST_PAUSE_SECONDS)
                if not is_sent:
                    await asyncio.sleep(pause)

    async def _move(self, table: Table, player: Answering, side: str) -> Move | None:
        if table.position.is_over:
            return Conclude()
        is_ours, is_late = table.position.mover is _SIDES[side], table.now > table.position.deadline
        if is_late:
            return None if is_ours else Timeout()  # once ours has run out, the other side will say so
        return await player.answer(table) if is_ours or side == CHALLENGER else None

    async def _send(self, docket: Docket, move: Move) -> bool:
        """Send a move and return whether the contract took it."""
        assert docket.challenge_id is not None, "a docket under dispute"
        name = type(move).__name__
        try:
            sent = await self._chain.make_move(docket.challenge_id, move)
        except ContractRevert as revert:
            # The other side, or anyone, may have moved meanwhile: look again.
            _log.warning("duel.refused", move=name, contract_error=revert.contract_error)
            return False
        _log.info("duel.move", move=name, challenge_id=docket.challenge_id, gas_used=sent.gas_used)
        return True
