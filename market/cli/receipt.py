"""`commonwatt receipt`: check a receipt file against the chain alone. The market is never asked.

Decides words and the exit code: 0 only when every check held, 1 with the reason otherwise.
"""

from pathlib import Path

import click

from market.chain.proofs import ChainProof, verify_on_chain
from market.chain.transport import HttpTransport
from market.cli.console import DEFAULT_RPC, console, json_option, print_json, rpc_option, run, tokens
from market.protocol.errors import CommonwattError
from market.protocol.receipts import CheckedBundle, ReceiptInvalid, verify_bundle


@click.group()
def receipt() -> None:
    """Check receipts of work done."""


@receipt.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@rpc_option
@click.option("--jobs", metavar="ADDRESS", help="The Jobs contract you trust; by default the one the receipt names.")
@json_option
def verify(file: Path, rpc: str | None, jobs: str | None, as_json: bool) -> None:
    """Verify the receipt in FILE: signatures, Merkle inclusion, the on-chain root and match."""
    try:
        checked, proof = run(_verify(file.read_bytes(), rpc or DEFAULT_RPC, jobs))
    except click.ClickException as failed:
        if as_json:
            print_json({"valid": False, **_reason_of(failed)})
        raise
    if as_json:
        print_json(_document(checked, proof))
    else:
        _say(checked, proof)


async def _verify(data: bytes, rpc: str, jobs: str | None) -> tuple[CheckedBundle, ChainProof]:
    checked = verify_bundle(data)
    async with HttpTransport(rpc) as transport:
        return checked, await verify_on_chain(transport, checked, jobs=jobs)


def _reason_of(failed: click.ClickException) -> dict[str, str]:
    cause = failed.__cause__
    if isinstance(cause, ReceiptInvalid):
        return {"check": cause.check, "reason": cause.reason}
    check = "chain" if isinstance(cause, CommonwattError) else "form"
    return {"check": check, "reason": failed.message}


def _document(checked: CheckedBundle, proof: ChainProof) -> dict[str, object]:
    return {
        "valid": True,
        "receipt": "0x" + checked.receipt_digest.hex(),
        "job_id": "0x" + checked.receipt.job_id.hex(),
        "unit": checked.receipt.unit,
        "kind": checked.receipt.kind.value,
        "worker": checked.receipt.worker,
        "provider": checked.receipt.provider,
        "price_wei": str(checked.receipt.price_wei),
        "millijoules": str(checked.receipt.millijoules),
        "energy_source": checked.receipt.energy_source.value,
        "jobs": checked.bundle.jobs,
        "chain_id": checked.bundle.chain_id,
        "block_number": proof.block_number,
        "match_index": proof.match_index,
    }


def _say(checked: CheckedBundle, proof: ChainProof) -> None:
    held, screen = checked.receipt, console()
    joules = f"{held.millijoules / 1000:.3f} J ({held.energy_source.value})"
    screen.print("[bold green]The receipt holds.[/bold green]")
    screen.print(f"  {held.kind.value.lower()} on unit {held.unit} of job 0x{held.job_id.hex()}")
    screen.print(f"  worker {held.worker}, {held.steps} steps, {joules}, {tokens(held.price_wei)}")
    screen.print(
        f"  committed on chain {checked.bundle.chain_id}, block {proof.block_number}, by {checked.bundle.jobs}"
    )
