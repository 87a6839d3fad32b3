"""Uploads to a served process that is killed: the client goes on where it was, and sends one piece again at most."""

import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import missing
from tests.integration.conftest import SERVE, Deployment, until
from tests.service import model

PIECE = 1 << 20
SIZE = 24 * PIECE + 12345
TUS = {"Tus-Resumable": "1.0.0"}
Deploy = Callable[[str], Deployment]


def content() -> bytes:
    return b"".join(hashlib.sha256(number.to_bytes(4)).digest() for number in range(SIZE // 32 + 1))[:SIZE]


def restart(served: Deployment) -> None:
    """Kills the server, without a word, and starts another over the same data."""
    served.server.send_signal(signal.SIGKILL)
    served.server.wait()
    assert served.server.stdout is not None
    served.server.stdout.close()
    served.server = served._start(SERVE, subprocess.PIPE)
    assert served.server.stdout is not None
    address = served.server.stdout.readline().split()[-1]
    served.client = served.stack.enter_context(httpx.Client(base_url=address, timeout=30))


class Client:
    """A tus client that counts what it sends."""

    def __init__(self, served: Deployment, data: bytes) -> None:
        self.served, self.data, self.sent = served, data, 0
        answer = served.client.post("/api/v1/uploads", headers={**TUS, "Upload-Length": str(len(data))})
        assert answer.status_code == 201, answer.text
        self.url = answer.headers["location"]

    def offset(self) -> int:
        answer = self.served.client.head(self.url, headers=TUS)
        assert answer.status_code == 200
        return int(answer.headers["upload-offset"])

    def piece(self, at: int, dies_after: int | None = None) -> None:
        """One PATCH; the server is killed when so many of its bytes were sent."""

        def body() -> Any:
            for start in range(at, min(at + PIECE, len(self.data)), 65536):
                if dies_after is not None and start - at >= dies_after:
                    os.kill(self.served.server.pid, signal.SIGKILL)
                block = self.data[start : min(start + 65536, at + PIECE)]
                self.sent += len(block)
                yield block

        size = min(PIECE, len(self.data) - at)
        headers = {**TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": str(at)}
        answer = self.served.client.patch(self.url, content=body(), headers={**headers, "Content-Length": str(size)})
        assert answer.status_code == 204, answer.text


@pytest.mark.parametrize("kind", ["embedded", "redis"])
def test_a_server_that_is_killed_costs_one_piece_at_most(deploy: Deploy, kind: str) -> None:
    served, data = deploy(kind), content()
    client = Client(served, data)
    kills = [int(SIZE * share) // PIECE for share in (0.1, 0.5, 0.9)]
    at, costs = 0, []
    while at < SIZE:
        if kills and at // PIECE >= kills[0]:
            kills.pop(0)
            before = client.sent
            with pytest.raises(httpx.TransportError):
                client.piece(at, dies_after=PIECE // 2)
            restart(served)
            lost = client.sent - before - (client.offset() - at)
            costs.append(lost)
        else:
            client.piece(at)
        at = client.offset()
    assert len(costs) == 3
    assert all(0 <= lost <= PIECE for lost in costs), costs
    assert client.sent - SIZE == sum(costs)
    digest = hashlib.sha256(data).hexdigest()
    assert served.client.head(f"/api/v1/blobs/{digest}").status_code == 200
    stored = served.folder / "blobs" / digest[:2] / digest
    assert hashlib.sha256(stored.read_bytes()).hexdigest() == digest
    assert list((served.folder / "partials").iterdir()) == []


def test_what_came_before_the_connection_broke_is_kept(deploy: Deploy) -> None:
    served, data = deploy("embedded"), content()
    client = Client(served, data)

    def breaks() -> Any:
        yield data[:300_000]
        raise ConnectionResetError

    headers = {**TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
    with pytest.raises(ConnectionResetError):
        served.client.patch(client.url, content=breaks(), headers={**headers, "Content-Length": str(SIZE)})
    served.client.close()
    served.client = served.stack.enter_context(httpx.Client(base_url=served.client.base_url, timeout=30))
    until(lambda: client.offset() == 300_000, "what came is there", 10)
    client.piece(300_000)


def address(served: Deployment) -> str:
    return str(served.client.base_url).rstrip("/")


def curl(*words: str) -> "subprocess.CompletedProcess[str]":
    if shutil.which("curl") is None:
        missing("no curl")
    return subprocess.run(
        ["curl", "-s", "-v", "-w", "%{http_code} %{size_upload}", *words], capture_output=True, text=True, timeout=60
    )


def test_curl_asks_before_it_sends(deploy: Deploy, tmp_path: Path) -> None:
    served = deploy("embedded")
    file = tmp_path / "large.bin"
    file.write_bytes(content())
    digest = hashlib.sha256(content()).hexdigest()
    url = f"{address(served)}/api/v1/blobs/{digest}"
    first = curl("-T", str(file), url)
    assert first.stdout.endswith(f"201 {SIZE}"), first
    assert "HTTP/1.1 100 Continue" in first.stderr
    again = curl("-T", str(file), url)
    assert again.stdout.endswith("200 0"), again  # known, so not a byte is sent
    file.write_bytes(content()[:-1] + b"!")
    other = f"{address(served)}/api/v1/blobs/{'0' * 64}"
    wrong = curl("-T", str(file), other)
    assert "digest-mismatch" in wrong.stdout
    assert wrong.stdout.endswith(f"400 {SIZE}")


def test_curl_sends_a_checkpoint_in_every_way(deploy: Deploy, tmp_path: Path) -> None:
    served = deploy("embedded")
    file = tmp_path / "m.safetensors"
    file.write_bytes(model())
    url = f"{address(served)}/api/v1/checkpoints?filename=m.safetensors"
    for words, status in ((("-X", "POST", "-T"), "201"), (("-T",), "200"), (("-X", "POST", "-T"), "201")):
        assert curl(*words, str(file), url).stdout.rpartition("}")[2].split()[0] == status
    run = served.run(2)
    assert served.finished(run)["state"] == "done"
