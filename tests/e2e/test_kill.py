"""kill -9 with everything real: a worker in the middle of a unit, then the market in the middle of the job."""

import signal
from pathlib import Path

import pytest
from eth_account import Account

from market.chain.devkeys import DEPLOYER, OPERATOR, dev_account
from market.chain.gateway import ChainGateway
from market.chain.transport import HttpTransport
from market.cli.demo import story
from market.cli.demo.ledger import count
from market.cli.demo.stage import Actor, Stage
from market.client import buyer
from market.client.http import MarketClient
from worker.training.charlm import Schedule, recipe

CAST = (Actor(name="ada"), Actor(name="ben"), Actor(name="cleo"))


async def kill(stage: Stage, name: str) -> None:
    process = stage.processes.pop(name)
    process.send_signal(signal.SIGKILL)
    await process.wait()


@pytest.mark.timeout(240)
async def test_a_worker_and_the_market_are_killed_and_nothing_is_lost_or_paid_twice(tmp_path: Path) -> None:
    job = recipe(Schedule(rounds=(2, 2), steps_per_unit=40))
    stage = Stage(home=tmp_path)
    try:
        chain = await stage.start_chain()
        key = Account.create()
        people = {"faucet": dev_account(DEPLOYER).address, "operator": dev_account(OPERATOR).address}
        people |= {"buyer": key.address, **await story.hand_out(stage, chain, CAST, key.address)}
        url = await stage.start_market(chain)
        for actor in CAST:
            await stage.start_worker(actor, chain, url, story.PRICE_WEI_PER_GIGAFLOP, story.WORKER_BOND_WEI)
        names = {address.lower(): name for name, address in people.items()}
        async with HttpTransport(chain.rpc_url) as transport, MarketClient(url, key) as client:
            gateway = ChainGateway(transport, chain.deployment, key)
            await story.until_joined(stage, client, len(CAST))
            relayer = ChainGateway(transport, chain.deployment, dev_account(DEPLOYER))
            view = await buyer.submit(client, gateway, job, story.terms(job), relayer=relayer)
            kinds, victim = [], ""
            async for event in buyer.watch(client, view.job_id):
                kinds.append(event.kind)
                if event.kind == "unit.started" and not victim:
                    victim = names[event.facts["worker"].lower()]
                    await kill(stage, victim)
                if event.kind == "epoch.committed" and kinds.count("epoch.committed") == 1:
                    await kill(stage, "market")
                    await stage.start_market(chain, port=int(url.rpartition(":")[2]))
            settled = await client.job(view.job_id)
            await stage.stop(*[actor.name for actor in CAST])
            ledger = await count(gateway, people)
        earned_wei = sum((m.units + m.audits) * int(m.unit_price_wei) for m in settled.matches)
        assert kinds[-1] == "job.settled"
        assert kinds.count("unit.reassigned") >= 1
        assert sum(match.units for match in settled.matches) == 4
        assert earned_wei == int(settled.paid_wei)
        assert ledger.conserved
    finally:
        await stage.close()
