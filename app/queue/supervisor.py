"""The embedded mode's worker: one supervised child process, started again when it dies, gone when we are."""

import fcntl
import logging
import os
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from pydantic import SecretStr

from app.settings import Settings

LONGEST = 40  # how many first pauses the pause grows to, doubling, while workers die young
GROWN_UP = 20.0  # seconds after which a worker is not said to have died young
GRACE = 3.0  # seconds to end by itself; what it then still has in hand is offered again
SAFE_PATH = {"PYTHONSAFEPATH": "1"}  # for the pool processes too: no module comes from the folder they start in
OF_THE_SERVICE = frozenset({"host", "port", "token"})  # who may reach it: no worker listens, or needs the secret
log = logging.getLogger(__name__)


def worker_environment(settings: Settings) -> dict[str, str]:
    """Our own environment, with every setting that a worker may read, wherever it came from."""
    texts = {name: _environment_text(name, getattr(settings, name)) for name in Settings.model_fields}
    texts["data_dir"] = str(settings.data_dir.absolute())
    ours = {f"EIGENSCOPE_{name.upper()}": text for name, text in texts.items() if name not in OF_THE_SERVICE}
    environment = {name: text for name, text in os.environ.items() if name.upper() not in ours}
    values = {name: text for name, text in ours.items() if text is not None}
    return {**environment, **values, "EIGENSCOPE_SUPERVISED": "1", **SAFE_PATH}


def _environment_text(name: str, value: object) -> str | None:
    """A setting as its variable has it; None where it has none."""
    if isinstance(value, tuple):
        return (":" if name == "source_roots" else ",").join(map(str, value))
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return None if value is None else str(value)


class Supervisor(threading.Thread):
    """Keeps one worker process alive. It ends when the pipe to its standard input does, so it never outlives us.

    It works in `folder`, one of ours: Celery searches the current folder for modules, whatever Python was told.
    """

    def __init__(
        self, command: list[str], environment: Mapping[str, str], first_pause: float, folder: Path | None = None
    ) -> None:
        super().__init__(name="supervisor", daemon=True)
        self._folder = folder
        self._command, self._environment, self._first_pause = command, dict(environment), first_pause
        self._stopped = threading.Event()
        self.process: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        pause = self._first_pause
        while not self._stopped.is_set():
            began = time.monotonic()
            with subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.PIPE,
                start_new_session=True,
            ) as self.process:
                code = self._wait(self.process)
            if self._stopped.is_set():
                return
            pause = (
                self._first_pause
                if time.monotonic() - began > GROWN_UP
                else min(2 * pause, LONGEST * self._first_pause)
            )
            log.warning("the worker ended with %s; a new one starts in %.1f s", code, pause)
            self._stopped.wait(pause)

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        while not self._stopped.wait(0.1):
            if (code := process.poll()) is not None:
                return code
        return end(process)

    def stop(self) -> None:
        """Ends the worker, at the latest after a short grace."""
        self._stopped.set()
        self.join()


def end(process: subprocess.Popen[bytes], grace: float = GRACE) -> int:
    """Asks the process to end, and after the grace makes it."""
    process.terminate()
    try:
        return process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def lock(data_dir: Path) -> IO[str]:
    """Takes the data folder for this process alone, for as long as the file is open. Raises BlockingIOError."""
    data_dir.mkdir(parents=True, exist_ok=True)
    file = (data_dir / "lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise
    return file
