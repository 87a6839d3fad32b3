"""The client of a service: what is sent, what is sent again, and when it gives up."""

import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from app.client.errors import Late, Refused, RemoteError
from app.client.remote import Remote
from tests.receiver import Receiver, receiving


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.client.remote.PAUSE", 0.01)


def answering(*bodies: object) -> Receiver:
    """A server that gives these answers in turn; None drops the connection."""
    turns: Iterator[object] = iter(bodies)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = next(turns)
        if body is None:
            return
        data = json.dumps(body).encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return Receiver(answer)


def storing(known: bytes = b"") -> Receiver:
    """A service that has the bytes `known`, and makes checkpoint 7 of whatever files."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        absent = handler.command == "HEAD" and hashlib.sha256(known).hexdigest() not in handler.path
        body = b"" if handler.command == "HEAD" else b'{"id": 7}'
        handler.send_response(404 if absent else 201)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return Receiver(answer)


def test_a_file_is_streamed_under_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "a b.safetensors"
    path.write_bytes(b"x" * 3_000_000)
    with receiving(storing()) as there, Remote(there.url, "secret", 30) as remote:
        assert remote.upload([("a b.safetensors", path)], "model@main") == 7
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    asked, sent, made = there.heard
    assert (asked.method, asked.path) == ("HEAD", f"/api/v1/blobs/{digest}")
    assert (sent.method, sent.path) == ("PUT", f"/api/v1/blobs/{digest}?filename=a+b.safetensors")
    assert (len(sent.body), sent.headers["Authorization"]) == (3_000_000, "Bearer secret")
    assert json.loads(made.body) == {"name": "model@main", "files": [{"name": "a b.safetensors", "sha256": digest}]}


def test_of_several_files_only_what_the_service_lacks_is_sent(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(name.encode())
    with receiving(storing(b"a")) as there, Remote(there.url + "/api/v1/", None, 30) as remote:
        assert remote.upload([("m/a", tmp_path / "a"), ("m/b", tmp_path / "b")], "m") == 7
    assert [heard.body for heard in there.heard if heard.method == "PUT"] == [b"b"]
    made = there.heard[-1]
    assert (made.path, [file["name"] for file in json.loads(made.body)["files"]]) == (
        "/api/v1/checkpoints",
        ["m/a", "m/b"],
    )
    assert "Authorization" not in made.headers


def test_what_was_lost_is_sent_again_with_the_same_key() -> None:
    with receiving(answering(None, {"id": 3})) as there, Remote(there.url, None, 30) as remote:
        assert remote.run({"checkpoints": [1]}) == 3
    keys = [heard.headers["Idempotency-Key"] for heard in there.heard]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_it_waits_for_the_verdict() -> None:
    answers = answering({"state": "waiting"}, {"state": "waiting"}, {"state": "done", "passed": True})
    with receiving(answers) as there, Remote(there.url, None, 30) as remote:
        assert remote.verdict(5)["passed"] is True
    assert all(heard.path.startswith("/api/v1/runs/5/verdict?wait=") for heard in there.heard)


def test_the_deadline_is_for_everything() -> None:
    waiting = Receiver(200, body=b'{"state": "waiting"}')
    with receiving(waiting) as there, Remote(there.url, None, 2.0) as remote, pytest.raises(Late):
        remote.verdict(5)
    assert waiting.heard


def test_refusals_are_told_from_failures() -> None:
    problem = b'{"code": "bad-policy", "detail": "rule 1 \\u001b"}'
    with receiving(Receiver(400, body=problem)) as there, Remote(there.url, None, 30) as remote:
        with pytest.raises(Refused, match="the server answered 400: rule 1") as refused:
            remote.run({})
        assert refused.value.code == "bad-policy"
        assert "\x1b" not in str(refused.value)
        there.answer = 404
        with pytest.raises(RemoteError) as failed:
            remote.run({})
        assert not isinstance(failed.value, Refused)
    assert len(there.heard) == 2  # neither is tried again


def test_a_baseline_that_is_not_there_is_a_wrong_one() -> None:
    gone = Receiver(404, body=b'{"code": "not-found", "detail": "no run 9999"}')
    with receiving(gone) as there, Remote(there.url, None, 30) as remote, pytest.raises(Refused, match="no run 9999"):
        remote.run({"checkpoints": [1], "baseline": 9999})


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_when_it_says(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("app.client.remote.time.sleep", lambda seconds: slept.append(seconds))
    monkeypatch.setattr("app.client.remote.PAUSE", 0.5)
    busy = Receiver(status, {"Retry-After": "7"}, b'{"code": "busy", "detail": "later"}')
    with receiving(busy) as there, Remote(there.url, None, 30) as remote, pytest.raises(RemoteError):
        remote.run({})
    assert slept == [7.0, 7.0, 7.0, 7.0, 8.0]
    slept.clear()
    busy.headers.clear()
    with receiving(busy) as there, Remote(there.url, None, 30) as remote, pytest.raises(RemoteError):
        remote.run({})
    assert slept == [0.5, 1.0, 2.0, 4.0, 8.0]


def test_it_waits_no_longer_than_its_time() -> None:
    busy = Receiver(429, {"Retry-After": "3600"})
    with receiving(busy) as there, Remote(there.url, None, 0.5) as remote, pytest.raises(Late):
        remote.run({})
    assert len(there.heard) == 1


def test_redirects_take_the_token_nowhere() -> None:
    with receiving(Receiver()) as other, receiving(Receiver(302, {"Location": other.url})) as there:
        with Remote(there.url, "secret", 30) as remote, pytest.raises(RemoteError):
            remote.run({})
        assert other.heard == []
