"""What stands between the server and every route: Host, Origin, caller and scope on the way in, headers on the way out.

Nothing behind it has to remember to ask: what is not known to be open is closed, whether a route is there or not.
"""

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

from anyio import current_time, move_on_after, sleep
from anyio.to_thread import run_sync
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.callers import Caller, Credentials, address, caller, check_scope, is_proxy, this_machine
from app.access.rate_limit import Rates
from app.access.security import COOKIE, PLAIN_HEADERS, PROJECT_COOKIE, check_host, check_origin
from app.db import Database
from app.errors import BadAddress, ServiceError, TokenRequired, TooLarge, TooManyUploads, UploadStalled
from app.faults import answer_of
from app.settings import Settings
from app.web.connections import CONNECTION, MOST_BODIES, BoundedProtocol
from app.web.problems import of_service, unexpected_problem

LARGEST_BODY = 1 << 20  # bytes of a JSON body or a form
LARGEST_REPORT = 16 << 20  # bytes where a report may come along: one of 1,000 layers has some 1.4 MB
REPORTS = re.compile(r"/api/v1/runs(/[^/]*/verdicts)?")  # a baseline to compare with
UPLOADS = re.compile(r"(/api/v1)?/checkpoints|/api/v1/(blobs|uploads)(/[^/]*)?")  # they bound their bodies themselves
TUS = "/api/v1/uploads"
TUS_HEADERS = [(b"tus-resumable", b"1.0.0"), (b"tus-version", b"1.0.0")]  # on every answer there, also on a refusal
OPEN_PATHS = ("/health", "/login", "/api/v1/badge.svg")  # for everybody; so is what lies under STATIC
STATIC = "/static/"
PROJECT_HEADER = "eigenscope-project"
# Headers by which proxies, load balancers, tunnels and content networks tell whom they speak for. One of them is enough
# to know that the request did not begin on this machine.
WRITTEN_BY_PROXIES = re.compile(
    r"forwarded(-.*)?|via|cdn-loop|client-ip|true-client-ip|(wl-)?proxy-client-ip|proxyuser-ip|(tailscale|ngrok)-.*"
    r"|remote-(user|addr|ip|host|name|email|groups)|ssl-client-.*|incap-client-ip|front-end-https|surrogate-capability"
    r"|client-cert(-.*)?|ns-client-ip|disguised-host|was-default-hostname|rndr-id|max-forwards"
    r"|(cloudfront|do|cdn|teleport|zrok|oidc)-.*"
    r"|(cf|fastly|fly|ali-cdn|akamai)-.*"
    r"|x-(forwarded|original|real|client|cluster|remote|proxyuser|envoy|azure|arr|appengine|vercel|amz|amzn|nginx|akamai"
    r"|host|scheme|sendfile|zeit|ms-forwarded|appgw|goog|cloud|nf|railway|replit|ngrok|b3"
    r"|proxy|originating|user-ip|lb|varnish|squid|bluecoat|sucuri|coming|auth-request|authentik|pomerium|webauth|ssl|tls"
    r"|url-scheme|true-client|forward|source|http-host|script|accel|kong|consumer|teleport|zrok|caddy|iap|gateway"
    r"|cloudfront|tunnel|codespaces|trusted|peer|downstream|nat|citrix|appgateway"
    r"|traefik|istio|haproxy|jupyterhub|tor|edge|cdn|iinfo|backend|request-start|queue-start|wap|rewrite|tailscale)(-.*)?"
)
ANONYMOUS_PER_MINUTE = 60  # requests of one address with a wrong token or none
WAITS = (1.0, 1.0)  # seconds that an upload waits for others to end, before it is refused
SIGN_INS_PER_MINUTE = 60  # of one address, by themselves: strangers beside them keep nobody from signing in


