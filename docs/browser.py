"""The service in a folder of its own, and the system's chromium: for pictures in these docs, tests and benchmarks."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
SERVE = "from app.cli.main import main; main(['serve', '--port', '0'])"
PATIENCE = 120.0  # seconds that a service on a busy machine may take to stop; then it is killed


def chromium() -> str | None:
    """Where it is; None where it is not installed."""
    return os.environ.get("EIGENSCOPE_CHROMIUM") or shutil.which("chromium")


@contextmanager
def serve(folder: Path, **variables: str) -> Iterator[tuple[str, int]]:
    """The address and the process id of a service that runs in the folder, with these settings alone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EIGENSCOPE_")}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE], env=kept | {"EIGENSCOPE_DATA_DIR": str(folder / "data")} | variables,
            stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            found = re.search(r"http://\S+?(?=/?$)", process.stdout.readline().strip())
            assert found, (folder / "log").read_text()
            yield found[0], process.pid
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
