"""gzip: for text of some size and who takes it; never for files, streams, small answers or twice."""

import pytest

from tests.service import Service, model

SENT = {"Accept-Encoding": "gzip"}


@pytest.mark.parametrize("path", ["/", "/api/v1/openapi.json", "/api/v1/runs/1/report", "/static/css/report.css"])
def test_text_is_compressed(analysed: Service, path: str) -> None:
    answer = analysed.client.get(path, headers=SENT)
    assert answer.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in answer.headers["vary"].lower()
    assert int(answer.headers["content-length"]) < len(answer.content)
    assert answer.content == analysed.client.get(path, headers={"Accept-Encoding": "identity"}).content


@pytest.mark.parametrize("path", ["/api/v1/checkpoints/1/files/model.safetensors", "/api/v1/runs/1", "/api/v1/runs/7"])
def test_files_and_small_answers_are_not(analysed: Service, path: str) -> None:
    assert "content-encoding" not in analysed.client.get(path, headers=SENT).headers


def test_a_file_comes_whole_and_in_ranges(analysed: Service) -> None:
    path = "/api/v1/checkpoints/1/files/model.safetensors"
    assert analysed.client.get(path, headers=SENT).content == model()
    part = analysed.client.get(path, headers={**SENT, "Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, model()[4:8])


def test_events_are_not(analysed: Service) -> None:
    answer = analysed.client.get("/api/v1/runs/1/events", headers=SENT)
    assert "content-encoding" not in answer.headers
    assert "event: end" in answer.text


def test_a_strong_tag_becomes_weak_with_other_bytes(service: Service) -> None:
    path = "/static/css/report.css"
    plain = service.client.get(path, headers={"Accept-Encoding": "identity"}).headers["etag"]
    compressed = service.client.get(path, headers=SENT).headers["etag"]
    assert compressed == f"W/{plain}"
    assert service.client.get(path, headers={**SENT, "If-None-Match": compressed}).status_code == 304
