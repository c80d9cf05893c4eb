"""Decides what a change of one source can touch: which contracts get other bytecode, and which suites deploy them.

Reads the compiler's ASTs of all our sources and tests, nothing else. Internal library functions are inlined, so a
change in a library reaches each contract that names what changed, through other libraries too, and so does one in an
interface or in what a file declares outside of any contract; a change in a contract reaches whoever inherits it or
creates it with `new`. Tests deploy by name (`vm.deployCode("Jobs.sol:Jobs")`), so a suite touches a contract when its
own code, what it inherits or what it creates holds that name as a string. Errs to too much, never to too little.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Node = dict[str, Any]
Artifact = tuple[str, str]  # source name, contract name
DEPLOYED = re.compile(r"(?:\w+\.sol:)?(\w+)")


@dataclass(frozen=True)
class Contract:
    """What the graph keeps of a contract or interface, of one declaration of a library, or of one outside of them."""

    artifact: Artifact
    is_copied: bool  # its users hold its code or its types, not its address
    has_code: bool
    bases: frozenset[int]  # itself included
    creates: frozenset[int]
    uses: frozenset[int]  # whatever its code names
    strings: frozenset[str]

    def holds(self, changed: str) -> bool:
        """Return whether `changed` (Contract.function, or nothing for all) lies in it."""
        return self.artifact[1] in {changed, changed.split(".", maxsplit=1)[0]} if changed else True


class Graph:
    """Who is built from what."""

    def __init__(self, asts: dict[str, Node]) -> None:
        """Take the AST of every source that may use another."""
        units = [(file, unit) for file, ast in asts.items() for unit in _units(ast)]
        owners = {node["id"]: unit["id"] for _, unit in units for node in _nodes(unit) if "id" in node}
        self._contracts = {unit["id"]: _contract(file, unit, owners) for file, unit in units}

    def touched(self, files: set[str], changed: str = "") -> set[Artifact]:
        """Return the artifacts that can differ when these files change, or only `changed` (Contract.function)."""
        starts = {one for one, unit in self._contracts.items() if unit.artifact[0] in files and unit.holds(changed)}
        return {self._contracts[one].artifact for one in self._reached(starts) if self._contracts[one].has_code}

    def suites(self, artifacts: set[Artifact]) -> set[str]:
        """Return the test files that deploy one of the artifacts, or are among them."""
        names = {name for _, name in artifacts}
        return {
            contract.artifact[0]
            for contract in self._contracts.values()
            if contract.artifact[0].endswith(".t.sol")
            and (contract.artifact in artifacts or names & self._names(contract))
        }

    def _reached(self, starts: set[int]) -> set[int]:
        reached = set(starts)
        while True:
            copied = {one for one in reached if self._contracts[one].is_copied}
            more = {
                one
                for one, contract in self._contracts.items()
                if contract.bases & reached or contract.creates & reached or contract.uses & copied
            }
            if more <= reached:
                return reached
            reached |= more

    def _names(self, contract: Contract) -> set[str]:
        parts = self._closure(contract)
        return {found[1] for part in parts for word in part.strings if (found := DEPLOYED.fullmatch(word))}

    def _closure(self, contract: Contract) -> list[Contract]:
        seen: dict[int, Contract] = {}
        rest = set(contract.bases | contract.creates)
        while rest:
            one = rest.pop()
            if one in self._contracts and one not in seen:
                seen[one] = self._contracts[one]
                rest |= seen[one].bases | seen[one].creates
        return list(seen.values())


def _contract(file: str, node: Node, owners: dict[int, int]) -> Contract:
    references = {owners.get(one) for inner in _nodes(node) for one in _references(inner)}
    literals = [inner for inner in _nodes(node) if inner["nodeType"] == "Literal" and inner["kind"] == "string"]
    kind = node.get("contractKind", "")
    return Contract(
        artifact=(file, node.get("name", "")),
        is_copied=kind != "contract",
        has_code=kind == "contract" and not node.get("abstract", False),
        bases=frozenset(node.get("linearizedBaseContracts", [])),
        creates=frozenset(node.get("contractDependencies", [])),
        uses=frozenset(one for one in references if one is not None and one != node["id"]),
        strings=frozenset(literal["value"] for literal in literals if literal["value"]),
    )


def _references(node: Node) -> Iterator[int]:
    if declared := node.get("referencedDeclaration"):
        yield declared
    yield from (reference["declaration"] for reference in node.get("externalReferences", []))  # by assembly


def _units(ast: Node) -> Iterator[Node]:
    """Yield each contract and interface, and the declarations of libraries and of the file one by one."""
    for node in ast["nodes"]:
        if node.get("contractKind") == "library":
            yield from ({**member, "name": f"{node['name']}.{member.get('name', '')}"} for member in node["nodes"])
        else:
            yield node


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for value in node.values():
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, dict) and "nodeType" in child:
                yield from _nodes(child)
