"""Writes exits.json and contracts/EXITS.md: every state a job can be left in, whoever falls silent, at every deadline.

Enumerates the situations; what is possible in each and what every way out leaves whom, `exits_rules` says.
tests/contracts/exits walks each route on the contracts. `--check` writes nothing and exits 1 when one is out of date.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from eth_abi.abi import encode as abi_encode

from tests.vectors import exits_rules as rules
from tests.vectors.exits_rules import Act, Court, Job, Sits, Status, Walk, Who
from tests.vectors.exits_text import rendered
from tests.vectors.writing import write_or_check

FILE = Path(__file__).with_name("exits.json")
TEXT = Path(__file__).resolve().parents[2] / "contracts" / "EXITS.md"
EVERYONE: Final = Who(63)
ENOUGH: Final = 1  # every cell has at least this many ways out


@dataclass(frozen=True, slots=True)
class Situation:
    """A job as it was left, and the second it was left at."""

    name: str
    job: Job
    since: int = 0

    @property
    def clocks(self) -> list[int]:
        """The second before, of and after every deadline there is."""
        job = self.job
        edges = {job.deadline, job.window_end, job.payable_at, job.last_receipt_at}
        if job.court.is_open and not job.court.judged:
            edges.add(job.court.ends_at)
        near = {edge + step for edge in edges for step in (-1, 0, 1)}
        return sorted({self.since} | {at for at in near if at >= self.since})

    @property
    def silences(self) -> list[Who]:
        """Nobody, each party there is, and everyone but a stranger."""
        parties = [Who.BUYER, Who.PROVIDER, Who.OPERATOR]
        if self.job.is_sponsored:
            parties.append(Who.PAYER)
        if self.job.court.is_open:
            parties += [Who.CHALLENGER] if self.job.is_exact else [Who.CHALLENGER, Who.VERIFIERS]
        return [Who.NOBODY, *parties, EVERYONE]


MATCHED: Final = Job(status=Status.MATCHED)
PARTLY: Final = MATCHED.commit(0, (1, 1, 0), (0, 0, 1))
COMPLETE: Final = MATCHED.commit(0, (1, 1, 2), (0, 0, 1))
EXACT: Final = replace(MATCHED.commit(0, (1, 1, 2)), is_exact=True)
CLOSED: Final = replace(PARTLY, closed=2)


def job_situations() -> Iterator[Situation]:
    """The contracts' test builds them by their place in this list."""
    hour, last = rules.WINDOW, rules.DEADLINE + rules.WINDOW
    yield Situation("open", Job())
    yield Situation("matched, nothing done", MATCHED)
    yield Situation("matched, part done", PARTLY)
    yield Situation("matched, part done in the deadline's second", MATCHED.commit(rules.DEADLINE, (1, 1, 0), (0, 0, 1)),
                    rules.DEADLINE)  # fmt: skip
    yield Situation("matched, a receipt settled in its last second",
                    MATCHED.commit(0, (1, 1, 0)).commit(last, (0, 0, 0), (0, 1, 0)), last)  # fmt: skip
    yield Situation("matched, part settled", CLOSED, hour)
    yield Situation("matched, part settled and more done", CLOSED.commit(hour, (0, 0, 1)), hour)
    yield Situation("complete", COMPLETE)
    yield Situation("complete in the deadline's second", MATCHED.commit(rules.DEADLINE, (1, 1, 2), (0, 0, 1)),
                    rules.DEADLINE)  # fmt: skip
    yield Situation("extended, part done", PARTLY.extend())
    yield Situation("complete, then extended", COMPLETE.extend())
    yield Situation("sponsored, open", Job(is_sponsored=True))
    yield Situation("sponsored, part done", replace(PARTLY, is_sponsored=True))
    yield Situation("sponsored, complete", replace(COMPLETE, is_sponsored=True))
    yield Situation("cancelled while matched", MATCHED.cancel(0))
    yield Situation("cancelled with part done", PARTLY.cancel(0))
    yield Situation("cancelled once complete", COMPLETE.cancel(0))


