"""The guard, by itself: what it lets through, and what it adds."""

import asyncio
import contextlib
import json
from typing import Any
from unittest.mock import Mock

import anyio
import pytest
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Message

from app.db import Database
from app.errors import TooLarge, UploadStalled
from app.settings import Settings
from app.web.connections import CONNECTION
from app.web.guard import Bounded, Guard, read_credentials
from tests.service import Service

HEADERS = [(b"host", b"127.0.0.1")]


def call(
    app: Any, headers: list[tuple[bytes, bytes]] = HEADERS, kind: str = "http", path: str = "/", more: Any = None
) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"x" * 100_000, "more_body": True}

    scope = {"type": kind, "method": "GET", "path": path, "headers": headers, "client": ("127.0.0.1", 50_000)}
    scope.update(more or {})
    database = Database("sqlite:///nowhere.db", lambda name, identity: None)  # not asked: the caller is this machine
    asyncio.run(Guard(app, Settings(), database, "the policy")(scope, receive, send))
    return sent


def answering(headers: list[tuple[bytes, bytes]], fault: bool = False) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if fault:
            raise RuntimeError("late")

    return app


@pytest.mark.parametrize(("kind", "cache"), [(b"text/html", b"no-store"), (b"application/json", b"no-cache")])
def test_answers_are_dressed(kind: bytes, cache: bytes) -> None:
    (start,) = call(answering([(b"content-type", kind)]))
    headers = dict(start["headers"])
    assert headers[b"content-security-policy"] == b"the policy"
    assert headers[b"x-frame-options"] == b"DENY"
    assert headers[b"cache-control"] == cache


def test_a_route_that_knows_better_is_not_overruled() -> None:
    (start,) = call(answering([(b"cache-control", b"immutable")]))
    assert [value for name, value in start["headers"] if name == b"cache-control"] == [b"immutable"]


def test_a_stranger_does_not_reach_the_application() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("reached")

    start, _body = call(app, [(b"host", b"evil.example")])
    assert start["status"] == 421
    assert dict(start["headers"])[b"content-security-policy"] == b"the policy"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/mitigations", 413),
        ("/login", 413),
        ("/api/v1/checkpoints", 200),
        ("/api/v1/runs", 200),
        ("/api/v1/runs/1/verdicts", 200),
    ],
)
def test_only_uploads_are_large(path: str, status: int) -> None:
    async def reading(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(20):
            await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    assert call(reading, path=path)[0]["status"] == status


@pytest.mark.parametrize(("path", "status"), [("/api/v1/checkpoints", 503), ("/api/v1/runs", 200)])
@pytest.mark.parametrize("tries", [1, 9])
def test_an_upload_waits_a_moment_for_room(path: str, status: int, tries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Mock(takes_body=Mock(side_effect=[False] * tries + [True] * 9))
    monkeypatch.setattr("app.web.guard.WAITS", (0.01, 0.01))
    start, *rest = call(answering([]), path=path, more={CONNECTION: connection})
    connection.end_body.assert_called_once_with()
    assert start["status"] == (200 if tries == 1 else status)
    if start["status"] == 503:
        assert dict(start["headers"])[b"retry-after"] == b"5"
        assert json.loads(rest[0]["body"])["code"] == "too-many-uploads"


@pytest.mark.parametrize(
    ("path", "size"), [("/api/v1/mitigations", 1 << 20), ("/api/v1/runs", 16 << 20), ("/login", 1 << 20)]
)
def test_what_reads_the_body_cannot_make_another_error_of_it(path: str, size: int) -> None:
    async def reading(scope: Any, receive: Any, send: Any) -> None:
        with contextlib.suppress(TooLarge):
            while True:
                await receive()
        await send({"type": "http.response.start", "status": 400, "headers": []})
        await send({"type": "http.response.body", "body": b"There was an error parsing the body"})

    start, body = call(reading, path=path)
    assert start["status"] == 413
    told = json.loads(body["body"])
    assert told["code"] == "too-large"
    assert f"{size:,} bytes" in told["detail"]


def test_a_fault_in_the_middle_of_an_answer_breaks_it_off() -> None:
    with pytest.raises(RuntimeError, match="late"):
        call(answering([], fault=True))


def test_what_is_no_request_passes() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "lifespan.startup.complete"})

    assert call(app, kind="lifespan") == [{"type": "lifespan.startup.complete"}]


