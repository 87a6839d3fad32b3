"""HEAD: the status and headers of GET, without a body, everywhere."""

import pytest

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
