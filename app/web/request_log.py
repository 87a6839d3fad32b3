"""What stands outermost: a request's id, its line in the log, and its place in the counts."""

import logging
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.callers import Caller
from app.logs import extra, log_context
from app.web.request_metrics import UNMATCHED, RequestMetrics

HEADER = "X-Request-Id"
SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
RUN = re.compile(r"/runs/(\d{1,10})(?:/|$)")
QUIET = ("/static/{path}", "/health", "/metrics")  # asked every few seconds, or with every page
GONE = 499  # whoever asked did not wait for the answer
log = logging.getLogger("app.requests")


class RequestLog:
    """Middleware that streams: it keeps no body."""

    def __init__(self, app: ASGIApp, owner: FastAPI, traffic: RequestMetrics) -> None:
        self._app, self._owner, self._traffic = app, owner, traffic
        self._templates: Mapping[Any, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identity = request_id(Headers(scope=scope).get(HEADER))
        began, record = time.perf_counter(), Seen(scope["method"])

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[HEADER] = identity
                record.status, record.location = message["status"], headers.get("location", "")
                record.began = time.perf_counter() - began
            await send(message)

        with log_context(request=identity):
            try:
                await self._app(scope, receive, watch)
            finally:
                self._note(scope, record, time.perf_counter() - began)

    def _note(self, scope: Scope, seen: "Seen", seconds: float) -> None:
        route = self._template(scope)
        self._traffic.count_answer(seen.method, route, seen.status, seconds if seen.began is None else seen.began)
        level = logging.DEBUG if route in QUIET and seen.status < 500 else logging.INFO
        if log.isEnabledFor(level):
            fields = extra(
                method=seen.method, route=route, status=seen.status, duration_ms=round(seconds * 1e3, 1),
                caller=caller(scope), run=run_of(scope["path"]) or run_of(seen.location),
            )  # fmt: skip
            log.log(level, "answered", extra=fields)

    def _template(self, scope: Scope) -> str:
        """The path as it was declared: an unknown path is neither logged nor counted by its own name."""
        if not self._templates:
            contexts = list(iter_route_contexts(self._owner.routes))
            self._templates = {context.endpoint: str(context.path_format) for context in contexts if context.endpoint}
        if scope["path"].startswith("/static/"):
            return "/static/{path}"
        return self._templates.get(scope.get("endpoint"), UNMATCHED)


@dataclass(slots=True)
class Seen:
    """What was asked, and what went out so far."""

    method: str
    status: int = GONE
    location: str = ""
    began: float | None = None  # seconds until the answer began


def request_id(sent: str | None) -> str:
    """The sender's own id where it is short and safe to print, else a new one."""
    return sent if sent and SAFE_ID.fullmatch(sent) else secrets.token_hex(8)


def run_of(path: str) -> str | None:
    """The run that a path speaks of.

    >>> run_of("/api/v1/runs/7/report"), run_of("/api/v1/runs")
    ('7', None)
    """
    match = RUN.search(path)
    return None if match is None else match[1]


def caller(scope: Scope) -> str | None:
    client: Caller | None = scope.get("state", {}).get("caller")
    return None if client is None else client.name
