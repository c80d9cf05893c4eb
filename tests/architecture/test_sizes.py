"""A stranger can read any file at a sitting, and within ten lines knows what it decides."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.tree import relative, shaped, solidity

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
MIN_DOCSTRING_CHARACTERS = 40


def python_functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def solidity_functions(path: Path) -> Iterator[tuple[str, int]]:
    source = re.sub(r"//[^\n]*", "", path.read_text())
    for found in re.finditer(r"\bfunction\s+(\w+)[^;{]*\{", source):
        depth, end = 1, found.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(source[end], 0)
            end += 1
        yield found[1], source.count("\n", found.start(), end) + 1


def test_no_file_is_longer_than_a_sitting() -> None:
    lengths = {relative(path): len(path.read_text().splitlines()) for path in shaped(".py", ".sol")}

    assert {name: lines for name, lines in lengths.items() if lines > MAX_FILE_LINES} == {}


def test_no_python_function_is_longer_than_a_screen() -> None:
    long = [
        f"{relative(path)}:{name} has {lines} lines"
        for path in shaped(".py")
        for name, lines in python_functions(path)
        if lines > MAX_FUNCTION_LINES
    ]

    assert long == []


def test_no_solidity_function_is_longer_than_a_screen() -> None:
    long = [
        f"{relative(path)}:{name} has {lines} lines"
        for path in shaped(".sol")
        for name, lines in solidity_functions(path)
        if lines > MAX_FUNCTION_LINES
    ]

    assert long == []


def test_every_module_of_the_product_opens_by_saying_what_it_is() -> None:
    silent = []
    for path in shaped(".py"):
        if relative(path).startswith(("market/", "worker/", "contracts/", "migrations/")):
            tree = ast.parse(path.read_text())
            words = ast.get_docstring(tree) or ""
            if tree.body and (len(words) < MIN_DOCSTRING_CHARACTERS or "." not in words):
                silent.append(relative(path))

    assert silent == []


def test_every_contract_opens_with_natspec() -> None:
    silent = [
        relative(path)
        for path in shaped(".sol")
        if "/src/" in path.as_posix()
        and re.search(r"^(abstract )?contract |^interface |^library ", solidity(path), re.MULTILINE)
        and not re.search(r"/// @(title|notice)", path.read_text())
    ]

    assert silent == []
