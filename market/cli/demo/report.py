"""What the demo found, in figures.

Decides whether the demo held: the loss fell, the cheat was slashed, every receipt checks against the chain, the buyer
paid exactly what the providers earned, and no token was lost. Numbers come from receipts, events and the chain.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from market.chain.proofs import verify_on_chain
from market.chain.transport import Transport
from market.cli.demo.dispute import dispute_of
from market.cli.demo.gas import gas_of
from market.cli.demo.story import Outcome
from market.protocol.receipts import encode_bundle
from market.protocol.receipts import verify_bundle as check

LEAST_FALL_PERCENT: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one provider did and got."""

    name: str
    units: int
    audits: int
    voided: int
    earned_wei: int
    slashed_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The demo in figures; `held` says whether all of it held, `broken` names what did not."""

    figures: Mapping[str, Any]
    shares: tuple[Share, ...]
    broken: tuple[str, ...]

    @property
    def held(self) -> bool:
        return not self.broken


async def examine(outcome: Outcome, transport: Transport) -> Findings:
    """Measure the result, check every receipt against the chain, and add everything up."""
    recipe = outcome.recipe
    loss_start, loss_end = recipe.evaluate(recipe.state), recipe.evaluate(outcome.result)
    verified = [await verify_on_chain(transport, check(encode_bundle(bundle))) for bundle in outcome.receipts]
    joules, source = energy(outcome)
    shares = shares_of(outcome)
    cheats = sum(actor.dishonest for actor in outcome.cast)
    figures = {
        "val_loss_start": round(loss_start, 4),
        "val_loss_end": round(loss_end, 4),
        "units_total": len(outcome.job.units),
        "units_reassigned": sum(event.kind == "unit.reassigned" for event in outcome.events),
        "workers_slashed": sum(share.slashed_wei > 0 for share in shares),
        "buyer_paid": outcome.job.paid_wei,
        "providers_earned": str(sum(share.earned_wei for share in shares)),
        "conservation_ok": outcome.before.conserved and outcome.after.conserved,
        "joules": joules,
        "joules_source": source,
        "gas": await gas_of(outcome, transport),
        "execution_class": recipe.spec.execution_class.value,
        "dispute": await dispute_of(outcome, transport),
        "receipts_verified": len(verified),
        "seconds": {**outcome.seconds, "total": round(sum(outcome.seconds.values()), 3)},
    }
    return Findings(figures=figures, shares=shares, broken=broken(figures, len(outcome.receipts), cheats))


def broken(figures: Mapping[str, Any], receipts: int, cheats: int) -> tuple[str, ...]:
    """Return what did not hold, in words. receipts: how many the market showed. cheats: how many had to be caught."""
    fall_percent = 100 * (1 - figures["val_loss_end"] / figures["val_loss_start"])
    claims = {
        f"validation loss fell by {fall_percent:.1f} %, not {LEAST_FALL_PERCENT} %": fall_percent >= LEAST_FALL_PERCENT,
        f"not exactly {cheats} workers were slashed": figures["workers_slashed"] == cheats,
        "fewer units were reassigned than workers slashed": figures["units_reassigned"] >= cheats,
        "tokens were lost or made": figures["conservation_ok"],
        "the buyer paid other than the providers earned": figures["buyer_paid"] == figures["providers_earned"],
        "not every receipt could be verified": figures["receipts_verified"] == receipts > 0,
    }
    return tuple(words for words, held in claims.items() if not held)


def shares_of(outcome: Outcome) -> tuple[Share, ...]:
    """Return what each matched provider did, earned and lost, by name."""
    names = {address.lower(): name for name, address in outcome.addresses.items()}
    slashed = Counter[str]()
    for event in outcome.events:
        if event.kind == "challenge.resolved" and event.facts["verdict"] == "OVERTURNED":
            slashed[event.facts["provider"].lower()] += int(event.facts["slashed_wei"])
    return tuple(
        Share(
            name=names[match.provider.lower()],
            units=match.units - match.voided_units,
            audits=match.audits,
            voided=match.voided_units,
            earned_wei=(match.units - match.voided_units + match.audits) * int(match.unit_price_wei),
            slashed_wei=slashed[match.provider.lower()],
        )
        for match in outcome.job.matches
    )


def energy(outcome: Outcome) -> tuple[float, str]:
    """Return all joules that receipts state, and where those figures came from."""
    millijoules = sum(int(bundle.receipt["millijoules"]) for bundle in outcome.receipts)
    sources = sorted({bundle.receipt["energy_source"] for bundle in outcome.receipts})
    return round(millijoules / 1000, 3), "+".join(sources)
