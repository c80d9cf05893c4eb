"""Decides whether slither's findings are the ones that have been looked at and explained.

A finding is known by its detector and the thing it is about (`Jobs._close`, `Jobs._close.voided`), never by a line, so
an explanation survives whatever moves the code. Explanations are counted: a second finding of the same kind in the same
function is a new one. Never judges a finding itself; a person does, in one sentence.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

JUDGED = frozenset({"High", "Medium"})
FIELDS = frozenset({"detector", "element", "reason", "times"})

Key = tuple[str, str]


def read(report: Mapping[str, Any]) -> Counter[Key]:
    """Return how often each (detector, element) is found in slither's JSON report."""
    if not report["success"]:
        raise ValueError(f"slither failed: {report['error']}")
    detected = report["results"].get("detectors", [])
    return Counter((found["check"], _element(found["elements"][0])) for found in detected if found["impact"] in JUDGED)


def compare(found: Mapping[Key, int], explained: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a line for each finding that is not explained, and for each explanation of nothing or without a reason."""
    allowed: dict[Key, int] = {}
    problems = []
    for entry in explained:
        key = (entry["detector"], entry["element"])
        if not entry.get("reason", "").strip() or not FIELDS.issuperset(entry) or key in allowed:
            problems.append(f"not an explanation, or a second one: {key[0]} of {key[1]}")
        allowed[key] = entry.get("times", 1)
    for key in sorted(found.keys() | allowed.keys()):
        seen, expected = found.get(key, 0), allowed.get(key, 0)
        if seen > expected:
            problems.append(f"not explained: {key[0]} of {key[1]} ({seen} found, {expected} explained)")
        elif seen < expected:
            problems.append(f"explained but gone: {key[0]} of {key[1]} ({seen} found, {expected} explained)")
    return problems


def _element(element: Mapping[str, Any]) -> str:
    parent = element.get("type_specific_fields", {}).get("parent")
    if element["type"] == "node":
        return _element(parent)
    is_inside = parent is not None and parent["type"] in {"contract", "function"}
    return f"{_element(parent)}.{element['name']}" if is_inside else str(element["name"])
