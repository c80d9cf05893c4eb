"""Puts the six contracts on a chain. They name one another as immutables, so addresses are computed before any exists.

Decides the order (token, bonds, jobs, games, disputes, channels) and that a deployment counts only when each contract
stands exactly where it was computed to stand. Sends from one fresh-nonce wallet and nothing else may send from it
meanwhile.
"""

from dataclasses import asdict
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from market.chain import submit
from market.chain.abi import Parameter, snake_case
from market.chain.bindings import contract, encode_constructor
from market.chain.deployment import CONTRACTS, Deployment
from market.chain.logs import genesis_hash, latest_header
from market.chain.parameters import Parameters
from market.chain.reads import ChainReader
from market.chain.submit import Call
from market.chain.transport import Transport
from market.chain.wallet import Wallet


def create_address(sender: str, nonce: int) -> str:
    """Return the address at which the sender's transaction `nonce` creates a contract."""
    # RLP of [address, nonce]: 20 bytes behind 0x94; a number below 128 as itself, else n bytes behind 0x80 + n.
    number = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    item = number if nonce and nonce < 0x80 else bytes([0x80 + len(number)]) + number
    body = b"\x94" + bytes.fromhex(sender[2:]) + item
    return str(to_checksum_address(keccak(bytes([0xC0 + len(body)]) + body)[12:]))


async def deploy(transport: Transport, account: LocalAccount, *, operator: str, parameters: Parameters) -> Deployment:
    """Deploy and return the record; the token supply goes to the deploying account.

    Raises ContractRevert when a constructor refuses its numbers, ContractMissing when a contract is not where computed.
    """
    chain_id = int(await transport.request("eth_chainId"), 16)
    first_nonce = await submit.mined_count(transport, account.address)
    addresses = [create_address(account.address, first_nonce + place) for place in range(len(CONTRACTS))]
    token, bonds, jobs, games, disputes, channels = addresses
    deployment = Deployment(
        chain_id=chain_id,
        genesis_hash=await genesis_hash(transport),
        token=token,
        bonds=bonds,
        jobs=jobs,
        games=games,
        disputes=disputes,
        channels=channels,
        operator=to_checksum_address(operator),
        deployed_block=(await latest_header(transport)).number + 1,
    )
    wallet = Wallet(transport, account, chain_id=chain_id)
    for name in CONTRACTS:
        data = encode_constructor(name, *_arguments(name, deployment, parameters))
        await wallet.send(Call(to=None, data=data))
    await ChainReader(transport, deployment).check_chain()
    return deployment


def _arguments(name: str, deployment: Deployment, parameters: Parameters) -> list[Any]:
    """Match constructor parameters by name; a name that means nothing here is a KeyError, never a guess."""
    known = {
        **asdict(parameters),
        "token": deployment.token,
        "bonds": deployment.bonds,
        "jobs": deployment.jobs,
        "games": deployment.games,
        "disputes": deployment.disputes,
    }
    constructor = contract(name).constructor
    return [_argument(part, known) for part in (constructor.inputs if constructor else ())]


def _argument(part: Parameter, known: dict[str, Any]) -> Any:
    if part.components:
        return tuple(_argument(member, known) for member in part.components)
    return known[snake_case(part.name).strip("_")]