def court_situations() -> Iterator[Situation]:
    """Three jobs times seven states of a committee, then six games."""
    sittings = {
        "raised": Court(Sits.RAISED, rules.VOTE * rules.DRAWS),
        "voting, none yet": Court(Sits.VOTING, rules.VOTE, draws=1),
        "voting, one of three": Court(Sits.VOTING, rules.VOTE, draws=1, votes=1),
        "voting, two of three": Court(Sits.VOTING, rules.VOTE, draws=1, votes=2),
        "revealing, none yet": Court(Sits.REVEALING, rules.REVEAL, draws=1, votes=3),
        "revealing, one of three": Court(Sits.REVEALING, rules.REVEAL, draws=1, votes=3, reveals=1, fees=rules.FEE),
        "revealing, two of three": Court(Sits.REVEALING, rules.REVEAL, draws=1, votes=3, reveals=2, fees=2 * rules.FEE),
    }
    for label, job, forged in (("complete, forged", COMPLETE, True), ("complete, honest", COMPLETE, False),
                               ("part done, forged", PARTLY, True)):  # fmt: skip
        for name, court in sittings.items():
            yield Situation(f"challenged ({label}): {name}", replace(job, court=replace(court, forged=forged)))
    for forged in (True, False):
        label = "forged" if forged else "honest"
        game = Court(Sits.NARROWING, rules.MOVE, forged=forged)
        yield Situation(f"game ({label}): the worker's move", replace(EXACT, court=game))
        yield Situation(f"game ({label}): the challenger's move",
                        replace(EXACT, court=replace(game, defender_moves=False)))  # fmt: skip
        yield Situation(f"game ({label}): judged, not concluded", replace(EXACT, court=replace(game, judged=True)))


def mixed_situations() -> Iterator[Situation]:
    """A challenge beside something else."""
    raised = Court(Sits.RAISED, rules.VOTE * rules.DRAWS)
    yield Situation("challenged, and sponsored", replace(COMPLETE, is_sponsored=True, court=raised))
    yield Situation("challenged, and cancelled with part done", replace(PARTLY.cancel(0), court=raised))
    yield Situation("challenged, and extended with part done", replace(PARTLY.extend(), court=raised))
    again = rules.VOTE + 1  # the first committee said nothing, and its three members are out of the pool
    court = replace(raised, ends_at=again + rules.VOTE * rules.DRAWS, draws=1, pool=3, fines=3 * rules.FINE)
    yield Situation("challenged, and waiting for a second committee", replace(COMPLETE, court=court), again)


def all_situations() -> list[Situation]:
    """Return every situation at its number."""
    return [*job_situations(), *court_situations(), *mixed_situations()]


@dataclass
class Route:
    """One way out from one second, and all the cells that it is listed for."""

    at: int
    walk: Walk
    outcome: dict[str, int]
    silences: list[Who] = field(default_factory=list)


def routes_of(situation: Situation) -> list[Route]:
    found: dict[Any, Route] = {}
    for at in situation.clocks:
        for silent in situation.silences:
            ways = rules.walks(situation.job, at, silent)
            if len(ways) < ENOUGH:
                raise RuntimeError(f"{situation.name}: no way out at {at} when {silent!r} is silent")
            for way in ways:
                was_matched = situation.job.status is not Status.OPEN or way.name == "finish"
                route = found.setdefault((at, way), Route(at, way, rules.outcome(way.job, was_matched)))
                route.silences.append(silent)
    return list(found.values())


def described(number: int, situation: Situation) -> dict[str, Any]:
    routes = routes_of(situation)
    return {
        "name": situation.name,
        "number": number,
        "since": situation.since,
        "possible": {str(at): ", ".join(sorted(act.name.lower() for act in rules.possible(situation.job, at)))
                     for at in situation.clocks},
        "cells": {f"{at}, {name_of(silent)} silent": " | ".join(route.walk.name for route in routes
                                                                if route.at == at and silent in route.silences)
                  for at in situation.clocks for silent in situation.silences},
        "routes": [line_of(route) for route in routes],
    }  # fmt: skip


def encoded(situation: Situation) -> bytes:
    """Return what the test reads of a situation."""
    moments = [(at, sum(1 << act for act in rules.possible(situation.job, at))) for at in situation.clocks]
    routes = [packed(route) for route in routes_of(situation)]
    return abi_encode(["(uint256,uint256)[]", "(uint256,uint256,uint256[])[]"], [moments, routes])


