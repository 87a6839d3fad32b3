"""Responses with an ETag: 304 for a client that has the current version, cached bytes, compressed, of what is final.

An answer is looked up only after its rows were found in the caller's own transaction, so that nobody is given what
they may not see.
"""

import gzip
import hashlib
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

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
REVALIDATE = "private, no-cache"  # a browser may keep it, and asks each time whether it is still so
ROOM = 64 << 20  # bytes
UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Not Modified: `If-None-Match` matches the current version."}
}

_lane: RunVar[CapacityLimiter] = RunVar("lane")


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
        found = self.find(key)
        if found is not None:
            return found
        with self._lock:
            making = self._making[key]
        try:
            with making:
                found = self.find(key)
                if found is None:
                    new = make()
                    found = Made(gzip.compress(new.body, LEVEL, mtime=0), new.headers)
                    with self._lock, suppress(ValueError):  # larger than the whole cache: made each time
                        self._kept[key] = found
                return found
        finally:
            with self._lock:
                self._making.pop(key, None)

    def find(self, key: str) -> Made | None:
        """The answer of this key if it was made."""
        with self._lock:
            return self._kept.get(key)


async def answer(
    request: Request,
    database: Database,
    version_of: Callable[[Session], Version],
    make: Callable[[Session], Made],
    media_type: str = JSON,
) -> Response:
    """What `make` makes, or 304 where the caller has this version of it. Of a final version it is made once."""

    def find_tag(session: Session) -> Tag:
        version = version_of(session)
        key = key_of(request, version)
        return Tag(key, version.final, {"ETag": f'W/"{key}"', "Cache-Control": REVALIDATE})

    def look() -> Response | None:
        with database.reading() as session:
            tag = find_tag(session)
        if has(request.headers.get("if-none-match"), tag.key):
            return Response(status_code=304, headers=tag.headers)
        return _from_cache(request, tag, media_type)

    def build() -> Response:
        with database.reading() as session:
            tag = find_tag(session)
            if tag.final:
                return _cached_response(request, tag, lambda: make(session), media_type)
            new = make(session)
            return Response(new.body, headers={**tag.headers, **new.headers}, media_type=media_type)

    response = await _look_soon(look)
    return await run_sync(build) if response is None else response


async def page(
    request: Request,
    database: Database,
    version_of: Callable[[Session], Version],
    make: Callable[[Session], Response],
    also: Callable[[Version], object] = lambda version: None,
) -> Response:
    """The same of an HTML page: it depends on what `also` says too, and no browser keeps a copy."""
    seen_by = (request.url.scheme, request.url.netloc, getattr(request.state, "caller", None))

    def find_tag(session: Session) -> Tag:
        version = version_of(session)
        key = key_of(request, version, *seen_by, also(version))
        return Tag(key, version.final, {"Cache-Control": "no-store"})

    def look() -> Response | None:
        with database.reading() as session:
            tag = find_tag(session)
        return _from_cache(request, tag, HTML)

    def build() -> Response:
        with database.reading() as session:
            tag = find_tag(session)
            if not tag.final:
                return make(session)
            return _cached_response(request, tag, lambda: Made(bytes(make(session).body)), HTML)

    response = await _look_soon(look)
    return await run_sync(build) if response is None else response


@dataclass(frozen=True, slots=True)
class Tag:
    """What an answer is kept under, whether for good, and the headers that say so."""

    key: str
    final: bool
    headers: Mapping[str, str]


async def _look_soon(look: Callable[[], Response | None]) -> Response | None:
    """A short look in a thread, few at a time: forty at once cost a third more in changing from one to the other.

    It waits for nothing: readers wait for no writer, and there are more connections to the database than threads.
    """
    try:
        limiter = _lane.get()
    except LookupError:
        limiter = CapacityLimiter(LANE)
        _lane.set(limiter)
    return await run_sync(look, limiter=limiter)


def _from_cache(request: Request, tag: Tag, media_type: str) -> Response | None:
    cache: ResponseCache = request.app.state.cache
    found = cache.find(tag.key) if tag.final else None
    return None if found is None else _response_of(request, tag, found, media_type)


def _cached_response(request: Request, tag: Tag, make: Callable[[], Made], media_type: str) -> Response:
    cache: ResponseCache = request.app.state.cache
    return _response_of(request, tag, cache.take(tag.key, make), media_type)


def _response_of(request: Request, tag: Tag, found: Made, media_type: str) -> Response:
    headers = {**tag.headers, **found.headers}
    if "gzip" in request.headers.get("accept-encoding", ""):
        compressed = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        return Response(found.body, headers={**headers, **compressed}, media_type=media_type)
    return Response(gzip.decompress(found.body), headers=headers, media_type=media_type)


def key_of(request: Request, version: Version, *also: object) -> str:
    """Of this address, so that one address' answer is never taken for another's."""
    asked = json.dumps([request.url.path, request.url.query, version.name, *also], default=str)
    return hashlib.blake2b(asked.encode(), digest_size=16).hexdigest()


def has(stated: str | None, key: str) -> bool:
    """Whether an If-None-Match names it, by the weak comparison (RFC 9110, 13.1.2)."""
    if stated is None:
        return False
    named = [each.strip().removeprefix("W/") for each in stated.split(",")]
    return named == ["*"] or f'"{key}"' in named


def make_entry(found: Any, headers: Mapping[str, str] | None = None) -> Made:
    """A model, or what JSON has words for. Names may hold half a surrogate pair, which UTF-8 cannot carry."""
    plain = found.model_dump(mode="json", by_alias=True) if isinstance(found, BaseModel) else found
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Made(text.encode("utf-8", "replace"), headers or {})
