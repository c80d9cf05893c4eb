"""Server-sent events as the standard reads them."""

from collections.abc import AsyncIterator

import pytest

from market.client.sse import ServerEvent, parse


async def lines(text: str) -> AsyncIterator[str]:
    for line in text.split("\n"):
        yield line


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("id: 1\nevent: a.b\ndata: {}\n\n", [ServerEvent(id="1", name="a.b", data="{}")]),
        ("data:x\ndata: y\n\n", [ServerEvent(id="", name="message", data="x\ny")]),
        (": comment\n\nid: 4\n\ndata: z\n\n", [ServerEvent(id="4", name="message", data="z")]),
        ("data: cut before its blank line", []),
        ("retry: 9\nunknown: 1\ndata\n\n", [ServerEvent(id="", name="message", data="")]),
    ],
)
async def test_a_stream_is_read_as_the_standard_says(text: str, events: list[ServerEvent]) -> None:
    assert [event async for event in parse(lines(text))] == events