def packed(route: Route) -> tuple[int, int, list[int]]:
    """Return what the test decodes: a bit for each silent set, whole tokens of 16 bits."""
    cells = sum(1 << silent.value for silent in route.silences)
    amounts = [route.outcome["status"], *(value // rules.E for key, value in route.outcome.items() if key != "status")]
    outcome = sum(amount << 16 * place for place, amount in enumerate(amounts))
    steps = [at << 16 | who.value << 8 | act.value for at, act, who in route.walk.steps]
    return route.at << 96 | route.walk.needs.value << 64 | cells, outcome, steps


def line_of(route: Route) -> str:
    steps = ", ".join(f"{act.name.lower()} at {at}" for at, act, _ in route.walk.steps)
    left = {key: value for key, value in route.outcome.items() if key != "status" and value}
    amounts = ", ".join(f"{key} {value / rules.E:g}" for key, value in left.items())
    silences = "; ".join(name_of(silent) for silent in route.silences)
    end = Status(route.outcome["status"]).name
    return f"from {route.at}, {silences} silent: {route.walk.name}: {steps} -> {end}: {amounts}"


def name_of(silent: Who) -> str:
    if silent is EVERYONE or silent == EVERYONE:
        return "everyone"
    return str(silent.name or "NOBODY").lower()


# PURSES: MONEY THAT NO JOB HOLDS. Clocks count from the moment the purse was left; 14,400 is the unbonding period.


def purses() -> list[dict[str, Any]]:
    """What an account has outside jobs, and who can take it out: its owner, or anyone on its behalf."""
    unbond = 14_400
    rows = [
        ("escrow free", 0, False, 0, (0,)),
        ("credit in Jobs", 1, True, 0, (0,)),
        ("compensation in Bonds", 2, True, 0, (0,)),
        ("idle bond", 3, False, unbond, (0,)),
        ("free stake", 4, False, unbond, (0,)),
        ("unbonding", 5, False, unbond, (0, unbond - 1, unbond, unbond + 1)),
        ("verifier's bond", 6, False, unbond, (0,)),
    ]
    made = []
    for name, kind, by_anyone, ready, clocks in rows:
        for at in clocks:
            for silent in (False, True):
                leaves = by_anyone or not silent
                began = 0 if kind == 5 else at  # unbonding has begun already
                made.append({"name": name, "kind": kind, "at": at, "owner_silent": silent, "leaves": leaves,
                             "ends_at": max(at, began + ready) if leaves else 0})  # fmt: skip
    return made


def channels() -> list[dict[str, Any]]:
    """A channel of 100 tokens, a voucher over 30 in the payee's hands. Closing begins at 0 and takes 3,600."""
    made = []
    for closing in (False, True):
        for at in (0, 3_599, 3_600, 3_601) if closing else (0,):
            for payer_silent, payee_silent in ((False, False), (True, False), (False, True), (True, True)):
                in_time = not closing or at <= rules.WINDOW
                paid = 30 if not payee_silent and in_time else 0
                over = rules.WINDOW + 1 if closing else at + rules.WINDOW + 1
                leaves = closing or not (payer_silent and payee_silent)
                ends_at = at if not payee_silent else max(at, over)
                made.append({"name": "channel closing" if closing else "channel open", "closing": closing, "at": at,
                             "payer_silent": payer_silent, "payee_silent": payee_silent, "leaves": leaves,
                             "ends_at": ends_at if leaves else 0, "payee": paid,
                             "payer": 100 - paid if leaves else 0})  # fmt: skip
    return made


def words(rows: list[dict[str, Any]]) -> str:
    """Return every number of every row, in order, for one decoding."""
    keys = [key for key in rows[0] if key != "name"]
    flat = [tuple(int(row[key]) for key in keys) for row in rows]
    return "0x" + abi_encode([f"({','.join(['uint256'] * len(keys))})[]"], [flat]).hex()


def make() -> dict[str, Any]:
    """Return the whole file as a value."""
    every = all_situations()
    situations = [described(number, it) for number, it in enumerate(every)]
    cells = sum(len(it["cells"]) for it in situations)
    exits = sum(cell.count("|") + 1 for it in situations for cell in it["cells"].values())
    purse_rows, channel_rows = purses(), channels()
    return {
        "note": "seconds count from the moment the job was opened; amounts are whole tokens",
        "situations_total": len(situations),
        "cells_total": cells + len(purse_rows) + len(channel_rows),
        "job_exits_total": exits,
        "exits_total": exits + len(purse_rows) + len(channel_rows),
        "acts": [act.name.lower() for act in Act],
        "situations": situations,
        "situations_encoded": "0x" + abi_encode(["bytes[]"], [[encoded(it) for it in every]]).hex(),
        "purses": purse_rows,
        "purses_encoded": words(purse_rows),
        "channels": channel_rows,
        "channels_encoded": words(channel_rows),
    }


def write_or_check_text(made: dict[str, Any]) -> int:
    text = rendered(made, [(it, routes_of(it)) for it in all_situations()], name_of)
    if "--check" not in sys.argv:
        TEXT.write_text(text)
        return 0
    if TEXT.is_file() and TEXT.read_text() == text:
        return 0
    sys.stderr.write(f"{TEXT.name} is not what our code gives; run python -m tests.vectors.make_exits\n")
    return 1


if __name__ == "__main__":
    made_now = make()
    raise SystemExit(write_or_check(made_now, FILE) | write_or_check_text(made_now))
