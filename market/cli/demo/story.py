"""The demo's plot: money is handed out, providers join, a buyer buys training, one provider cheats, everybody is paid.

Decides the cast and the terms; everything that happens is done by the processes of `stage` and by the buyer's client.
The listener hears of each job event as it comes. Raises whatever went wrong: a demo that fails says why.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, Protocol

from eth_account import Account
from eth_account.signers.local import LocalAccount

from market.chain.devkeys import DEPLOYER, OPERATOR, dev_account
from market.chain.devnet import Devnet
from market.chain.gateway import ChainGateway
from market.chain.parameters import TOKEN_WEI
from market.chain.transport import HttpTransport
from market.cli.demo.ledger import Ledger, count
from market.cli.demo.stage import PASSWORD, Actor, Stage, fund
from market.client import buyer
from market.client.exact import as_exact
from market.client.http import MarketClient
from market.client.keystore import create_keystore
from market.client.recipes import RECIPES, BuyerJob
from market.protocol.errors import CommonwattError
from market.protocol.wire import JobEvent, JobView, ReceiptBundle

GAS_WEI: Final = 10**18
WORKER_TOKENS_WEI: Final = 500 * TOKEN_WEI
WORKER_BOND_WEI: Final = 400 * TOKEN_WEI
BUYER_TOKENS_WEI: Final = 1_000 * TOKEN_WEI
PRICE_WEI_PER_GIGAFLOP: Final = TOKEN_WEI // 1_000
MATCH_BOND_WEI: Final = 50 * TOKEN_WEI
MAX_UNIT_PRICE_WEI: Final = 2 * TOKEN_WEI
WINDOW_SECONDS: Final = 8
JOIN_SECONDS: Final = 90.0
CAST: Final = (
    Actor(name="ada"),
    Actor(name="ben"),
    Actor(name="cleo"),
    Actor(name="dora", dishonest=True),
    Actor(name="vera", checks_only=True),
    Actor(name="vito", checks_only=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoFailed(CommonwattError):
    """The demo did not come to its end."""

    at: str
    reason: str


@dataclass(slots=True, kw_only=True)
class Seconds:
    """How long each phase took, in order."""

    phases: dict[str, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.monotonic)

    def mark(self, phase: str) -> None:
        now = time.monotonic()
        self.phases[phase] = round(now - self._since, 3)
        self._since = now


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All that the report needs."""

    job: JobView
    recipe: BuyerJob
    result: bytes
    addresses: Mapping[str, str]
    before: Ledger
    after: Ledger
    receipts: tuple[ReceiptBundle, ...]
    events: tuple[JobEvent, ...]
    seconds: Mapping[str, float]
    chain: Devnet
    buyer: LocalAccount
    cast: tuple[Actor, ...]


class Listener(Protocol):
    """Who is told what happens."""

    def know(self, names: dict[str, str], units: int) -> None:
        """Learn who is who (address -> name) and how many units there are."""

    def hear(self, words: str, event: JobEvent | None) -> None:
        """Hear a new chapter in words, or an event of the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Which story. honest: nobody cheats. exact: the job is of the exact class."""

    honest: bool = False
    exact: bool = False

    @property
    def cast(self) -> tuple[Actor, ...]:
        """Who plays: four workers and two verifiers; one of the workers cheats unless all are honest."""
        return tuple(replace(actor, dishonest=False) for actor in CAST) if self.honest else CAST


