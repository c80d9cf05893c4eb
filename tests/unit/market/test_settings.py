"""What a process is told from outside: defaults that work on a laptop, and mistakes that are named."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from market.settings import Mode, Settings


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("COMMONWATT_")]:
        monkeypatch.delenv(name)


def test_without_any_setting_everything_lies_in_the_home_folder() -> None:
    settings = Settings(home=Path("/somewhere"))
    assert settings.database_url == "sqlite+aiosqlite:////somewhere/market.sqlite3"
    assert settings.artifact_folder == Path("/somewhere/artifacts")
    assert settings.deployment_file == Path("/somewhere/deployment.json")
    assert settings.tasks.mode is Mode.EMBEDDED


def test_the_environment_sets_one_value_of_a_room_and_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMONWATT_API__PORT", "9000")
    settings = Settings()
    assert (settings.api.port, settings.api.host) == (9000, "127.0.0.1")


def test_what_the_command_line_gives_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMONWATT_API__PORT", "9000")
    monkeypatch.setenv("COMMONWATT_API__HOST", "0.0.0.0")
    settings = Settings(api={"port": 9001})  # type: ignore[arg-type]
    assert (settings.api.port, settings.api.host) == (9001, "0.0.0.0")


def test_a_misspelt_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMONWATT_API__PROT", "9000")
    with pytest.raises(ValidationError, match="prot"):
        Settings()


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMONWATT_OPERATOR__PASSPHRASE", "correct horse")
    monkeypatch.setenv("COMMONWATT_DATABASE__URL", "postgresql+asyncpg://market:battery@db/market")
    shown = repr(Settings())
    assert "horse" not in shown
    assert "battery" not in shown


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValidationError):
        Settings().api.port = 1  # type: ignore[misc]
