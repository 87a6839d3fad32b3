"""Answers that are told by their edition: 304 to who has it, and bytes kept ready, compressed, of what is final.

An answer is looked up only after its rows were found in the caller's own transaction, so that nobody is given what
they may not see.
"""

import gzip
import hashlib
import json
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

from app.api.squeezed import LEVEL
from app.editions import Edition

JSON = "application/json"
REVALIDATE = "private, no-cache"  # a browser may keep it, and asks each time whether it is still so
ROOM = 64 << 20  # bytes
UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Not Modified: `If-None-Match` names the answer as it is."}
}


@dataclass(frozen=True, slots=True)
class Made:
    """A body, and the headers that came with it."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Shelf:
    """Final answers, compressed, those asked for last; each is made once, however many wait for it."""

    def __init__(self, room: int = ROOM) -> None:
        self._room, self._size = room, 0
        self._kept: OrderedDict[str, Made] = OrderedDict()
        self._lock = threading.Lock()
        self._making: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def take(self, key: str, make: Callable[[], Made]) -> Made:
        """The answer of this key, its body as gzip has it."""
        found = self._find(key)
        if found is not None:
            return found
        with self._lock:
            making = self._making[key]
        try:
            with making:
                found = self._find(key)
                if found is None:
                    new = make()
                    found = Made(gzip.compress(new.body, LEVEL, mtime=0), new.headers)
                    self._put(key, found)
                return found
        finally:
            with self._lock:
                self._making.pop(key, None)

    def _find(self, key: str) -> Made | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def _put(self, key: str, made: Made) -> None:
        with self._lock:
            self._kept[key] = made
            self._size += len(made.body)
            while self._size > self._room and len(self._kept) > 1:
                self._size -= len(self._kept.popitem(last=False)[1].body)


def answer(request: Request, edition: Edition, make: Callable[[], Made], media_type: str = JSON) -> Response:
    """What `make` makes, or 304 where the caller has this edition of it. Of a final edition it is made once."""
    key = key_of(request, edition)
    stated = {"ETag": f'W/"{key}"', "Cache-Control": REVALIDATE}
    if has(request.headers.get("if-none-match"), key):
        return Response(status_code=304, headers=stated)
    if not edition.final:
        new = make()
        return Response(new.body, headers={**stated, **new.headers}, media_type=media_type)
    return _shelved(request, key, make, stated, media_type)


def page(request: Request, edition: Edition, make: Callable[[], Response], *also: object) -> Response:
    """The same of an HTML page: it depends on what is in `also` too, and no browser keeps a copy."""
    if not edition.final:
        return make()

    def body() -> Made:
        return Made(bytes(make().body))

    seen_by = (request.url.scheme, request.url.netloc, getattr(request.state, "caller", None))
    key = key_of(request, edition, *seen_by, *also)
    return _shelved(request, key, body, {"Cache-Control": "no-store"}, "text/html; charset=utf-8")


def _shelved(
    request: Request, key: str, make: Callable[[], Made], stated: Mapping[str, str], media_type: str
) -> Response:
    shelf: Shelf = request.app.state.shelf
    found = shelf.take(key, make)
    headers = {**stated, **found.headers}
    if "gzip" in request.headers.get("accept-encoding", ""):
        squeezed = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        return Response(found.body, headers={**headers, **squeezed}, media_type=media_type)
    return Response(gzip.decompress(found.body), headers=headers, media_type=media_type)


def key_of(request: Request, edition: Edition, *also: object) -> str:
    """Of this address, so that one address' answer is never taken for another's."""
    asked = json.dumps([request.url.path, request.url.query, edition.name, *also], default=str)
    return hashlib.blake2b(asked.encode(), digest_size=16).hexdigest()


def has(stated: str | None, key: str) -> bool:
    """Whether an If-None-Match names it, by the weak comparison (RFC 9110, 13.1.2)."""
    if stated is None:
        return False
    named = [each.strip().removeprefix("W/") for each in stated.split(",")]
    return named == ["*"] or f'"{key}"' in named


def made(found: Any, headers: Mapping[str, str] | None = None) -> Made:
    """A model, or what JSON has words for. Names may hold half a surrogate pair, which UTF-8 cannot carry."""
    plain = found.model_dump(mode="json", by_alias=True) if isinstance(found, BaseModel) else found
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Made(text.encode("utf-8", "replace"), headers or {})
