"""What a market's refusal looks like in Python: one error with the problem's facts, and names for those callers act on.

Decides the translation from `application/problem+json` only. A body that is not a problem document becomes one by its
status alone, so that a proxy's error page is named too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from market.protocol.errors import CommonwattError

_STANDARD: Final = frozenset({"type", "title", "status", "detail", "instance"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketUnreachable(CommonwattError):
    """The market gives no answer."""

    url: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketProblem(CommonwattError):
    """The market refused the request.

    type: "/problems/<kebab-class-name>". members: the refusal's own facts, as the market wrote them.
    """

    status: int
    type: str
    title: str
    detail: str
    members: Mapping[str, Any]

    @property
    def slug(self) -> str:
        """The error's class name in kebab case, such as "lease-lost"."""
        return self.type.rsplit("/", 1)[-1]

    def facts(self) -> dict[str, Any]:
        return {"status": self.status, "type": self.type, "detail": self.detail, **self.members}


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentLost(MarketProblem):
    """The assignment is no longer this worker's: drop the work, nothing about it will be accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketBusy(MarketProblem):
    """The market cannot answer just now; asking again later may help."""

    retry_after_seconds: float


# The market's own class names, as slugs, of every way in which an assignment can be over for whoever held it.
_LOST: Final = frozenset({"lease-lost", "assignment-unknown", "not-your-assignment"})
_BUSY: Final = frozenset({429, 502, 503, 504})


def problem_of(response: httpx.Response) -> MarketProblem:
    """Return the refusal in a response whose body was read."""
    document = _document(response)
    known: dict[str, Any] = {
        "status": response.status_code,
        "type": str(document.get("type", "about:blank")),
        "title": str(document.get("title", response.reason_phrase)),
        "detail": str(document.get("detail", "")),
        "members": {name: value for name, value in document.items() if name not in _STANDARD},
    }
    if response.status_code in _BUSY:
        return MarketBusy(**known, retry_after_seconds=retry_after(response))
    problem = MarketProblem(**known)
    return AssignmentLost(**known) if problem.slug in _LOST else problem


def retry_after(response: httpx.Response) -> float:
    """Return the Retry-After header in seconds; 0 when absent or a date."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:
        return {"detail": response.text[:500]}
    return document if isinstance(document, dict) else {"detail": str(document)[:500]}
