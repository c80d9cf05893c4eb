"""Decides which small changes of one Solidity source are worth a test's attention: its mutants, from the AST.

Byte ranges come from the AST, so no mutant ever lies in a comment, a string or a type. Never compiles and never reads a
file. The same source gives the same mutants in the same order, and each has an id that no line number enters: it names
the function and hashes the statement, so an id (and what was written about it) dies with the statement it speaks of.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from mutate_changes import CHANGES, STATEMENTS, Change, Node, none, text_of


@dataclass(frozen=True)
class Mutant:
    """One change of one source: bytes [start, end) become `mutated`."""

    file: str
    function: str  # Contract.function
    operator: str
    statement: str  # the statement it lies in, white space folded
    original: str
    mutated: str
    start: int
    end: int
    ordinal: int = field(default=0)  # among changes that read alike in the same function

    @property
    def id(self) -> str:
        """Return the name under which results and explanations are kept."""
        read = (self.statement, self.original, self.mutated, str(self.ordinal))
        words = "\0".join((self.file, self.function, self.operator, *read))
        return f"{self.function}.{self.operator}.{hashlib.sha256(words.encode()).hexdigest()[:8]}"

    def applied(self, source: str) -> str:
        """Return the source with this one change."""
        text = source.encode()
        return (text[: self.start] + self.mutated.encode() + text[self.end :]).decode()


@dataclass(frozen=True)
class Place:
    """Where the walk stands: names and the innermost statement."""

    contract: str = ""
    function: str = ""
    statement: Node | None = None


def mutants_of(file: str, source: str, ast: Node) -> list[Mutant]:
    """Return every mutant of the source, in the order of its bytes."""
    text = source.encode()
    seen: Counter[tuple[str, ...]] = Counter()
    found = []
    for place, (operator, start, end, mutated) in sorted(_walk(ast, Place(), text), key=lambda item: item[1][1:]):
        original = text[start:end].decode()
        name = ".".join(part for part in (place.contract, place.function) if part)
        statement = " ".join(text_of(place.statement, text).split()) if place.statement else original
        key = (name, operator, statement, original, mutated)
        found.append(Mutant(file, name, operator, statement, original, mutated, start, end, seen[key]))
        seen[key] += 1
    return found


def _walk(node: Node, place: Place, text: bytes) -> Iterator[tuple[Place, Change]]:
    if node["nodeType"].endswith("TypeName") or node.get("functionName", {}).get("name") == "revert":
        return  # a type is no code, and what a bare revert of assembly reads from memory is nothing anyway
    place = _place(node, place)
    for change in CHANGES.get(node["nodeType"], none)(node, text):
        yield place, change
    for name, child in _children(node):
        inside = replace(place, statement=child) if name == "condition" and not place.statement else place
        for kept in _steps(name, child):
            yield from _walk(kept, inside, text)


def _place(node: Node, place: Place) -> Place:
    kind = node["nodeType"]
    if kind == "ContractDefinition":
        return Place(node["name"])
    if kind in {"FunctionDefinition", "ModifierDefinition"}:
        return Place(place.contract, node["name"] or node["kind"])
    if kind == "VariableDeclaration" and not place.function:
        return Place(place.contract, node["name"], node)
    return replace(place, statement=node) if kind in STATEMENTS else place


def _steps(name: str, child: Node) -> list[Node]:
    """Return the child, or of a loop's step what may change: a loop without it never ends, which tells nothing."""
    if name == "loopExpression":
        return [child["expression"]]
    if name == "post":
        return [step["value"] for step in child["statements"] if "value" in step]
    return [child]


def _children(node: Node) -> Iterator[tuple[str, Node]]:
    for name, value in node.items():
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, dict) and "nodeType" in child:
                yield name, child
