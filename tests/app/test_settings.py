"""Settings: defaults that are safe, and refusals that say what to do."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import Settings, is_loopback


def test_a_relative_sqlite_file_is_of_the_folder_that_we_start_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings(database_url="sqlite:///x.db").database == f"sqlite:///{tmp_path}/x.db"
    assert Settings(database_url="sqlite:////var/x.db").database == "sqlite:////var/x.db"
    assert Settings(database_url="sqlite:///:memory:").database == "sqlite:///:memory:"


def test_the_defaults_are_the_embedded_mode(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    settings = Settings()
    assert settings.is_embedded
    assert settings.data_dir == tmp_path / "eigenscope"
    assert settings.database == f"sqlite:///{tmp_path}/eigenscope/eigenscope.db"
    assert settings.host == "127.0.0.1"


def test_without_xdg_the_data_lie_in_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings().data_dir == tmp_path / ".local" / "share" / "eigenscope"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_is_spoken_to_with_psycopg(scheme: str) -> None:
    assert Settings(database_url=f"{scheme}://db/x").database == "postgresql+psycopg://db/x"


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EIGENSCOPE_BROKER_URL", "redis://cache")
    monkeypatch.setenv("EIGENSCOPE_ALLOWED_HOSTS", "Lab.example, localhost:81 ,")
    settings = Settings()
    assert not settings.is_embedded
    assert settings.allowed_hosts == ("lab.example", "localhost:81")


def test_another_address_needs_a_token() -> None:
    with pytest.raises(ValidationError, match="set EIGENSCOPE_TOKEN"):
        Settings(host="0.0.0.0")
    with pytest.raises(ValidationError, match="openssl rand"):
        Settings(host="0.0.0.0", token="short")
    assert Settings(host="0.0.0.0", token="x" * 16).host == "0.0.0.0"


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("", False),
     ("localhost.evil.example", False), ("10.0.0.1", False)],
)  # fmt: skip
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_every_setting_is_explained() -> None:
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    for name in Settings.model_fields:
        assert f"| `EIGENSCOPE_{name.upper()}` |" in text, name
