"""Writes a file of vectors, or says whether the committed one is what our code gives."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def write_or_check(made: Any, file: Path) -> int:
    """Write `made` to the file, or with --check on the command line compare; return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true", help="compare with the committed file instead of writing it")
    text = json.dumps(made, indent=1) + "\n"
    if parser.parse_args().check:
        if file.is_file() and file.read_text() == text:
            return 0
        sys.stderr.write(f"{file.name} is not what our code gives; run python -m tests.vectors.make_{file.stem}\n")
        return 1
    file.write_text(text)
    return 0
