"""Responses with an ETag: 304 for a client that has the current version, cached bytes, compressed, of what is final.

An answer is looked up only after its rows were found for the caller's project, so that nobody is given what they may
not see. One such look serves all who ask within a moment: they then have the answer without a thread.
"""

import asyncio
import gzip
import hashlib
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from anyio.to_thread import run_sync
from cachetools import LRUCache
from fastapi import Request, Response
from pydantic import BaseModel

from app.db import Database, Session
from app.etags import Version
from app.web.compression import LEVEL

JSON = "application/json"
HTML = "text/html; charset=utf-8"
LANE = 2  # threads
MANY = 4_000  # tensors of a run's checkpoints from which on its answers are made one after the other
KEPT = 0.1  # seconds for which a look serves everyone, where this process writes nothing meanwhile
LOOKS = 4096  # addresses whose looks are kept
REVALIDATE = "private, no-cache"  # a browser may keep it, and asks each time whether it is still so
ROOM = 64 << 20  # bytes
LOOK = "eigenscope.look"  # in a request's scope: the look that its answer follows
UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Not Modified: `If-None-Match` matches the current version."}
}


T = TypeVar("T")
_lanes: RunVar[dict[str, CapacityLimiter]] = RunVar("lanes")


@dataclass(frozen=True, slots=True)
class Made:
    """A body, and the headers that came with it."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class ResponseCache:
    """Final answers, compressed, those asked for last; each is made once, however many wait for it."""

    def __init__(self, room: int = ROOM) -> None:
        self._kept: LRUCache[str, Made] = LRUCache(room, getsizeof=lambda made: len(made.body))
        self._lock = threading.Lock()
        self._making: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def take(self, key: str, make: Callable[[], Made]) -> Made:
        """The answer of this key, its body as gzip has it."""
        entry = self.find(key)
        if entry is not None:
            return entry
        with self._lock:
            making = self._making[key]
        try:
            with making:
                entry = self.find(key)
                if entry is None:
                    new = make()
                    entry = Made(gzip.compress(new.body, LEVEL, mtime=0), new.headers)
                    with self._lock, suppress(ValueError):  # larger than the whole cache: made each time
                        self._kept[key] = entry
                return entry
        finally:
            with self._lock:
                self._making.pop(key, None)

    def find(self, key: str) -> Made | None:
        """The answer of this key if it was made."""
        with self._lock:
            return self._kept.get(key)


VersionOf = Callable[[Session], Version]


@dataclass(frozen=True, slots=True)
class Look:
    """A look at the rows: under way, or what it found. `writes`: of the database when it began."""

    writes: int
    loop: asyncio.AbstractEventLoop
    found: "asyncio.Future[Version]"
    began: float

    def serves(self, database: Database, asked: float | None = None) -> bool:
        """Whether it is as good as one that begins now, or that began when it was asked for (of `time.monotonic`).

        What this process wrote it has seen, and it is not old.
        """
        if self.writes != database.writes or self.loop is not asyncio.get_running_loop():
            return False
        if not self.found.done():
            return True
        fine = not self.found.cancelled() and self.found.exception() is None and self.found.result().final
        return fine and (time.monotonic() if asked is None else asked) - self.began < KEPT


class Looks:
    """One look for everyone who asks for the same address of a project within a moment. Of the event loop alone."""

    def __init__(self) -> None:
        self._last: LRUCache[tuple[int | None, str], Look] = LRUCache(LOOKS)

    async def version(self, request: Request, database: Database, version_of: VersionOf) -> Version:
        """The version as the rows have it now, or KEPT seconds ago where it is final. Raises what `version_of` does."""
        key = database.project, request.url.path
        look = self._last.get(key)
        if look is None or not look.serves(database):
            loop, writes = asyncio.get_running_loop(), database.writes
            found = asyncio.ensure_future(run_in_lane("look", partial(_read, database, version_of)))
            found.add_done_callback(
                lambda done: done.cancelled() or done.exception()
            )  # if nobody waits for it any more
            look = self._last[key] = Look(writes, loop, found, time.monotonic())
        request.scope[LOOK] = look
        return await asyncio.shield(look.found)


def _read(database: Database, version_of: VersionOf) -> Version:
    """Waits for nothing: readers wait for no writer, and there are more connections to the database than threads."""
    with database.reading() as session:
        return version_of(session)


async def answer(
    request: Request,
    database: Database,
    version_of: VersionOf,
    make: Callable[[Session], Made],
    media_type: str = JSON,
) -> Response:
    """What `make` makes, or 304 where the caller has this version of it. Of a final version it is made once."""

    def tag_of(version: Version) -> Tag:
        key = key_of(request, version)
        return Tag(key, version.final, {"ETag": f'W/"{key}"', "Cache-Control": REVALIDATE}, version.tensors > MANY)

    def build() -> Response:
        with database.reading() as session:
            tag = tag_of(version_of(session))
            if tag.final:
                return _cached_response(request, tag, lambda: make(session), media_type)
            new = make(session)
            return Response(new.body, headers={**tag.headers, **new.headers}, media_type=media_type)

    tag = tag_of(await _looks(request).version(request, database, version_of))
    if has(request.headers.get("if-none-match"), tag.key):
        return Response(status_code=304, headers=tag.headers)
    response = _from_cache(request, tag, media_type)
    return await _run_build(tag, build) if response is None else response


async def page(
    request: Request,
    database: Database,
    version_of: VersionOf,
    make: Callable[[Session], Response],
    also: Callable[[Version], object] = lambda version: None,
) -> Response:
    """The same of an HTML page: it depends on what `also` says too, and no browser keeps a copy."""
    viewer = (request.url.scheme, request.url.netloc, getattr(request.state, "caller", None))

    def tag_of(version: Version) -> Tag:
        key = key_of(request, version, *viewer, also(version))
        return Tag(key, version.final, {"Cache-Control": "no-store"}, version.tensors > MANY)

    def build() -> Response:
        with database.reading() as session:
            tag = tag_of(version_of(session))
            if not tag.final:
                return make(session)
            return _cached_response(request, tag, lambda: Made(bytes(make(session).body)), HTML)

    tag = tag_of(await _looks(request).version(request, database, version_of))
    response = _from_cache(request, tag, HTML)
    return await _run_build(tag, build, LANE) if response is None else response


async def _run_build(tag: "Tag", build: Callable[[], Response], threads: int = 1) -> Response:
    """What `build` makes. What is large waits for its turn here, where it holds neither a thread nor memory."""
    return await (run_in_lane(f"large {threads}", build, threads) if tag.large else run_sync(build))


def _looks(request: Request) -> Looks:
    looks: Looks = request.app.state.looks
    return looks


@dataclass(frozen=True, slots=True)
class Tag:
    """What an answer is kept under, whether for good, the headers that say so, and whether it is long to make."""

    key: str
    final: bool
    headers: Mapping[str, str]
    large: bool = False


async def run_in_lane(kind: str, call: Callable[[], T], threads: int = LANE) -> T:
    """What the call returns, made in one of the few threads of its kind. It is short, and waits for no lock held long.

    Forty threads that compute at once take turns with the event loop, which answers everyone.
    """
    try:
        lanes = _lanes.get()
    except LookupError:
        lanes = {}
        _lanes.set(lanes)
    return await run_sync(call, limiter=lanes.setdefault(kind, CapacityLimiter(threads)))


def _from_cache(request: Request, tag: Tag, media_type: str) -> Response | None:
    cache: ResponseCache = request.app.state.cache
    entry = cache.find(tag.key) if tag.final else None
    return None if entry is None else _response_of(request, tag, entry, media_type)


def _cached_response(request: Request, tag: Tag, make: Callable[[], Made], media_type: str) -> Response:
    cache: ResponseCache = request.app.state.cache
    return _response_of(request, tag, cache.take(tag.key, make), media_type)


def _response_of(request: Request, tag: Tag, found: Made, media_type: str) -> Response:
    headers = {**tag.headers, **found.headers}
    if "gzip" in request.headers.get("accept-encoding", ""):
        gzip_headers = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        return Response(found.body, headers={**headers, **gzip_headers}, media_type=media_type)
    return Response(gzip.decompress(found.body), headers=headers, media_type=media_type)


def key_of(request: Request, version: Version, *also: object) -> str:
    """Of this address, so that one address' answer is never taken for another's."""
    text = json.dumps([request.url.path, request.url.query, version.name, *also], default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def has(stated: str | None, key: str) -> bool:
    """Whether an If-None-Match names it, by the weak comparison (RFC 9110, 13.1.2)."""
    if stated is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in stated.split(",")]
    return tags == ["*"] or f'"{key}"' in tags


def make_entry(found: Any, headers: Mapping[str, str] | None = None) -> Made:
    """A model, or what JSON has words for. Names may hold half a surrogate pair, which UTF-8 cannot carry."""
    plain = found.model_dump(mode="json", by_alias=True) if isinstance(found, BaseModel) else found
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Made(text.encode("utf-8", "replace"), headers or {})
