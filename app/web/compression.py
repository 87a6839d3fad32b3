"""gzip for whoever takes it: text of some size, but no file as it was sent, no stream of events, nothing twice."""

from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LEAST = 1000  # bytes: what is smaller fits into one packet anyway
LEVEL = 5  # half the time of 9, for 7 to 12 % more bytes on pages and reports (docs/benchmarks.md)
AS_THEY_ARE = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/octet-stream")


class Compression:
    """Starlette's GZipMiddleware, with strong ETags made weak: the bytes are others then (RFC 9110, 8.8.3.3)."""

    def __init__(self, app: ASGIApp) -> None:
        self._gzip = GZipMiddleware(app, LEAST, LEVEL, exclude_content_types=AS_THEY_ARE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def weaken(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                tag = headers.get("etag", "")
                if headers.get("content-encoding") == "gzip" and tag.startswith('"'):
                    headers["ETag"] = f"W/{tag}"
            await send(message)

        await self._gzip(scope, receive, weaken)
