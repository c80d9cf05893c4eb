"""What people ask a worker from outside: how it stands, and to stop.

Decides nothing; needs no password, because it only reads, and signals the process that holds the home folder.
"""

import asyncio
import os
import signal
import time
from dataclasses import asdict, dataclass
from typing import Any, Final

from market.protocol.errors import CommonwattError
from worker.agent import keystore
from worker.agent.home import Profile, WorkerHome
from worker.agent.machine import AgentState
from worker.agent.session import JoinReport, connect, place_of

_LOOK_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class StillRunning(CommonwattError):
    """The worker did not stop in time."""

    pid: int
    seconds: float


async def status_report(home: WorkerHome, profile: Profile) -> dict[str, Any]:
    """Return bond, credit, present state and the market's advice; raises what an unreachable market or chain raises."""
    address = keystore.address_of(home.keystore)
    seen = home.read_status() if home.is_locked() else None
    async with connect(None, place_of(profile)) as (market, chain):
        bond, view = await chain.bond(address), await market.worker(address)
        credit_wei = await chain.job_credit_wei(address) + await chain.bond_credit_wei(address)
        return {
            "worker": address,
            "provider": profile.provider,
            "state": seen.state if seen else AgentState.STOPPED.value,
            "job": seen.job_id if seen else None,
            "unit": seen.unit if seen else None,
            "step": seen.step if seen else None,
            "bond_wei": str(bond.stake_wei),
            "bond_locked_wei": str(bond.locked_wei),
            "bond_idle_wei": str(await chain.idle_bond_wei(address)),
            "bond_free_wei": str(bond.free_wei),
            "credit_wei": str(credit_wei),
            "balance_wei": str(await chain.token_balance_wei(address)),
            "price_wei_per_gigaflop": str(profile.price_wei_per_gigaflop),
            "fingerprint": view.fingerprint,
            "verifier": await chain.is_enrolled(address),
            "last_seen": view.last_seen,
            "streak": view.streak,
            "units_verified": view.units_verified,
            "units_voided": view.units_voided,
            "advice": view.advice,
        }


def join_report(report: JoinReport) -> dict[str, Any]:
    """Return what `join` did, ready for JSON: amounts as strings."""
    profile = asdict(report.profile)
    return {
        "worker": profile["provider"],
        "market": profile["market_url"],
        "fingerprint": profile["fingerprint"],
        "bond_added_wei": str(report.bond_added_wei),
        "bond_wei": str(report.bond_wei),
        "enrolled_as_verifier": report.enrolled,
        "price_wei_per_gigaflop": str(profile["price_wei_per_gigaflop"]),
        "offer_valid_until": profile["offer_valid_until"],
        "matmul_gigaflops": round(report.gigaflops["matmul"], 1),
        "step_gigaflops": round(report.gigaflops["step"], 1),
        "facts": profile["facts"],
        "advice": report.advice,
    }


async def stop_running(home: WorkerHome, *, seconds: float) -> None:
    """Ask the process that holds the home folder to drain, and wait for it; raises StillRunning."""
    seen = home.read_status()
    if seen is None or not home.is_locked():
        return
    os.kill(seen.pid, signal.SIGTERM)
    give_up = time.monotonic() + seconds
    while home.is_locked():
        if time.monotonic() > give_up:
            raise StillRunning(pid=seen.pid, seconds=seconds)
        await asyncio.sleep(_LOOK_SECONDS)
