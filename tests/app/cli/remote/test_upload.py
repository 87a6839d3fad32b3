"""`eigenscope upload`, by what it sends and what it says."""

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli.main import main
from tests.receiver import Receiver, receiving

STATES = {"done": None, "failed": {"code": "checkpoint-rejected", "message": "the file is empty"}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tuned.safetensors"
    path.write_bytes(b"bytes")
    return path


def service(state: str) -> Receiver:
    """Knows no bytes; its ids count from 7; its runs are in this state."""
    ids = iter(range(7, 100))

    def answer(handler: BaseHTTPRequestHandler) -> None:
        told = {"PUT": {}, "POST": {"id": next(ids)}, "GET": {"state": state, "reason": STATES[state]}}
        body = json.dumps(told.get(handler.command, {})).encode()
        handler.send_response(404 if handler.command == "HEAD" else 200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    return Receiver(answer)


def upload(there: Receiver, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["upload", *arguments, "--server", there.url])


def sent(there: Receiver, path: str) -> list[dict[str, Any]]:
    return [json.loads(heard.body) for heard in there.heard if (heard.method, heard.path) == ("POST", path)]


def test_it_sends_a_checkpoint_asks_for_a_run_and_says_where_both_are(file: Path) -> None:
    with receiving(service("done")) as there:
        found = upload(there, str(file), "--wait")
    assert found.exit_code == 0, found.stderr
    (checkpoint,) = sent(there, "/api/v1/checkpoints")
    assert checkpoint["name"] == "tuned.safetensors"
    (run,) = sent(there, "/api/v1/runs")
    (first, second) = found.stdout.splitlines()
    (given,) = run["checkpoints"]
    assert first == f"Checkpoint {given}: {there.url}/checkpoints/{given}"
    assert second.startswith(f"Report: {there.url}/runs/")


def test_with_a_base_both_are_sent_and_compared(file: Path) -> None:
    base = file.with_name("base.safetensors")
    base.write_bytes(b"others")
    with receiving(service("done")) as there:
        found = upload(there, str(file), "--base", str(base), "--name", "model@main", "--json")
    told = json.loads(found.stdout)
    assert [each["name"] for each in sent(there, "/api/v1/checkpoints")] == ["base.safetensors", "model@main"]
    assert sent(there, "/api/v1/runs") == [{"checkpoints": [each["id"] for each in told["checkpoints"]]}]
    assert told["run"]["url"] == f"{there.url}/runs/{told['run']['id']}"


def test_only_sent(file: Path) -> None:
    with receiving(service("done")) as there:
        found = upload(there, str(file), "--no-run")
    assert (found.exit_code, sent(there, "/api/v1/runs"), "Report" in found.stdout) == (0, [], False)


def test_a_run_that_fails_is_said_with_its_reason(file: Path) -> None:
    with receiving(service("failed")) as there:
        found = upload(there, str(file), "--wait")
    assert found.exit_code == 3
    assert "run-ended" in found.stderr
    assert "is failed: the file is empty" in " ".join(found.stderr.split())


def test_a_server_that_is_not_there(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.client.remote.PAUSE", 0.001)
    found = CliRunner().invoke(main, ["upload", str(file), "--server", "http://127.0.0.1:1"])
    assert (found.exit_code, "server-unreachable" in found.stderr) == (3, True)
