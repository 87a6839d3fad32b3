"""Sources: where checkpoints may be fetched from, when an administrator allows it. What is fetched is kept as a blob.

Here an address is taken apart and held against what is allowed, without looking at what is there; a worker does that
(`workers.ingest.fetch`), and asks here again.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from analysis.formats import companions
from app import checkpoints
from app.access import audit, quotas
from app.db import Session
from app.errors import BadSource, SourceNotAllowed
from app.models import Checkpoint, Source
from app.settings import Settings
from app.work import leases

HUB = re.compile(r"hf://(?P<repo>[\w.-]+/[\w.-]+?)(@(?P<revision>[\w./-]+))?")
STORES = ("s3", "gs", "az")


class SourceFault(Exception):
    """The source cannot be read, and trying again will not help. docs/uploads.md has a table of the codes."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Address:
    """A source taken apart.

    Of a folder: `root` is the allowed folder, `path` the whole path. Of a store: `root` is scheme and bucket, `path` is
    the key or prefix. Of the hub: `root` is the repository, `path` the revision.
    """

    kind: Literal["folder", "store", "hub"]
    root: str
    path: str


@dataclass(frozen=True, slots=True)
class Found:
    """A file at a source: its name there, what to ask for it by, and what it must still be when it is read."""

    name: str
    key: str
    bytes: int
    version: str  # changes whenever the bytes do
    sha256: str | None = None  # where the source tells
    left_out: str | None = None  # why it is not fetched


def request(
    session: Session,
    settings: Settings,
    url: str,
    name: str | None,
    stated: Mapping[str, Any] = MappingProxyType({}),
) -> Checkpoint:
    """A checkpoint to be fetched from there by a worker. Raises BadSource and SourceNotAllowed."""
    address = parse(url, settings)
    checkpoint = Checkpoint(
        name=checkpoints.clean_name(name or _name_of(address)),
        bytes=0,
        files=[],
        facts={},
        stated=dict(stated),
        source=Source(url=url, plan=None),
    )
    quotas.admit(session, 0)  # how much it is, a worker finds out, and asks again
    leases.offer(session, checkpoint)
    session.refresh(checkpoint)
    audit.note(session, "checkpoint.request", checkpoints.name_checkpoint(checkpoint), {"source": url})
    return checkpoint


def _name_of(address: Address) -> str:
    return PurePosixPath(address.root if address.kind == "hub" else address.path or address.root).name


def parse(url: str, settings: Settings) -> Address:
    """The address, if it is well formed and allowed."""
    scheme = url.partition("://")[0]
    if "\0" in url or not url.isprintable():
        raise BadSource("The source's address contains unprintable characters.")
    if scheme == "file":
        return _folder(url, settings)
    if scheme == "hf":
        return _hub(url, settings)
    if scheme in STORES:
        return _store(url, settings)
    raise BadSource("A source must begin with file://, s3://, gs://, az:// or hf://.")


def _folder(url: str, settings: Settings) -> Address:
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.netloc or parts.query or parts.fragment or not path.startswith("/") or "\0" in path:
        raise BadSource("Write a folder as file:///its/path, without a host, and escape % and ?.")
    _check_steps(path)
    for root in settings.source_roots:
        if Path(path).is_relative_to(root):
            return Address("folder", str(root), path)
    raise _not_allowed(path, "EIGENSCOPE_SOURCE_ROOTS")


def _store(url: str, settings: Settings) -> Address:
    scheme, _, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", bucket):
        raise BadSource(f"Write a store as {scheme}://bucket/prefix.")
    _check_steps(key)
    key = key.strip("/")
    for store in settings.source_stores:
        allowed_bucket, _, prefix = store.partition("://")[2].partition("/")
        if store.partition("://")[0] == scheme and bucket == allowed_bucket and _is_within(key, prefix.strip("/")):
            return Address("store", f"{scheme}://{bucket}", key)
    raise _not_allowed(f"{scheme}://{bucket}/{key}", "EIGENSCOPE_SOURCE_STORES")


def _hub(url: str, settings: Settings) -> Address:
    match = HUB.fullmatch(url)
    if match is None or ".." in url:
        raise BadSource("Write a model on the hub as hf://organisation/name, or hf://organisation/name@revision.")
    if not settings.source_hub:
        raise _not_allowed("The hub", "EIGENSCOPE_SOURCE_HUB")
    return Address("hub", match["repo"], match["revision"] or "main")


def _is_within(key: str, prefix: str) -> bool:
    return not prefix or key == prefix or key.startswith(f"{prefix}/")


def _check_steps(path: str) -> None:
    if any(step in (".", "..") for step in path.split("/")) or "\\" in path or "//" in path:
        raise BadSource("A source's path must not contain “.”, “..”, “//” or “\\”.")


def _not_allowed(what: str, setting: str) -> SourceNotAllowed:
    return SourceNotAllowed(f"{what} is not an allowed source. An administrator can allow it with {setting}.")


def choose(found: Iterable[Found]) -> list[Found]:
    """The files that make a checkpoint, in the order to fetch them, then those left out, with their reasons."""
    listed = list(found)
    closed = [file for file in listed if file.left_out is not None]
    files = {file.name: file for file in listed if file.left_out is None}
    choice = companions.choose(files)
    if not choice.weights:
        endings = ", ".join(companions.WEIGHTS)
        told = f" Left out: {closed[0].name} ({closed[0].left_out})." if closed else ""
        raise SourceFault("source-missing", f"The source has no weight files, whose names end in {endings}.{told}")
    omissions = [replace(files[name], left_out=reason) for name, reason in choice.left_out.items()]
    return [*(files[name] for name in (*choice.weights, *choice.companions)), *omissions, *closed]


def partial_name(checkpoint: int, position: int) -> str:
    """What a checkpoint's file is called among the partials while it is fetched."""
    return f"source-{checkpoint}-{position}"


def owner_of(partial: str) -> int | None:
    """The checkpoint that such a name speaks of."""
    match = re.fullmatch(r"source-(\d+)-\d+", partial)
    return int(match[1]) if match else None
