"""Servers of our own that speak what the real ones speak: S3 by moto, and a hub that huggingface_hub talks to."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}


@contextmanager
def s3(patch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A running S3 with an empty bucket “models”, named in the environment as an administrator would; its client."""
    import logging

    import obstore
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://127.0.0.1:{1}".format(*server.get_host_and_port())
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": address, "AWS_ALLOW_HTTP": "true"}.items():
        patch.setenv(name, value)
    import urllib.request

    for bucket in ("models", "private"):
        urllib.request.urlopen(urllib.request.Request(f"{address}/{bucket}", method="PUT")).close()
    yield obstore.store.from_url("s3://models")
    server.stop()


COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class FakeHub:
    """A hub with one model, org/name, of these files. `cut` breaks off after so many answers with bytes."""

    files: Mapping[str, bytes]
    promised: Mapping[str, str] = field(default_factory=dict)  # digests that are not the true ones
    cut: int | None = None
    ranges: list[tuple[str, int, int]] = field(default_factory=list)
    address: str = ""

    def entry(self, name: str) -> dict[str, Any]:
        content = self.files[name]
        digest = self.promised.get(name, hashlib.sha256(content).hexdigest())
        lfs = {"sha256": digest, "size": len(content), "pointerSize": 134, "oid": digest}
        return {"size": len(content), "blobId": "b" * 40, "oid": "b" * 40, **({"lfs": lfs} if "." in name else {})}

    def answer(self, method: str, path: str, span: str) -> tuple[int, bytes, dict[str, str]]:
        if re.fullmatch(r"/api/models/org/name/revision/(main|v1|[0-9a-f]{40})", path):
            siblings = [{"rfilename": name, **self.entry(name)} for name in self.files]
            return (
                200,
                json.dumps({"id": "org/name", "modelId": "org/name", "sha": COMMIT, "siblings": siblings}).encode(),
                {},
            )
        if path == f"/api/models/org/name/tree/{COMMIT}":
            listed = [{"type": "file", "path": name, **self.entry(name)} for name in self.files]
            return 200, json.dumps(listed).encode(), {}
        found = re.fullmatch(rf"/org/name/resolve/{COMMIT}/(.+)", path)
        if found and method == "GET" and found[1] in self.files:
            return self.piece(found[1], span)
        if "gated" in path:
            return 403, b"{}", {"X-Error-Code": "GatedRepo"}
        return 404, b"{}", {"X-Error-Code": "RepoNotFound"}

    def piece(self, name: str, span: str) -> tuple[int, bytes, dict[str, str]]:
        first, last = (int(number) for number in span.removeprefix("bytes=").split("-"))
        if self.cut is not None and len(self.ranges) >= self.cut:
            return 599, b"", {}
        self.ranges.append((name, first, last + 1))
        content = self.files[name]
        return 206, content[first : last + 1], {"Content-Range": f"bytes {first}-{last}/{len(content)}"}


@contextmanager
def serving(hub: FakeHub) -> Iterator[FakeHub]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            path = unquote(urlsplit(self.path).path)
            status, body, headers = hub.answer(self.command, path, self.headers.get("range", ""))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_POST = do_HEAD = reply  # noqa: N815  # the names that http.server calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    yield hub
    server.shutdown()
    server.server_close()
