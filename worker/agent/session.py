"""One process' connections: market, chain, sandbox and meter, opened together and closed together.

Decides how the parts of a worker are put together from plain values; reads no settings and no environment.
"""

import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from eth_account.signers.local import LocalAccount

from market.chain.deployment import Deployment
from market.chain.gateway import ChainGateway
from market.chain.transport import HttpTransport
from market.client.http import MarketClient
from market.client.problems import MarketProblem, MarketUnreachable
from market.protocol.wire import HardwareFacts
from worker.agent import joining
from worker.agent.acceptances import AcceptanceJournal
from worker.agent.cache import ArtifactCache
from worker.agent.dishonest import CheatingExecutor
from worker.agent.dockets import DocketBook
from worker.agent.duels import Duels
from worker.agent.executor import RUNNER, RunPolicy, SandboxedExecutor
from worker.agent.games import ExactGames
from worker.agent.home import Profile, Status, WorkerHome
from worker.agent.joining import Terms
from worker.agent.keystore import refuse_light
from worker.agent.loop import Agent, Identity
from worker.agent.machine import Machine
from worker.agent.settling import Settler
from worker.agent.votes import VoteBook
from worker.energy.choose import Choice, choose
from worker.energy.estimate import core_count, cpu_name
from worker.sandbox.levels import Isolation
from worker.sandbox.policy import JailPlan

