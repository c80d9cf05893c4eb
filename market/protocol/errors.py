"""The root of every error that the domain, the protocol and the wire share.

An error is a named class whose annotated fields are the facts a caller needs to act. It knows nothing of HTTP; the API
room maps classes to problem details (RFC 9457) in one table, and a test proves that the table is complete.
"""

from dataclasses import FrozenInstanceError, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonwattError(Exception):
    """Base of all errors with facts. Subclasses are frozen dataclasses; the docstring's first line is the title."""

    def __init_subclass__(cls) -> None:
        # A frozen slotted dataclass refuses every later write, Python's own included: contextlib sets __traceback__ and
        # add_note sets __notes__, and both would replace the error by a TypeError. Facts stay frozen; dunders do not.
        if "__setattr__" in cls.__dict__:
            cls.__setattr__ = _set_only_dunders  # type: ignore[method-assign, assignment]

    def facts(self) -> dict[str, Any]:
        """Return the fields as a dictionary, for logs and problem details."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __str__(self) -> str:
        title = (type(self).__doc__ or type(self).__name__).strip().splitlines()[0].rstrip(".")
        facts = ", ".join(f"{name}={value}" for name, value in self.facts().items())
        return f"{title} ({facts})" if facts else title


def _set_only_dunders(error: CommonwattError, name: str, value: Any) -> None:
    if not (name.startswith("__") and name.endswith("__")):
        raise FrozenInstanceError(f"cannot assign to field {name!r}")
    object.__setattr__(error, name, value)
