"""A market that says what a test tells it to, and remembers what it was asked."""

from collections.abc import Callable, Sequence
from typing import Any

import httpx
from eth_account import Account

from market.client.http import MarketClient
from market.protocol.wire import ChainInfo

ACCOUNT = Account.from_key(b"\x01" * 32)
CHAIN = ChainInfo(
    chain_id=31337,
    rpc_url="http://127.0.0.1:8545",
    genesis_hash="0x" + "aa" * 32,
    token="0x5FbDB2315678afecb367f032d93F642f64180aa3",
    bonds="0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512",
    jobs="0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0",
    games="0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0",
    disputes="0xCf7Ed3AccA5a467e9e704C703E8D87F634fB0Fc9",
    channels="0x5FC8d32690cc91D4c39d9d3abcBD16989F875707",
    operator="0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
)

Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class ScriptedMarket:
    """Answers GET /v1/chain itself and everything else from a list, the last answer again and again."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.client = MarketClient("http://market", ACCOUNT, transport=httpx.MockTransport(self._answer))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/chain":
            return httpx.Response(200, content=CHAIN.model_dump_json())
        await request.aread()
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer


def problem(status: int, slug: str, *, headers: dict[str, str] | None = None, **facts: Any) -> httpx.Response:
    body = {"type": f"/problems/{slug}", "title": slug, "status": status, "detail": "Because.", **facts}
    return httpx.Response(status, json=body, headers={"content-type": "application/problem+json", **(headers or {})})