async def play(stage: Stage, listener: Listener, plot: Plot) -> Outcome:
    """Play the whole story and return what there is to tell."""
    cast, seconds = plot.cast, Seconds()
    listener.hear("starting a local chain and deploying the contracts", None)
    loading = asyncio.create_task(asyncio.to_thread(load_recipe, "charlm", exact=plot.exact))
    chain = await stage.start_chain()
    buyer_key: LocalAccount = Account.create()
    people: dict[str, str] = {"faucet": dev_account(DEPLOYER).address, "operator": dev_account(OPERATOR).address}
    people |= {"buyer": buyer_key.address} | await hand_out(stage, chain, cast, buyer_key.address)
    market_url = await stage.start_market(chain)
    async with HttpTransport(chain.rpc_url) as transport:
        gateway = ChainGateway(transport, chain.deployment, buyer_key)
        before = await count(gateway, people)
        seconds.mark("chain and market")
        listener.hear("providers bond their stake and post signed offers", None)
        for actor in cast:
            await stage.start_worker(actor, chain, market_url, PRICE_WEI_PER_GIGAFLOP, WORKER_BOND_WEI)
        recipe = await loading
        async with MarketClient(market_url, buyer_key) as client:
            await until_joined(stage, client, len(cast))
            seconds.mark("join and trace")
            listener.hear("the buyer uploads its program and signs a bid", None)
            view = await buyer.submit(client, gateway, recipe, terms(recipe), relayer=client)  # it has no gas
            listener.know({address: name for name, address in people.items()}, len(view.units))
            events = await follow(stage, client, view.job_id, listener)
            seconds.mark("train, check and settle")
            listener.hear("providers claim their pay and leave", None)
            result = await download(client, view.job_id, stage.home)
            job, receipts = await client.job(view.job_id), await client.receipts(view.job_id)
        await stage.stop(*[actor.name for actor in cast])
        after = await count(gateway, people)
        seconds.mark("claim and count")
    return Outcome(
        job=job,
        recipe=recipe,
        result=result,
        addresses=people,
        before=before,
        after=after,
        receipts=tuple(receipts),
        events=tuple(events),
        seconds=seconds.phases,
        chain=chain,
        buyer=buyer_key,
        cast=cast,
    )


def load_recipe(name: str, *, exact: bool = False) -> BuyerJob:
    """Return a ready-made job by its entry point; raises DemoFailed when the worker extra is not installed."""
    found = entry_points(group=RECIPES, name=name)
    if not found:
        raise DemoFailed(at="recipe", reason=f"no recipe {name!r}; install commonwatt[worker]")
    job: BuyerJob = next(iter(found)).load()()
    return as_exact(job) if exact else job


def terms(recipe: BuyerJob) -> buyer.Terms:
    """What the buyer asks: a bond that hurts, and an audit of every unit if need be."""
    return buyer.Terms(
        max_unit_price_wei=MAX_UNIT_PRICE_WEI,
        bond_wei=MATCH_BOND_WEI,
        max_audits=2 * recipe.spec.unit_count,
        challenge_window_seconds=WINDOW_SECONDS,
        deadline_seconds=600,
    )


async def hand_out(stage: Stage, chain: Devnet, cast: tuple[Actor, ...], buyer_address: str) -> dict[str, str]:
    """Make every provider's key and give everybody tokens, and gas to those who send transactions themselves."""
    await fund(chain, buyer_address, gas_wei=0, token_wei=BUYER_TOKENS_WEI)
    addresses: dict[str, str] = {}
    for actor in cast:
        folder = stage.worker_home(actor)
        account = create_keystore(folder / "keystore.json", PASSWORD, light=True)
        (folder / "password").write_text(PASSWORD)
        await fund(chain, account.address, gas_wei=GAS_WEI, token_wei=WORKER_TOKENS_WEI)
        addresses[actor.name] = account.address
    return addresses


async def until_joined(stage: Stage, client: MarketClient, providers: int) -> None:
    """Wait until every provider's offer is in the book."""
    give_up = time.monotonic() + JOIN_SECONDS
    while len(await client.offers()) < providers:
        stage.check_alive()
        if time.monotonic() > give_up:
            raise DemoFailed(at="join", reason=f"not all providers joined within {JOIN_SECONDS:.0f} s")
        await asyncio.sleep(0.1)


async def follow(stage: Stage, client: MarketClient, job_id: str, listener: Listener) -> list[JobEvent]:
    """Hear every event of the job until it ends; raises DemoFailed when it ends without being settled."""
    events: list[JobEvent] = []
    async for event in buyer.watch(client, job_id):
        events.append(event)
        listener.hear("", event)
        stage.check_alive()
    if events[-1].kind != "job.settled":
        raise DemoFailed(at="job", reason=f"it ended with {events[-1].kind}")
    return events


async def download(client: MarketClient, job_id: str, home: Path) -> bytes:
    paths = await buyer.download_result(client, job_id, home / "result" / "weights.safetensors")
    return paths[0].read_bytes()
