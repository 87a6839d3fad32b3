"""What stands between the server and every route: Host, Origin and token on the way in, headers on the way out."""

from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import of_service, unexpected
from app.errors import ServiceError, TokenRequired, TooLarge
from app.security import COOKIE, PLAIN_HEADERS, check_host, check_origin, check_token
from app.settings import Settings

LARGEST_BODY = 1 << 20  # bytes of a JSON body or a form
UPLOADS = ("/api/v1/checkpoints", "/checkpoints")  # they bound their bodies themselves


class Guard:
    """Middleware that streams: it keeps no body."""

    def __init__(self, app: ASGIApp, settings: Settings, policy: str) -> None:
        self._app, self._settings = app, settings
        self._headers = {**PLAIN_HEADERS, "Content-Security-Policy": policy}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        begun = False

        async def guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                self._dress(MutableHeaders(scope=message))
            await send(message)

        try:
            self._check(scope, Headers(scope=scope))
            await self._app(scope, _bounded(scope, receive), guarded)
        except ServiceError as error:
            answer = _sign_in(scope) if isinstance(error, TokenRequired) and _is_reader(scope) else of_service(error)
            await answer(scope, receive, guarded)
        except Exception as error:
            answer = unexpected(scope["method"], scope["path"], error)
            if begun:  # too late for an answer: the connection breaks off
                raise
            await answer(scope, receive, guarded)

    def _check(self, scope: Scope, headers: Headers) -> None:
        host = headers.get("host")
        check_host(host, self._settings)
        check_origin(scope["method"], host, headers.get("origin"), headers.get("sec-fetch-site"))
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE)
        check_token(scope["path"], headers.get("authorization"), cookie, self._settings)

    def _dress(self, headers: MutableHeaders) -> None:
        for name, value in self._headers.items():
            headers.setdefault(name, value)
        headers.setdefault(
            "Cache-Control", "no-store" if "text/html" in headers.get("content-type", "") else "no-cache"
        )


def _is_reader(scope: Scope) -> bool:
    """Whether a person's browser asks for a page."""
    return scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", "")


def _sign_in(scope: Scope) -> Response:
    query = scope["query_string"].decode("latin-1")
    back = quote(scope["path"] + (f"?{query}" if query else ""), safe="/")
    return RedirectResponse(f"/login?next={back}", 303)


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """The body as it comes, cut off where it grows larger than any but an upload may be."""
    if scope["path"] in UPLOADS:
        return receive
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > LARGEST_BODY:
            raise TooLarge(f"The body is larger than the {LARGEST_BODY:,} bytes that are taken here.")
        return message

    return counted
