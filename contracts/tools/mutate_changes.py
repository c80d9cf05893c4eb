"""Decides how each kind of node of the compiler's AST may be changed: the operators of the mutation tests.

One function a kind, each from a node and the source's bytes to changes of a byte range. Yul is changed too, under one
operator of its own. Never looks at more than its node, and never at a node's comments.
"""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

Node = dict[str, Any]
Change = tuple[str, int, int, str]  # operator, first byte, byte past the last, new text

SWAPS = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||", "||": "&&",
    "+": "-", "-": "+", "*": "/", "/": "*", "%": "*", "<<": ">>", ">>": "<<", "&": "|", "|": "&", "^": "&",
}  # fmt: skip
YUL_SWAPS = {
    "add": "sub", "sub": "add", "mul": "add", "lt": "gt", "gt": "lt",
    "shl": "shr", "shr": "shl", "and": "or", "or": "and",
}  # fmt: skip
LOGICAL, RELATIONAL = {"&&", "||"}, {"<", "<=", ">", ">=", "==", "!="}
STEPS = {"++": "--", "--": "++"}
CHOICES = {"min": "max", "max": "min"}
ORDERLESS = {"min", "max", "average"}  # swapping their arguments changes nothing
FREE_POINTER = "0x40"  # where free memory begins is no number of ours; one off is still free memory
# Statements that hold no others: what a mutant is shown and hashed with.
STATEMENTS = {
    "EmitStatement", "ExpressionStatement", "PlaceholderStatement", "Return", "RevertStatement",
    "VariableDeclarationStatement", "YulAssignment", "YulExpressionStatement", "YulVariableDeclaration",
}  # fmt: skip


def _range(node: Node) -> tuple[int, int]:
    start, length, _ = map(int, node["src"].split(":"))
    return start, start + length


def text_of(node: Node, text: bytes) -> str:
    start, end = _range(node)
    return text[start:end].decode()


def none(_node: Node, _source: bytes) -> Iterator[Change]:
    yield from ()


def _binary(node: Node, text: bytes) -> Iterator[Change]:
    sign = node["operator"]
    if sign in SWAPS:
        operator = "relation" if sign in RELATIONAL else "logic" if sign in LOGICAL else "arithmetic"
        left, right = text_of(node["leftExpression"], text), text_of(node["rightExpression"], text)
        yield operator, *_range(node), f"{left} {SWAPS[sign]} {right}"


def _assignment(node: Node, text: bytes) -> Iterator[Change]:
    sign = node["operator"]
    if sign != "=":
        left, right = text_of(node["leftHandSide"], text), text_of(node["rightHandSide"], text)
        yield "accumulate", *_range(node), f"{left} = {right}"
        if sign[:-1] in SWAPS:
            yield "arithmetic", *_range(node), f"{left} {SWAPS[sign[:-1]]}= {right}"


def _unary(node: Node, text: bytes) -> Iterator[Change]:
    inner, sign = text_of(node["subExpression"], text), node["operator"]
    if sign in STEPS:
        yield "arithmetic", *_range(node), STEPS[sign] + inner if node["prefix"] else inner + STEPS[sign]
    elif sign == "!":
        yield "logic", *_range(node), inner


def _conditional(node: Node, text: bytes) -> Iterator[Change]:
    asked, yes, no = (text_of(node[name], text) for name in ("condition", "trueExpression", "falseExpression"))
    yield "branch", *_range(node), f"{asked} ? {no} : {yes}"


def _if(node: Node, text: bytes) -> Iterator[Change]:
    yield "branch", *_range(node["condition"]), f"!({text_of(node['condition'], text)})"


def _literal(node: Node, text: bytes) -> Iterator[Change]:
    written = text_of(node, text)
    if node["kind"] == "bool":
        yield "boolean", *_range(node), "false" if written == "true" else "true"
    elif node["kind"] == "number" and not node["typeDescriptions"]["typeString"].startswith("address"):
        plain = re.fullmatch(r"[0-9]+", written)
        yield "constant", *_range(node), str(int(written) + 1) if plain else f"({written} + 1)"
        if node["value"] != "0":
            yield "constant", *_range(node), str(int(written) - 1) if plain else f"({written} - 1)"


def _member(node: Node, text: bytes) -> Iterator[Change]:
    name = node["memberName"]
    if name in CHOICES and "function" in node["typeDescriptions"]["typeString"]:
        end = _range(node)[1]
        yield "choice", end - len(name), end, CHOICES[name]


def _call(node: Node, text: bytes) -> Iterator[Change]:
    arguments, called = node["arguments"], node["expression"]
    if called.get("name") in {"require", "assert"}:
        asked = arguments[0]
        yield "check", *_range(asked), f"!({text_of(asked, text)})"
        return
    if node["kind"] == "typeConversion" or called.get("memberName") in ORDERLESS:
        return
    for left, right in pairwise(arguments):
        first, second = text_of(left, text), text_of(right, text)
        if first != second and _type(left) == _type(right):
            (start, first_end), (second_start, end) = _range(left), _range(right)
            yield "arguments", start, end, second + text[first_end:second_start].decode() + first


def _type(node: Node) -> str:
    return re.sub(r" (memory|storage|calldata|ref|pointer)\b", "", node["typeDescriptions"]["typeString"] or "")


def _modifier(node: Node, _source: bytes) -> Iterator[Change]:
    if node["kind"] == "modifierInvocation":
        yield "modifier", *_range(node), ""


def _statement(node: Node, text: bytes) -> Iterator[Change]:
    """Yield the statement's absence: `{}` stands where a statement must."""
    start, end = _range(node)
    rest = text[end:].lstrip()
    if not text[:end].endswith(b";") and rest.startswith(b";"):
        end = len(text) - len(rest) + 1
    yield _deletion(node), start, end, "{}"


def _deletion(node: Node) -> str:
    if node["nodeType"] == "EmitStatement":
        return "emit"
    called = node.get("expression", {}).get("expression", {}).get("name")
    return "check" if node["nodeType"] == "RevertStatement" or called in {"require", "assert"} else "statement"


def _yul_call(node: Node, _source: bytes) -> Iterator[Change]:
    name = node["functionName"]
    if name["name"] in YUL_SWAPS:
        yield "assembly", *_range(name), YUL_SWAPS[name["name"]]


def _yul_literal(node: Node, text: bytes) -> Iterator[Change]:
    if node["kind"] == "number" and node["value"] != FREE_POINTER:
        yield "assembly", *_range(node), str(int(text_of(node, text), 0) + 1)


def _yul_statement(node: Node, _source: bytes) -> Iterator[Change]:
    yield "assembly", *_range(node), "{}"


CHANGES: dict[str, Callable[[Node, bytes], Iterator[Change]]] = {
    "Assignment": _assignment,
    "BinaryOperation": _binary,
    "Conditional": _conditional,
    "EmitStatement": _statement,
    "ExpressionStatement": _statement,
    "FunctionCall": _call,
    "IfStatement": _if,
    "Literal": _literal,
    "MemberAccess": _member,
    "ModifierInvocation": _modifier,
    "RevertStatement": _statement,
    "UnaryOperation": _unary,
    "YulAssignment": _yul_statement,
    "YulExpressionStatement": _yul_statement,
    "YulFunctionCall": _yul_call,
    "YulLiteral": _yul_literal,
}
