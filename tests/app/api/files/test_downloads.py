"""Downloads: the bytes that were sent, under a name that does no harm."""

import hashlib

import pytest

from app.api.files.downloads import safe_name
from tests.service import Service, model


def test_what_was_sent_comes_back(service: Service) -> None:
    service.upload(model(), "run 7/model.safetensors")
    answer = service.client.get("/api/v1/checkpoints/1/files/run 7/model.safetensors")
    assert answer.content == model()
    assert answer.headers["content-disposition"] == 'attachment; filename="model.safetensors"'
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["etag"] == f'"{hashlib.sha256(model()).hexdigest()}"'


def test_a_part_can_be_asked_for(service: Service) -> None:
    service.upload(model())
    answer = service.client.get("/api/v1/checkpoints/1/files/model.safetensors", headers={"range": "bytes=8-15"})
    assert (answer.status_code, answer.content) == (206, model()[8:16])


@pytest.mark.parametrize("path", ["1/files/other.bin", "2/files/model.safetensors", "1/files/..%2f..%2feigenscope.db"])
def test_no_other_file_can_be_had(service: Service, path: str) -> None:
    service.upload(model())
    assert service.get(f"/api/v1/checkpoints/{path}", 404)["code"] == "not-found"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a/b/c.bin", "c.bin"),
        ("../../.bashrc", "bashrc"),
        ('x";rm -rf ~.pt', "x__rm -rf _.pt"),
        ("модель.pt", "модель.pt"),
        ("...", "file"),
    ],
)
def test_the_name_is_harmless(name: str, told: str) -> None:
    assert safe_name(name) == told