class Guard:
    """Middleware that streams: it keeps no body. The caller is in `request.state.caller` from here on."""

    def __init__(self, app: ASGIApp, settings: Settings, database: Database, policy: str) -> None:
        self._app, self._settings, self._database = app, settings, database
        self._rates, self._strangers = Rates(settings.rate_limit), Rates(ANONYMOUS_PER_MINUTE)
        self._sign_ins = Rates(SIGN_INS_PER_MINUTE)
        self._headers = _raw({**PLAIN_HEADERS, "Content-Security-Policy": policy})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        begun, body = False, Bounded(scope["path"], receive, self._settings.upload_idle_seconds)

        async def guard(message: Message) -> None:
            nonlocal begun
            if body.fault and not begun:  # what read the body may make another error of it
                return
            if message["type"] == "http.response.start":
                begun = True
                self._dress(message, scope["path"])
            await send(message)

        try:
            await self._check(scope, Headers(scope=scope))
            await wait_for_room(scope)
            await self._app(scope, body.receive, guard)
            if body.fault and not begun:
                raise body.fault
        except ServiceError as error:
            body.fault = None
            answer = _sign_in(scope) if isinstance(error, TokenRequired) and _is_reader(scope) else of_service(error)
            await answer(scope, receive, guard)
        except ClientDisconnect:  # who asked has gone: there is nobody to answer, and nothing is wrong
            return
        except Exception as error:
            body.fault = None
            known = answer_of(error)
            answer = of_service(known) if known else unexpected_problem(scope["method"], scope["path"], error)
            if begun:  # too late for an answer: the connection breaks off
                raise
            await answer(scope, receive, guard)
        finally:
            end_upload(scope)

    async def _check(self, scope: Scope, headers: Headers) -> None:
        host, path, peer = headers.get("host"), scope["path"], (scope.get("client") or ("",))[0]
        alone = len(headers.getlist("host")) == 1  # of two, a proxy in front may have taken the other
        check_host(host if alone else None, self._settings)
        check_address(scope)
        check_origin(scope["method"], host, headers.get("origin"), headers.get("sec-fetch-site"))
        if is_proxy(self._settings, peer) and headers.get("x-forwarded-proto") == "https":
            scope["scheme"] = "https"
        whence = address(self._settings, peer, ",".join(headers.getlist("x-forwarded-for")))
        if path in OPEN_PATHS or path.startswith(STATIC):
            self._sign_ins.take(whence) if path == "/login" and scope["method"] == "POST" else None
            return
        client = await self._identify(read_credentials(headers, peer, self._settings), whence)
        if not client.local:
            self._rates.take(client.name)
        check_scope(client, scope["method"], path)
        scope.setdefault("state", {})["caller"] = client

    async def _identify(self, showing: Credentials, whence: str) -> Caller:
        if client := this_machine(self._settings, showing):
            return client
        try:
            return await run_sync(caller, self._database, self._settings, showing)
        except TokenRequired:
            self._strangers.take(whence)
            raise

    def _dress(self, message: Message, path: str) -> None:
        """Adds what every answer has, where it has none of its own."""
        headers = message["headers"] = list(message.get("headers", ()))
        present = dict(headers)
        headers += [pair for pair in self._headers if pair[0] not in present]
        if path.startswith(TUS):
            headers += [pair for pair in TUS_HEADERS if pair[0] not in present]
        if b"cache-control" not in present:
            is_page = b"text/html" in present.get(b"content-type", b"")
            headers.append((b"cache-control", b"no-store" if is_page else b"no-cache"))


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """As they go out."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def read_credentials(headers: Headers, peer: str, settings: Settings) -> Credentials:
    """What the request shows of who sends it."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    cookies = cookie_parser(headers.get("cookie", ""))
    project, cookie_project = headers.get(PROJECT_HEADER), unquote(cookies.get(PROJECT_COOKIE, ""))
    return Credentials(
        peer=peer,
        host=headers.get("host"),
        forwarded=any(WRITTEN_BY_PROXIES.fullmatch(name.replace("_", "-")) for name in headers),
        bearer=bearer.strip() if scheme.lower() == "bearer" else None,
        cookie=cookies.get(COOKIE),
        user=headers.get(settings.proxy_user_header) if settings.proxy_user_header else None,
        project=project or cookie_project or None,
        kept=not project,
    )


def _is_reader(scope: Scope) -> bool:
    """Whether a person's browser asks for a page."""
    return scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", "")


def _sign_in(scope: Scope) -> Response:
    query = scope["query_string"].decode("latin-1")
    target = quote(scope["path"] + (f"?{query}" if query else ""), safe="/")
    return RedirectResponse(f"/login?next={target}", 303)


def check_address(scope: Scope) -> None:
    """Raises BadAddress for the one character that PostgreSQL cannot hold in text."""
    if "\0" in scope["path"] or b"%00" in scope.get("query_string", b""):
        raise BadAddress("The address contains a NUL character (%00). Remove it.")


async def wait_for_room(scope: Scope) -> None:
    """Returns where the upload, if it is one, may send its body. Raises TooManyUploads, before it costs more."""
    connection: BoundedProtocol | None = scope.get(CONNECTION)
    if connection is None or not UPLOADS.fullmatch(scope["path"]):
        return
    for seconds in WAITS:
        if connection.takes_body():
            return
        await sleep(seconds)
    if not connection.takes_body():
        raise TooManyUploads(f"{MOST_BODIES} uploads are under way. Try again in {TooManyUploads.seconds:g} seconds.")


def end_upload(scope: Scope) -> None:
    """There is room for another: only now, for a request whose sender has gone may still have much to do."""
    if (connection := scope.get(CONNECTION)) is not None:
        connection.end_body()


class Bounded:
    """The body as it comes, cut off where it grows larger than any but an upload may be, or stalls: see `fault`.

    An upload may take its time as long as it moves; any other body has `idle` seconds in all.
    """

    def __init__(self, path: str, receive: Receive, idle: float) -> None:
        self._next, self._most, self._idle = receive, largest(path), idle
        self._size, self._deadline = 0, current_time() + idle
        self._more = True
        self.fault: TooLarge | UploadStalled | None = None

    async def receive(self) -> Message:
        if not self._more:  # what comes now is the end of the connection, which may take long
            return await self._next()
        deadline = current_time() + self._idle if self._most is None else self._deadline
        with move_on_after(deadline - current_time()) as patience:
            message = await self._next()
        if patience.cancelled_caught:
            self.fault = UploadStalled(f"The body did not arrive: nothing more came for {self._idle:g} s.")
            raise self.fault
        self._more = message["type"] == "http.request" and message.get("more_body", False)
        self._size += len(message.get("body", b""))
        if self._most is not None and self._size > self._most:
            self.fault = TooLarge(f"The body is larger than the {self._most:,} bytes that are allowed here.")
            raise self.fault
        return message


def largest(path: str) -> int | None:
    """How many bytes a body may have there; None where the route itself bounds it."""
    if UPLOADS.fullmatch(path):
        return None
    return LARGEST_REPORT if REPORTS.fullmatch(path) else LARGEST_BODY
