"""Server-sent events (WHATWG HTML, section 9.2.6) as parsed blocks. Pure: lines in, events out."""

from collections.abc import AsyncIterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    """One event. id: the last id seen in the stream so far."""

    id: str
    name: str
    data: str


async def parse(lines: AsyncIterator[str]) -> AsyncIterator[ServerEvent]:
    """Yield events from lines without their ends; comments and a cut last block are dropped, as the standard says."""
    last_id, name, data = "", "", list[str]()
    async for line in lines:
        if not line:
            if data:
                yield ServerEvent(id=last_id, name=name or "message", data="\n".join(data))
            name, data = "", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "id" and "\0" not in value:
            last_id = value
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)
