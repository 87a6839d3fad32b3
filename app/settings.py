"""Every setting of the service, read from the environment as `EIGENSCOPE_<NAME>`. docs/operations.md explains them."""

import os
import re
from functools import cached_property, lru_cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator, model_validator
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
    database_password: SecretStr | None = None  # as it is, for a URL without one: in a URL it would have to be escaped
    broker_url: str | None = None  # a queue in the data folder, and one supervised worker, where None
    broker_password: SecretStr | None = None
    queue_prefix: str = Field("eigenscope", pattern=r"^[A-Za-z0-9_-]{1,40}$")

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()  # names by which browsers reach us, beside loopback
    token: SecretStr | None = None
    log: Literal["text", "json"] = "text"  # how lines of the log are written
    proxy_addresses: Annotated[tuple[str, ...], NoDecode] = ()  # networks of proxies whose word counts: 10.1.0.0/16
    proxy_user_header: str | None = None  # in which such a proxy says who signed in there; off where None
    proxy_scope: Literal["read", "write", "admin"] = "write"  # what they may do

    rate_limit: int = Field(1200, ge=0)  # requests of one caller in a minute; 0: as many as they like
    quota_bytes: int = Field(1024 * GIB, ge=0)  # of a project's files, each time that one refers to them
    quota_files: int = Field(10_000, ge=0)
    quota_tensors: int = Field(2_000_000, ge=0)
    tensor_limit: int = Field(100_000, ge=1)  # of one checkpoint
    quota_runs: int = Field(100, ge=0)  # waiting or running at once
    quota_results: int = Field(GIB, ge=0)  # bytes of results kept for later runs; what is least used goes first
    keep_days: float = Field(7.0, ge=0)  # weights go so long after their last analysis; reports stay. 0: never
    trash_days: float = Field(7.0, ge=0)  # what was deleted on a page can be restored for so long
    keep_results_days: float = Field(30.0, ge=0)  # results that later runs find again go so long after their last use

    webhook_hosts: Annotated[tuple[str, ...], NoDecode] = ()  # names and networks; none: webhooks are off
    waiting_limit: int = Field(200, ge=0)  # requests that may wait for a run's end at the same time
    stream_limit: int = Field(500, ge=0)  # listeners that may follow runs at the same time

    upload_limit: int = Field(64 * GIB, ge=1)  # bytes in one upload, all its files together
    upload_files: int = Field(1000, ge=1)
    upload_keep_seconds: float = Field(86400.0, gt=0)  # an upload that nobody goes on with or uses goes after so long
    upload_idle_seconds: float = Field(60.0, gt=0)  # a piece of an upload that is silent for so long is cut off
    disk_reserve: int = Field(GIB // 4, ge=0)  # bytes of the disk that uploads leave free

    source_roots: Annotated[tuple[Path, ...], NoDecode] = ()  # folders that checkpoints may be read from
    source_stores: Annotated[tuple[str, ...], NoDecode] = ()  # object stores likewise, as s3://bucket/prefix
    source_hub: bool = False  # whether models may be downloaded from the Hugging Face Hub
    source_hub_endpoint: str | None = None  # another hub; HF_ENDPOINT where None

    lease_seconds: float = Field(30.0, gt=0)  # a worker that does not respond for this long counts as dead
    sweep_seconds: float = Field(2.0, gt=0)
    attempts: int = Field(3, ge=1)
    restart_seconds: float = Field(0.5, gt=0)  # pause before the embedded worker is started again; grows to 40 times
    memory_limit: int | None = Field(None, ge=1)  # bytes that one tensor may take; None: what is available
    unit_limit_seconds: int = Field(7200, ge=1)  # one unit of work is ended after so long, whatever it does

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: dict[str, object]) -> dict[str, object]:
        for field in ("allowed_hosts", "proxy_addresses", "webhook_hosts"):
            value = values.get(field)
            if isinstance(value, str):
                values = {**values, field: _split(value.lower(), ",")}
        return values

    @model_validator(mode="before")
    @classmethod
    def _split_sources(cls, values: dict[str, object]) -> dict[str, object]:
        for name, separator in (("source_roots", ":"), ("source_stores", ",")):
            text = values.get(name)
            if isinstance(text, str):
                values = {**values, name: _split(text, separator)}
        return values

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        for root in self.source_roots:
            if not root.is_absolute() or ".." in root.parts:
                raise ValueError(f"EIGENSCOPE_SOURCE_ROOTS: “{root}” is not an absolute path")
        for store in self.source_stores:
            if not re.match(r"[a-z0-9]+://[^/]", store):
                raise ValueError(f"EIGENSCOPE_SOURCE_STORES: “{store}” is not of the form s3://bucket/prefix")
        return self

    @field_validator("database_url")
    @classmethod
    def _absolute(cls, url: str | None) -> str | None:
        """A relative SQLite file is of the folder that we start in: the worker starts in another."""
        scheme, slashes, path = (url or "").partition(":///")
        relative = scheme.startswith("sqlite") and path and path[0] not in "/:"
        return f"{scheme}{slashes}{Path(path).absolute()}" if relative else url

    @field_validator("proxy_addresses")
    @classmethod
    def _are_networks(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            ip_network(text)  # says what is wrong with it
        return texts

    @model_validator(mode="after")
    def _closed_unless_guarded(self) -> Self:
        if self.token is not None and len(self.token.get_secret_value()) < 16:
            raise ValueError("EIGENSCOPE_TOKEN is shorter than 16 characters: create one with `openssl rand -hex 24`")
        if self.token is None and not is_loopback(self.host):
            raise ValueError(
                f"EIGENSCOPE_HOST={self.host} would open the service to the network without a password: "
                "set EIGENSCOPE_TOKEN too, or use 127.0.0.1"
            )
        return self

    @property
    def is_embedded(self) -> bool:
        """Whether the service brings its own queue and worker."""
        return self.broker_url is None

    @cached_property
    def database(self) -> str:
        """The database's URL, with the driver that we use."""
        url = self.database_url or f"sqlite:///{self.data_dir.absolute() / 'eigenscope.db'}"
        url = with_password(url, self.database_password)
        scheme, separator, rest = url.partition("://")
        return f"postgresql+psycopg{separator}{rest}" if scheme in ("postgres", "postgresql") else url

    @property
    def broker(self) -> str | None:
        """The broker's URL with its password; None in the embedded mode."""
        return None if self.broker_url is None else with_password(self.broker_url, self.broker_password)


def with_password(url: str, password: SecretStr | None) -> str:
    """The URL with the password in it, escaped; as it is where it has one, or names no host.

    >>> with_password("redis://broker:6379/0", SecretStr("p@ss/word"))
    'redis://:p%40ss%2Fword@broker:6379/0'
    """
    scheme, separator, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    user, _, host = place.rpartition("@")
    if password is None or not host or ":" in user:
        return url
    return f"{scheme}{separator}{user}:{quote(password.get_secret_value(), safe='')}@{host}{slash}{path}"


def _split(text: str, between: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(between) if part.strip())


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
