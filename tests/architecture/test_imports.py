"""The import arrows of DESIGN.md section 3 hold."""

import subprocess
import sys

from tests.architecture.tree import ROOT


def test_every_room_imports_only_what_stands_below_it() -> None:
    program = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"

    linted = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_the_domain_is_forbidden_clocks_dice_and_files() -> None:
    program = (
        "import time, random, os\nfrom datetime import datetime\nnow = (time.time(), datetime.now(), random.random())\n"
    )
    arguments = ["-m", "ruff", "check", "--select", "TID251", "--no-cache", "--output-format", "concise"]

    linted = subprocess.run(
        [sys.executable, *arguments, "--stdin-filename", "market/domain/seeded.py", "-"],
        cwd=ROOT, capture_output=True, text=True, input=program, check=False,
    )  # fmt: skip

    for banned in ("`time`", "`random`", "`os`", "`datetime.datetime.now`"):
        assert banned in linted.stdout, linted.stdout + linted.stderr
