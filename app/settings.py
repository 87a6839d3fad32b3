"""Every setting of the service, read from the environment as `EIGENSCOPE_<NAME>`. docs/operations.md explains them."""

import os
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

GIB = 1 << 30


def _default_data_dir() -> Path:
    """The user's data folder by the XDG convention, so that `serve` finds the same data from any folder."""
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "share") / "eigenscope"


class Settings(BaseSettings):
    """What can be set. The defaults are the embedded mode: one machine, one command, no server beside it."""

    model_config = SettingsConfigDict(env_prefix="EIGENSCOPE_", frozen=True)

    data_dir: Path = Field(default_factory=_default_data_dir)
    database_url: str | None = None  # SQLite in the data folder where None
    broker_url: str | None = None  # a queue in the data folder, and one supervised worker, where None
    queue_prefix: str = Field("eigenscope", pattern=r"^[A-Za-z0-9_-]{1,40}$")

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()  # names by which browsers reach us, beside loopback
    token: SecretStr | None = None

    upload_limit: int = Field(64 * GIB, ge=1)  # bytes in one upload, all its files together
    upload_files: int = Field(1000, ge=1)
    disk_reserve: int = Field(GIB // 4, ge=0)  # bytes of the disk that uploads leave free

    lease_seconds: float = Field(30.0, gt=0)  # a worker that is silent for so long is taken for dead
    sweep_seconds: float = Field(2.0, gt=0)
    attempts: int = Field(3, ge=1)
    restart_seconds: float = Field(0.5, gt=0)  # pause before the embedded worker is started again; grows to 40 times
    memory_limit: int | None = Field(None, ge=1)  # bytes that one tensor may take; None: what is available
    unit_limit_seconds: int = Field(7200, ge=1)  # one unit of work is ended after so long, whatever it does

    @model_validator(mode="before")
    @classmethod
    def _split_hosts(cls, values: dict[str, object]) -> dict[str, object]:
        hosts = values.get("allowed_hosts")
        if isinstance(hosts, str):
            names = (name.strip().lower() for name in hosts.split(","))
            values = {**values, "allowed_hosts": tuple(name for name in names if name)}
        return values

    @model_validator(mode="after")
    def _closed_unless_guarded(self) -> Self:
        if self.token is not None and len(self.token.get_secret_value()) < 16:
            raise ValueError("EIGENSCOPE_TOKEN is shorter than 16 characters: make one with `openssl rand -hex 24`")
        if self.token is None and not is_loopback(self.host):
            raise ValueError(
                f"EIGENSCOPE_HOST={self.host} would open the service to the network without a password: "
                "set EIGENSCOPE_TOKEN as well, or keep to 127.0.0.1"
            )
        return self

    @property
    def embedded(self) -> bool:
        """Whether the service brings its own queue and worker."""
        return self.broker_url is None

    @cached_property
    def database(self) -> str:
        """The database's URL, with the driver that we use."""
        url = self.database_url or f"sqlite:///{self.data_dir.absolute() / 'eigenscope.db'}"
        scheme, separator, rest = url.partition("://")
        return f"postgresql+psycopg{separator}{rest}" if scheme in ("postgres", "postgresql") else url


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
