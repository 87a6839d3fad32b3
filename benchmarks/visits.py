"""Visits of a page in a Chromium that no developer tool is attached to.

With one attached, V8 records source positions for every error that Plotly's script throws and catches as it starts,
which takes half a second that no reader waits for. So a page is not driven: an extension in a fresh profile notes when
the last task of more than 50 ms ended within two seconds after loading, sends it to a listener here, and goes on to
the second visit of the same page.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

from docs.browser import FLAGS

PATIENCE = 60.0  # seconds for one visit on a busy machine
SIZE = "--window-size=1440,900"
EXTENSION = "--disable-features=DisableLoadExtensionCommandLineSwitch"
START = """<script>
onload = () => setTimeout(() => { location = new URLSearchParams(location.search).get("then"); }, 1500);
</script>"""  # the browser itself has started by then
WATCH = """
const tasks = [], listener = %(listener)s, page = %(page)s;
if (location.href === page) {
  new PerformanceObserver((list) => tasks.push(...list.getEntries().map((one) => one.startTime + one.duration)))
    .observe({ type: "longtask", buffered: true });
  addEventListener("load", () => setTimeout(async () => {
    const loaded = performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd;
    await fetch(listener, { method: "POST", mode: "no-cors", body: String(Math.max(loaded, ...tasks)) });
    location = `${listener}?then=${encodeURIComponent(page)}`;
  }, 2000));
}
"""


class Listener(ThreadingHTTPServer):
    """Where a browser starts, and where the extension sends what it noted."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.noted: Queue[float] = Queue()
        self.address = f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(START.encode())

    def do_POST(self) -> None:
        assert isinstance(self.server, Listener)
        self.server.noted.put(float(self.rfile.read(int(self.headers["Content-Length"]))))
        self.answer(b"")

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the terminal is for the table."""


@contextmanager
def listening() -> Iterator[Listener]:
    with Listener() as listener:
        Thread(target=listener.serve_forever, daemon=True).start()
        try:
            yield listener
        finally:
            listener.shutdown()


def write_extension(folder: Path, listener: str, page: str) -> None:
    script = {"matches": ["http://127.0.0.1/*"], "js": ["watch.js"], "run_at": "document_start"}
    manifest = {"manifest_version": 3, "name": "watch", "version": "1", "content_scripts": [script]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "watch.js").write_text(WATCH % {"listener": json.dumps(listener), "page": json.dumps(page)})


def visits(path: str, page: str) -> tuple[float, float]:
    """Milliseconds until the page is interactive: on the first visit of a fresh profile, and on the second.

    `path` is the browser's. Raises `queue.Empty` if a visit takes longer than a minute.
    """
    with listening() as listener, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        write_extension(folder, listener.address, page)
        options = [*FLAGS, SIZE, EXTENSION, f"--load-extension={name}", f"--user-data-dir={folder / 'profile'}"]
        browser = subprocess.Popen(
            [path, *options, f"{listener.address}?then={page}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            return listener.noted.get(timeout=PATIENCE), listener.noted.get(timeout=PATIENCE)
        finally:
            browser.terminate()
            browser.wait()
