"""HEAD: the status and headers of GET, without a body, everywhere."""

import http.client
import logging
import re
from collections.abc import Iterator

import pytest
from fastapi.routing import iter_route_contexts

from tests.listening import listening
from tests.service import Service, model

PATHS = [
    "/", "/api", "/runs/1", "/api/v1/runs", "/api/v1/runs/1", "/api/v1/runs/1/report", "/api/v1/runs/9",
    "/api/v1/openapi.json", "/api/v1/runs/1/tables/norms.csv", "/api/v1/checkpoints/1/files/model.safetensors",
    "/static/js/main.js", "/nowhere", "/api/v1/runs/1/cancel",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_it_is_answered_like_get(analysed: Service, path: str) -> None:
    get = analysed.client.get(path, headers={"Accept-Encoding": "identity"})
    head = analysed.client.head(path, headers={"Accept-Encoding": "identity"})
    assert head.content == b""
    assert head.status_code == get.status_code
    for name in ("content-type", "content-length", "etag", "cache-control", "allow", "content-security-policy"):
        assert head.headers.get(name) == get.headers.get(name), name


def test_it_tells_of_what_would_be_compressed(analysed: Service) -> None:
    asked = {"Accept-Encoding": "gzip"}
    get, head = (analysed.client.request(m, "/api/v1/openapi.json", headers=asked) for m in ("GET", "HEAD"))
    assert head.headers["content-encoding"] == get.headers["content-encoding"] == "gzip"
    assert head.headers["content-length"] == get.headers["content-length"]


def test_a_stream_of_events_ends_at_its_headers(service: Service) -> None:
    service.upload(model())
    service.run(1)  # and nobody works: the events would never end
    answer = service.client.head("/api/v1/runs/1/events")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")


def test_a_change_needs_its_own_method(analysed: Service) -> None:
    assert analysed.client.head("/api/v1/runs/1/cancel").status_code == 405
    assert analysed.get("/api/v1/runs/1")["state"] == "done"


@pytest.fixture
def port(analysed: Service) -> Iterator[int]:
    """A real server over the application."""
    with listening(analysed.app) as number:
        yield number


def every_get_route(service: Service) -> list[str]:
    """The path of each, with ids of what is there; what streams without end has a test of its own."""
    words = {
        "name": "norms",
        "diagnostic": "norms",
        "key": "stable_rank.depth",
        "sha256": "0" * 64,
        "path": "js/main.js",
    }
    paths = (
        re.sub(r"\{(\w+)(:\w+)?\}", lambda part: words.get(part[1], "1"), route.path or "")
        for route in iter_route_contexts(service.app.routes)
        if "GET" in (route.methods or {"GET"})
    )
    return sorted({path for path in paths if not path.endswith("/events")})


def test_every_route_answers_on_a_kept_connection(
    analysed: Service, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """HEAD, and GET after it: a body that HEAD sent by mistake would be taken for the beginning of the next answer."""
    caplog.set_level(logging.WARNING)
    paths = every_get_route(analysed)
    assert len(paths) > 60
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.connect()
    kept, statuses = connection.sock, []
    for path in paths:
        pair = []
        for method in ("HEAD", "GET"):
            connection.request(method, path, headers={"Host": "127.0.0.1:8000"})
            answer = connection.getresponse()
            body = answer.read()
            pair.append(answer.status)
            assert (method == "HEAD") <= (body == b""), path
            assert connection.sock is kept, f"{method} {path} closed the connection"
        assert pair[0] == pair[1], (path, pair)
        statuses.append(pair[1])
    connection.close()
    assert statuses.count(200) > 30
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_kept_connection_takes_one_after_the_other(port: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.connect()
    kept = connection.sock
    for path in [path for path in PATHS if path != "/nowhere"] * 3:
        for method in ("HEAD", "GET"):
            connection.request(method, path, headers={"Host": "127.0.0.1:8000"})
            answer = connection.getresponse()
            body = answer.read()
            assert (method == "HEAD") <= (body == b""), path
            assert connection.sock is kept, f"{method} {path} closed the connection"
    connection.close()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
