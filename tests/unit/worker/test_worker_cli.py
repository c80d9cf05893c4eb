"""`commonwatt worker` from outside: keys, refusals, sentences."""

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner
from eth_account import Account

from worker.main import worker


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.delenv("COMMONWATT_WORKER_PASSWORD", raising=False)
    return CliRunner()


def init(runner: CliRunner, home: Path, password: str = "correct horse") -> str:
    (home.parent / "password").write_text(f"{password}\nnot part of it\n")
    done = runner.invoke(
        worker,
        ["init", "--home", str(home), "--password-file", str(home.parent / "password"), "--light-keystore-for-devnet"],
    )
    assert done.exit_code == 0, done.output
    return done.output


def test_init_makes_an_encrypted_key_that_its_owner_alone_can_read(runner: CliRunner, tmp_path: Path) -> None:
    said = init(runner, tmp_path / "home")
    path = tmp_path / "home" / "keystore.json"

    account = Account.from_key(Account.decrypt(json.loads(path.read_text()), "correct horse"))

    assert account.address in said
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_init_never_prints_the_key(runner: CliRunner, tmp_path: Path) -> None:
    said = init(runner, tmp_path / "home")
    document = json.loads((tmp_path / "home" / "keystore.json").read_text())

    assert Account.decrypt(document, "correct horse").hex() not in said


def test_init_does_not_overwrite_a_key(runner: CliRunner, tmp_path: Path) -> None:
    init(runner, tmp_path / "home")
    before = (tmp_path / "home" / "keystore.json").read_bytes()

    again = runner.invoke(worker, ["init", "--home", str(tmp_path / "home")])

    assert again.exit_code == 1
    assert "never written over another" in again.output
    assert (tmp_path / "home" / "keystore.json").read_bytes() == before


def test_the_password_may_come_from_the_environment(
    runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMMONWATT_WORKER_PASSWORD", "from outside")
    monkeypatch.setenv("COMMONWATT_WORKER_HOME", str(tmp_path / "home"))
    done = runner.invoke(worker, ["init", "--light-keystore-for-devnet"])
    document = json.loads((tmp_path / "home" / "keystore.json").read_text())

    assert done.exit_code == 0, done.output
    assert len(Account.decrypt(document, "from outside")) == 32


def test_without_a_password_and_without_a_terminal_it_says_what_to_do(runner: CliRunner, tmp_path: Path) -> None:
    done = runner.invoke(worker, ["init", "--home", str(tmp_path / "home")])

    assert done.exit_code == 1
    assert "--password-file or COMMONWATT_WORKER_PASSWORD" in done.output


@pytest.mark.parametrize("command", ["run", "status", "settle", "leave"])
def test_a_command_that_needs_a_market_says_so(runner: CliRunner, tmp_path: Path, command: str) -> None:
    init(runner, tmp_path / "home")
    arguments = [command, "--home", str(tmp_path / "home")]
    arguments += [] if command == "status" else ["--password-file", str(tmp_path / "password")]

    done = runner.invoke(worker, arguments)

    assert done.exit_code == 1
    assert "has not joined a market yet" in done.output


def test_a_wrong_password_is_one_sentence(runner: CliRunner, tmp_path: Path) -> None:
    init(runner, tmp_path / "home")
    (tmp_path / "password").write_text("wrong\n")

    done = runner.invoke(
        worker,
        ["join", "--home", str(tmp_path / "home"), "--password-file", str(tmp_path / "password"),
         "--bond-wei", "1", "--price-wei-per-gigaflop", "1"],
    )  # fmt: skip

    assert done.exit_code == 1
    assert "does not open" in done.output
    assert "Traceback" not in done.output


def test_joining_says_what_it_needs(runner: CliRunner, tmp_path: Path) -> None:
    done = runner.invoke(worker, ["run", "--join", "--home", str(tmp_path / "home")])

    assert done.exit_code == 2
    assert "joining needs --bond-wei" in done.output


def test_isolation_that_does_not_exist_is_refused(runner: CliRunner, tmp_path: Path) -> None:
    done = runner.invoke(worker, ["run", "--home", str(tmp_path), "--isolation", "hope"])

    assert done.exit_code == 2
    assert "bubblewrap" in done.output
