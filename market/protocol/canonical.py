"""Canonical JSON: one byte string per document, so that a document can be hashed and signed.

Decides what may stand in a signed document: objects with string keys, lists, strings, integers, booleans and null.
Never floats: their text form differs between languages. A number that is not an integer travels as a string made by
`float_to_text` (C99 hexadecimal, exact). Keys are sorted by code point, no whitespace, UTF-8, no escapes beyond JSON's.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

from market.protocol.errors import CommonwattError

Pairs = Callable[[list[tuple[str, Any]]], Any]

MAX_DEPTH: Final = 32
_STRING: Final = re.compile(rb'"(?:[^"\\]+|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_TURN: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCanonical(CommonwattError):
    """The document is not canonical JSON."""

    path: str
    reason: str


def encode(document: Any) -> bytes:
    """Return the canonical bytes of a document; raises NotCanonical with the path of the first offending value."""
    _check(document, "$")
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def decode(data: bytes, *, max_bytes: int = 64 << 20) -> Any:
    """Parse bytes that must already be canonical; raises NotCanonical when encoding the value gives other bytes."""
    if len(data) > max_bytes:
        raise NotCanonical(path="$", reason=f"{len(data)} bytes exceed the limit of {max_bytes}")
    document = parse(data)
    try:
        same = encode(document) == data
    except UnicodeEncodeError as error:
        raise NotCanonical(path="$", reason=f"a string is not Unicode: {error}") from error
    if not same:
        raise NotCanonical(path="$", reason="bytes differ from the canonical encoding of the same document")
    return document


def parse(data: bytes, *, object_pairs_hook: Pairs | None = None) -> Any:
    """Parse any UTF-8 JSON from a stranger; raises NotCanonical when it is none, or nested deeper than MAX_DEPTH.

    Python's parser recurses on the C stack, and a library that raises the recursion limit (py_ecc does, and comes with
    eth-account) turns a deep document into a crash of the process. So depth is counted first.
    """
    brackets = _STRING.sub(b"", data).translate(None, _NOT_BRACKETS)
    if max(accumulate(map(_TURN.__getitem__, brackets)), default=0) > MAX_DEPTH:
        raise NotCanonical(path="$", reason=f"nested deeper than {MAX_DEPTH}")
    try:
        return json.loads(data.decode(), object_pairs_hook=object_pairs_hook)
    except (ValueError, RecursionError) as error:
        raise NotCanonical(path="$", reason=f"not JSON: {error}") from error


def float_to_text(value: float) -> str:
    """Return the exact hexadecimal text of a finite or infinite binary64 number."""
    return value.hex()


def text_to_float(text: str) -> float:
    """Invert float_to_text; raises ValueError for text that it would not have written."""
    value = float.fromhex(text)
    if value.hex() != text:
        raise ValueError(f"{text!r} is not the exact hexadecimal form of a number")
    return value


def _check(value: Any, path: str) -> None:
    if value is None or isinstance(value, str | bool | int):
        return
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise NotCanonical(path=path, reason=f"key {key!r} is not a string")
            _check(item, f"{path}.{key}")
    else:
        raise NotCanonical(path=path, reason=f"{type(value).__name__} may not stand in a signed document")
