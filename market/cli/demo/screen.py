"""What a person sees of the demo: bars while it runs, then one table. Words only; every figure comes from `report`."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from market.chain.parameters import TOKEN_WEI
from market.cli.console import tokens
from market.cli.demo.report import Findings, Share
from market.cli.demo.story import Outcome
from market.protocol.wire import JobEvent

SHOWN_SAMPLE_CHARACTERS = 240
BEHIND_THE_SCENES = frozenset({"faucet", "operator"})  # counted in the sum, and of no interest one by one
PEOPLE = frozenset({"worker", "auditor", "challenger", "provider"})
LINES = {
    "audit.differed": "[red]unit {unit}: {auditor} executed {worker}'s work again and got another trace[/red]",
    "challenge.raised": "[red]{challenger} challenges {provider} on chain[/red]",
    "challenge.resolved": "[red]verdict: {verdict}; slashed {slashed}[/red]",
    "unit.reassigned": "unit {unit} goes to another provider",
    "epoch.committed": "epoch {epoch}: root of its receipts committed on chain",
    "job.settled": "[green]settled on chain[/green]",
}


class Screen:
    """Live progress on a console; `hear` is the story's listener."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<26}"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._bars = {
            kind: self._progress.add_task(words, total=None, visible=False)
            for kind, words in (("unit.done", "units done"), ("unit.verified", "units verified"))
        }
        self._units: dict[str, set[int]] = {kind: set() for kind in self._bars}
        self._names: dict[str, str] = {}

    def __enter__(self) -> "Screen":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def know(self, names: dict[str, str], units: int) -> None:
        """Learn who is who (address -> name) and how many units there are."""
        self._names = {address.lower(): name for address, name in names.items()}
        for bar in self._bars.values():
            self._progress.update(bar, total=units, visible=True)

    def hear(self, words: str, event: JobEvent | None) -> None:
        if words:
            self._console.print(f"[bold]·[/bold] {words}")
        if event is not None:
            self._hear_event(event)

    def _hear_event(self, event: JobEvent) -> None:
        if event.kind == "unit.reassigned":
            self._units["unit.done"].discard(event.facts["unit"])
        if event.kind in self._bars:
            self._units[event.kind].add(event.facts["unit"])
        for kind, bar in self._bars.items():
            self._progress.update(bar, completed=len(self._units[kind]))
        line = self._line(event)
        if line:
            self._console.print("  " + line)

    def _line(self, event: JobEvent) -> str:
        facts = {name: self._who(value) if name in PEOPLE else value for name, value in event.facts.items()}
        if "slashed_wei" in facts:
            facts["slashed"] = tokens(int(facts["slashed_wei"]))
        return LINES.get(event.kind, "").format(**facts)

    def _who(self, address: str) -> str:
        return self._names.get(address.lower(), address[:10])


def show(console: Console, outcome: Outcome, findings: Findings) -> None:
    """Print the whole result."""
    figures, recipe = findings.figures, outcome.recipe
    console.print()
    console.print(
        "[bold]Sample before training[/bold]", recipe.sample(recipe.state)[:SHOWN_SAMPLE_CHARACTERS], sep="\n"
    )
    console.print(
        "[bold]Sample after training[/bold]", recipe.sample(outcome.result)[:SHOWN_SAMPLE_CHARACTERS], sep="\n"
    )
    console.print()
    console.print(_providers(outcome, findings))
    console.print(_figures(outcome, findings))
    for words in findings.broken:
        console.print(f"[bold red]did not hold:[/bold red] {words}")
    if findings.held:
        fall = 100 * (1 - figures["val_loss_end"] / figures["val_loss_start"])
        console.print(f"[bold green]All of it held:[/bold green] loss down {fall:.1f} %, every token accounted for.")


def _providers(outcome: Outcome, findings: Findings) -> Table:
    table = Table(title="Who did what (amounts in CWATT)", title_justify="left", box=SIMPLE_HEAD)
    for column in ("provider", "units", "audits", "voided", "earned", "slashed", "before", "after"):
        table.add_column(column, justify="left" if column == "provider" else "right", no_wrap=True)
    shares = {share.name: share for share in findings.shares}
    for name, before in outcome.before.holdings.items():
        if name in BEHIND_THE_SCENES:
            continue
        after, share = outcome.after.holdings[name], shares.get(name)
        style = "red" if share and share.slashed_wei else None
        table.add_row(name, *_work(share), _short(before.total_wei), _short(after.total_wei), style=style)
    ledgers = (outcome.before, outcome.after)
    table.add_row("burned", *_work(None), *[_short(ledger.burned_wei) for ledger in ledgers])
    return table


def _work(share: Share | None) -> list[str]:
    if share is None:
        return [""] * 5
    counts = [str(share.units), str(share.audits), str(share.voided)]
    return [*counts, _short(share.earned_wei), _short(share.slashed_wei)]


def _short(amount_wei: int) -> str:
    """Return an amount for a narrow column, rounded down to a thousandth; exact figures stand in the JSON."""
    thousandths = amount_wei * 1_000 // TOKEN_WEI
    return f"{thousandths // 1_000}.{thousandths % 1_000:03d}"


def _figures(outcome: Outcome, findings: Findings) -> Table:
    figures = findings.figures
    table = Table(title="Figures", title_justify="left", show_header=False, box=SIMPLE_HEAD)
    rows = {
        "validation loss": f"{figures['val_loss_start']} -> {figures['val_loss_end']} nats per character",
        "units": f"{figures['units_total']}, of which {figures['units_reassigned']} reassigned",
        "workers slashed": str(figures["workers_slashed"]),
        "buyer paid": tokens(int(figures["buyer_paid"])),
        "providers earned": tokens(int(figures["providers_earned"])),
        "tokens conserved": _conservation(outcome, ok=figures["conservation_ok"]),
        "energy": f"{figures['joules']} J ({figures['joules_source']})",
        "receipts verified": str(figures["receipts_verified"]),
        "disputes": "{challenges} judged by {court}: {transactions} transactions, {gas:,} gas".format(
            court="the chain itself" if figures["execution_class"] == "EXACT" else "a committee", **figures["dispute"]
        ),
        "gas": ", ".join(f"{verb} {spent:,}" for verb, spent in figures["gas"].items()),
        "seconds": ", ".join(f"{phase} {spent:.1f}" for phase, spent in figures["seconds"].items()),
    }
    for name, words in rows.items():
        table.add_row(name, words)
    return table


def _conservation(outcome: Outcome, *, ok: bool) -> str:
    sums = [f"{ledger.held_wei // TOKEN_WEI:,}" for ledger in (outcome.before, outcome.after)]
    return f"{'to the last unit' if ok else 'NO'}: all accounts hold {sums[0]} before, {sums[1]} after"
