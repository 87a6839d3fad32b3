"""Settings: defaults that are safe, and refusals that say what to do."""

from pathlib import Path

import pytest
from kombu.connection import Connection
from pydantic import SecretStr, ValidationError
from sqlalchemy import make_url

from app.settings import Settings, is_loopback, with_password


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


@pytest.mark.parametrize("password", ["plain", "p@ss:w/or%d#?&+ ", "ü’"])
def test_passwords_beside_the_addresses_need_no_escaping(password: str) -> None:
    """As psycopg and kombu read them."""
    settings = Settings(
        database_url="postgresql://eigenscope@database:5432/eigenscope",
        database_password=password,
        broker_url="redis://broker:6379/0",
        broker_password=password,
    )
    url = make_url(settings.database)
    assert (url.username, url.password, url.host, url.port, url.database) == (
        "eigenscope", password, "database", 5432, "eigenscope"
    )  # fmt: skip
    assert settings.broker is not None
    found = Connection(settings.broker).info()
    assert (found["hostname"], found["port"], found["virtual_host"], found["password"]) == (
        "broker",
        6379,
        "0",
        password,
    )
    assert password not in repr(settings)


def test_a_password_in_the_address_stays() -> None:
    assert with_password("amqp://me:mine@host:5672//", SecretStr("other")) == "amqp://me:mine@host:5672//"
    assert with_password("sqlite:////var/x.db", SecretStr("x")) == "sqlite:////var/x.db"
    assert with_password("amqp://me@[::1]:5672//", SecretStr("x/y")) == "amqp://me:x%2Fy@[::1]:5672//"
    assert Settings().broker is None


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
