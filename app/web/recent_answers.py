"""Answers that went out a moment ago: they go out again as they are, without routing, without a thread.

Only those of `app.web.response_cache`, for the same caller, the same address and the same headers that such an answer
goes by, and only as long as the look at the rows that it follows serves everyone. Then one request looks anew, and
those that ask for the same meanwhile wait for its answer.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from cachetools import LRUCache
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.db import Database
from app.web.response_cache import LOOK, Look

ROOM = 32 << 20  # bytes
EACH = 2000  # bytes beside the body
HEADERS = frozenset({b"accept-encoding", b"host", b"if-none-match"})  # what an answer goes by, beside its caller
AGAIN = (200, 304)
Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Recent:
    """An answer in two messages, and the look that it follows."""

    look: Look
    endpoint: Any
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class RecentAnswers:
    """Middleware behind the Guard, which knows the caller, and before all that makes answers."""

    def __init__(self, app: ASGIApp, database: Database) -> None:
        self._app, self._database = app, database
        self._kept: LRUCache[Key, Recent] = LRUCache(ROOM, getsizeof=lambda recent: EACH + len(recent.body))
        self._asked: dict[Key, asyncio.Future[None]] = {}  # by what is being made anew; each ends when it is kept

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        key = _key_of(scope)
        recent = await self._find(key)
        if recent is None:
            await self._make(key, scope, receive, send)
            return
        scope["endpoint"] = recent.endpoint  # the log names the route by it
        await send({"type": "http.response.start", "status": recent.status, "headers": list(recent.headers)})
        await send({"type": "http.response.body", "body": recent.body})

    async def _find(self, key: Key) -> Recent | None:
        """The answer that may go out again; waits for one that is being made anew."""
        asked, recent = time.monotonic(), self._kept.get(key)
        if recent is None or recent.look.serves(self._database):
            return recent
        making = self._asked.get(key)
        if making is None or making.done() or making.get_loop() is not asyncio.get_running_loop():
            return None
        await asyncio.shield(making)
        recent = self._kept.get(key)
        return recent if recent is not None and recent.look.serves(self._database, asked) else None

    async def _make(self, key: Key, scope: Scope, receive: Receive, send: Send) -> None:
        made, before = asyncio.get_running_loop().create_future(), self._asked.get(key)
        if before is None or before.done():  # what it made is too old by now
            self._asked[key] = made
        recorder = Recorder(self._kept, key, scope, send, made)
        try:
            await self._app(scope, receive, recorder)
        finally:
            recorder.end()
            if self._asked.get(key) is made:
                del self._asked[key]


class Recorder:
    """Passes an answer on, and keeps it where it may go out again."""

    def __init__(
        self, kept: "LRUCache[Key, Recent]", key: Key, scope: Scope, send: Send, made: "asyncio.Future[None]"
    ) -> None:
        self._kept, self._key, self._scope, self._send, self._made = kept, key, scope, send, made
        self._start: tuple[int, tuple[tuple[bytes, bytes], ...]] | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            is_plain = message["status"] in AGAIN and all(name != b"set-cookie" for name, _ in message["headers"])
            self._start = (message["status"], tuple(message["headers"])) if is_plain else None
        elif self._start is not None and LOOK in self._scope:
            if not message.get("more_body", False) and len(message.get("body", b"")) < ROOM // 4:
                endpoint, body = self._scope.get("endpoint"), bytes(message.get("body", b""))
                self._kept[self._key] = Recent(self._scope[LOOK], endpoint, *self._start, body)
            self._start = None
            self.end()  # before it goes out: whoever reads it slowly keeps nobody waiting
        await self._send(message)

    def end(self) -> None:
        """Lets those go on who wait for it."""
        if not self._made.done():
            self._made.set_result(None)


def _key_of(scope: Scope) -> Key:
    """What such an answer depends on. Of a header that comes twice, both."""
    shown = tuple(pair for pair in scope["headers"] if pair[0] in HEADERS)
    return scope["scheme"], scope["path"], scope["query_string"], scope.get("state", {}).get("caller"), shown