FORWARDING = [
    "Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port",
    "X-Forwarded-Server", "X-Forwarded-Prefix", "X-Forwarded-Ssl", "X-Real-IP", "X-Client-IP", "X-Cluster-Client-IP",
    "True-Client-IP", "X-Rewrite-URL", "X-Tailscale-User", "Ngrok-Trace-Id", "X_Forwarded_For",
    "CF-Connecting-IP", "CF-Ray", "CDN-Loop", "Fastly-Client-IP", "Fly-Client-IP", "X-Original-Host",
    "X-Original-URL", "X-Original-Forwarded-For", "X-Envoy-External-Address", "X-Azure-ClientIP", "X-Amzn-Trace-Id",
    "X-Scheme", "X-Host", "X-Remote-IP", "X-Remote-Addr", "Client-IP", "Proxy-Client-IP", "WL-Proxy-Client-IP",
    "Tailscale-User-Login", "Forwarded-For", "Remote-User", "X-Remote-User", "X-Proxy-User-IP", "X-Originating-IP",
    "X-Auth-Request-User", "X-Authentik-Username", "X-Pomerium-Jwt-Assertion", "X-WebAuth-User", "Ssl-Client-Cert",
    "X-SSL-Client-CN", "Incap-Client-IP", "Front-End-Https", "X-Sucuri-ClientIP", "X-Varnish", "X-Edge-Location",
    "X-Traefik-Router", "X-JupyterHub-User", "X-Request-Start", "X-Coming-From", "Surrogate-Capability",
    "X-URL-Scheme", "CloudFront-Viewer-Address", "CloudFront-Forwarded-Proto", "DO-Connecting-IP", "CDN-RequestId",
    "Client-Cert", "Remote-Email", "Remote-Groups", "Disguised-Host", "Rndr-Id", "X-Kong-Request-Id", "OIDC-Claim-Sub",
    "X-Consumer-Username", "X-Script-Name", "X-HTTP-Host-Override", "X-True-Client-IP", "X-Source-IP", "NS-Client-IP",
    "X-Tunnel-Authorization", "X-Gateway-Host", "Max-Forwards", "Teleport-Jwt-Assertion",
]  # fmt: skip
BY_BROWSERS = [
    "Accept", "Accept-Encoding", "Accept-Language", "Cache-Control", "Connection", "Content-Type", "Content-Length",
    "Cookie", "DNT", "Eigenscope-Project", "If-None-Match", "Idempotency-Key", "Origin", "Priority", "Referer", "Range",
    "Sec-Fetch-Site", "Sec-GPC", "Sec-CH-UA", "Tus-Resumable", "Upload-Offset", "Upgrade-Insecure-Requests",
    "User-Agent", "X-Requested-With", "X-Auth-Token", "X-CSRF-Token", "X-Upload-Id", "X-Total", "X-Request-ID",
    "X-HTTP-Method-Override", "Traceparent", "Proxy-Connection",
]  # fmt: skip


@pytest.mark.parametrize("name", FORWARDING)
def test_what_a_proxy_forwards_is_not_of_this_machine(name: str) -> None:
    headers = Headers({"Host": "127.0.0.1:8000", name: "10.0.0.1"})
    assert read_credentials(headers, "127.0.0.1", Settings()).forwarded


def test_headers_of_browsers_are_not_of_a_proxy() -> None:
    headers = Headers({"Host": "127.0.0.1:8000", **dict.fromkeys(BY_BROWSERS, "x")})
    assert not read_credentials(headers, "127.0.0.1", Settings()).forwarded


@pytest.mark.parametrize(
    ("path", "pauses", "stalls"),
    [
        ("/api/v1/runs", [0.0, 0.0], False),
        ("/api/v1/runs", [1.0], True),
        ("/api/v1/runs", [0.2, 0.2, 0.2], True),  # in all
        ("/api/v1/checkpoints", [0.2, 0.2, 0.2], False),  # an upload that moves
        ("/api/v1/checkpoints", [0.1, 1.0], True),
    ],
)
def test_a_body_that_stalls_is_cut_off(path: str, pauses: list[float], stalls: bool) -> None:
    async def read() -> bool:
        left = list(pauses)

        async def receive() -> Message:
            if not left:  # the end of the connection, a long time later
                await anyio.sleep(0.6)
                return {"type": "http.disconnect"}
            await anyio.sleep(left.pop(0))
            return {"type": "http.request", "body": b"x", "more_body": bool(left)}

        body = Bounded(path, receive, idle=0.4)
        try:
            while (await body.receive())["type"] != "http.disconnect":
                pass
        except UploadStalled:
            return body.fault is not None
        return False

    assert anyio.run(read) == stalls


@pytest.mark.parametrize("path", ["/api/v1/runs/%00", "/api/v1/runs?tag=a%00b", "/api/v1/checkpoints?name=%00"])
def test_an_address_with_a_nul_is_refused(service: Service, path: str) -> None:
    """PostgreSQL holds no such character: it answered with a fault of the server."""
    answer = service.client.get(path)
    assert answer.status_code == 422
    assert answer.json()["code"] == "bad-address"
    assert "NUL" in answer.json()["detail"]


def test_of_two_hosts_none_is_believed(service: Service) -> None:
    answer = service.client.get("/api/v1/me", headers=[("Host", "127.0.0.1"), ("Host", "evil.example")])
    assert answer.status_code == 421


def test_a_listener_that_leaves_is_no_incident(caplog: pytest.LogCaptureFixture) -> None:
    async def gone(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ClientDisconnect

    (start,) = call(gone)
    assert start["status"] == 200
    assert "incident" not in caplog.text