_BENCHMARK_SECONDS = 0.3

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the market is. rpc_url: None means the chain node that the market names."""

    market_url: str
    rpc_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a machine lends: isolation, memory for one unit, room for artifacts, and its power envelope if known."""

    isolation: Isolation
    memory_bytes: int
    cache_bytes: int
    silent_seconds: float
    envelope_watts: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a provider wants of `join`. zone and electricity price go into the offer's facts."""

    bond_wei: int
    price_wei_per_gigaflop: int
    verifier: bool
    zone: str
    electricity_microdollars_per_kwh: int
    checks_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A worker's open connections. fingerprint: this machine's, as its runner found it."""

    home: WorkerHome
    account: LocalAccount
    market: MarketClient
    chain: ChainGateway
    executor: SandboxedExecutor
    cache: ArtifactCache
    energy: Choice
    fingerprint: bytes


@asynccontextmanager
async def connect(account: LocalAccount | None, place: Place) -> AsyncIterator[tuple[MarketClient, ChainGateway]]:
    """Open market and chain, and check that they mean the same contracts. Without an account only reading works.

    Raises MarketUnreachable, ChainUnreachable, WrongChain, ContractMissing or DevKeyRefused.
    """
    async with MarketClient(place.market_url, account) as market:
        told = (await market.chain()).rpc_url
        async with HttpTransport(place.rpc_url or told) as transport:
            chain = ChainGateway(transport, await market.deployment(), account)
            await chain.check_chain()
            yield market, chain


@asynccontextmanager
async def on_chain(account: LocalAccount, profile: Profile) -> AsyncIterator[ChainGateway]:
    """Open the chain alone, as it was found at `join`: nobody has to answer but a node.

    Raises ChainUnreachable, WrongChain, ContractMissing or DevKeyRefused.
    """
    async with HttpTransport(profile.node_url) as transport:
        chain = ChainGateway(transport, Deployment.from_json(profile.deployment), account)
        await chain.check_chain()
        yield chain


async def say_goodbye(account: LocalAccount, profile: Profile) -> None:
    """Tell the market not to match this worker any more. One that does not listen is no reason to stay."""
    try:
        async with MarketClient(profile.market_url, account) as market:
            await joining.announce(market, account, terms_of(profile), draining=True)
    except (MarketUnreachable, MarketProblem) as error:
        _log.warning("market.not_told", error=type(error).__name__, reason=str(error)[:300])


@asynccontextmanager
async def open_session(home: WorkerHome, account: LocalAccount, means: Means, place: Place) -> AsyncIterator[Session]:
    """Connect, warm the sandbox up and prove it; raises as `connect` does, KeeperFailed or IsolationBroken."""
    async with AsyncExitStack() as stack:
        market, chain = await stack.enter_async_context(connect(account, place))
        refuse_light(home.keystore, chain.deployment.chain_id)
        cache = ArtifactCache(home.cache, market.download, limit_bytes=means.cache_bytes)
        energy = choose(device="cpu", envelope_watts=means.envelope_watts)
        plan = JailPlan(level=means.isolation, warm=RUNNER, root=home.runs.absolute())
        policy = RunPolicy(memory_bytes=means.memory_bytes, silent_seconds=means.silent_seconds)
        executor = SandboxedExecutor(plan, cache, energy.meter, policy)
        stack.push_async_callback(executor.close)
        secrets = (home.keystore.absolute(), Path.home())
        out_of_reach = await executor.start(secrets=secrets)
        _log.info("sandbox.proved", isolation=means.isolation.value, out_of_reach=out_of_reach)
        if means.isolation is Isolation.LIMITS:
            _log.warning("sandbox.absent", reason="limits was asked for: strangers' work runs without isolation")
        _log.info("energy.meter", source=energy.meter.source.value, reason=energy.reason)
        hello = await executor.ask({"hello": True})
        yield Session(
            home=home, account=account, market=market, chain=chain, executor=executor, cache=cache, energy=energy,
            fingerprint=bytes.fromhex(str(hello["fingerprint"])),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinReport:
    """What `join` did, for people."""

    profile: Profile
    bond_added_wei: int
    bond_wei: int
    enrolled: bool
    gigaflops: dict[str, float]
    advice: str


async def join(session: Session, wish: Wish, place: Place) -> JoinReport:
    """Benchmark, bond, announce, enroll, offer, and write the profile down; safe to repeat."""
    rates = (await session.executor.ask({"benchmark": _BENCHMARK_SECONDS}))["gflops"]
    facts = HardwareFacts(
        cpu=cpu_name()[:200],
        cores=core_count(),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        envelope_watts=session.energy.meter.envelope_watts,
        gigaflops_per_second=int(rates["step"]),
        zone=wish.zone,
        electricity_microdollars_per_kwh=wish.electricity_microdollars_per_kwh,
    )
    terms = Terms(
        price_wei_per_gigaflop=wish.price_wei_per_gigaflop,
        fingerprint=session.fingerprint,
        facts=facts.model_dump(mode="json"),
        verifier=wish.verifier,
        checks_only=wish.checks_only,
    )
    added_wei = await joining.ensure_bond(session.chain, wish.bond_wei)
    enrolled = wish.verifier and await joining.ensure_enrolled(session.chain, session.fingerprint)
    await joining.announce(session.market, session.account, terms, draining=True)  # until `run` says otherwise
    offer = await joining.post_offer(session.market, session.account, session.chain.deployment.domain, terms)
    profile = Profile(
        market_url=place.market_url,
        rpc_url=place.rpc_url,
        node_url=place.rpc_url or (await session.market.chain()).rpc_url,
        deployment=session.chain.deployment.to_json(),
        provider=session.account.address,
        price_wei_per_gigaflop=wish.price_wei_per_gigaflop,
        fingerprint="0x" + session.fingerprint.hex(),
        facts=terms.facts,
        verifier=wish.verifier,
        checks_only=wish.checks_only,
        offer_valid_until=offer.valid_until,
    )
    profile.save(session.home.profile)
    bond = await session.chain.bond(session.account.address)
    advice = (await session.market.worker(session.account.address)).advice
    return JoinReport(
        profile=profile, bond_added_wei=added_wei, bond_wei=bond.stake_wei, enrolled=enrolled, gigaflops=rates,
        advice=advice,
    )  # fmt: skip


async def refresh_offer(session: Session, profile: Profile) -> Profile:
    """Return the profile with an offer that still stands and is about this very machine."""
    now = int(time.time())
    if not joining.is_stale(
        valid_until=profile.offer_valid_until, offered=profile.fingerprint, fingerprint=session.fingerprint, now=now
    ):
        return profile
    terms = replace(terms_of(profile), fingerprint=session.fingerprint)
    await joining.announce(session.market, session.account, terms, draining=True)
    offer = await joining.post_offer(session.market, session.account, session.chain.deployment.domain, terms)
    fresh = replace(profile, fingerprint="0x" + session.fingerprint.hex(), offer_valid_until=offer.valid_until)
    fresh.save(session.home.profile)
    _log.info("offer.refreshed", valid_until=offer.valid_until)
    return fresh


def place_of(profile: Profile) -> Place:
    return Place(market_url=profile.market_url, rpc_url=profile.rpc_url)


def terms_of(profile: Profile) -> Terms:
    return Terms(
        price_wei_per_gigaflop=profile.price_wei_per_gigaflop,
        fingerprint=bytes.fromhex(profile.fingerprint[2:]),
        facts=profile.facts,
        verifier=profile.verifier,
        checks_only=profile.checks_only,
    )


def make_agent(session: Session, profile: Profile, machine: Machine, *, dishonest: bool) -> Agent:
    """Return the agent of this session. dishonest: put the cheat in the executor's place."""
    identity = Identity(
        account=session.account,
        provider=profile.provider,
        domain=session.chain.deployment.domain,
        fingerprint=session.fingerprint,
        verifier=profile.verifier,
        checks_only=profile.checks_only,
    )
    executor: SandboxedExecutor | CheatingExecutor = session.executor
    if dishonest:
        _log.warning("executor.dishonest", reason="this worker cheats, to show that it is caught")
        executor = CheatingExecutor(session.executor, session.cache, session.energy.meter)
    dockets = DocketBook(session.home.dockets)
    duels = Duels(dockets, session.chain, executor, provider=profile.provider)
    games = ExactGames(dockets, session.chain, duels, identity.domain)
    return Agent(
        identity, market=session.market, chain=session.chain, executor=executor, book=VoteBook(session.home.votes),
        games=games, settling=Settler(AcceptanceJournal(session.home.acceptances), session.chain), machine=machine,
        watcher=lambda seen: session.home.write_status(status_of(seen)),
    )  # fmt: skip


def status_of(machine: Machine) -> Status:
    held = machine.held
    return Status(
        state=machine.state.value,
        pid=os.getpid(),
        at=int(time.time()),
        assignment_id=held.lease.assignment_id if held else None,
        job_id=held.lease.job_id if held else None,
        unit=held.lease.unit if held else None,
        step=held.step if held else None,
    )
