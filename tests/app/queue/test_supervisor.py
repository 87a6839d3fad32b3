"""The supervised child: started again when it dies, gone when its parent is."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.queue import supervisor as embedded
from app.queue.supervisor import Supervisor, end, lock, worker_environment
from app.settings import Settings

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_a_child_that_dies_is_started_again() -> None:
    supervisor = Supervisor(SLEEP, os.environ, first_pause=0.05)
    supervisor.start()
    until(lambda: supervisor.process is not None)
    assert supervisor.process is not None
    first = supervisor.process.pid
    os.kill(first, signal.SIGKILL)
    until(lambda: supervisor.process is not None and supervisor.process.pid != first)
    supervisor.stop()
    assert supervisor.process.poll() is not None


def test_a_child_that_keeps_dying_is_started_less_and_less_often(caplog: pytest.LogCaptureFixture) -> None:
    supervisor = Supervisor([sys.executable, "-c", ""], os.environ, first_pause=0.01)
    supervisor.start()
    until(lambda: len(caplog.records) >= 3, 60.0)
    supervisor.stop()
    pauses = [record.args[1] for record in caplog.records if isinstance(record.args, tuple)]
    assert pauses[:3] == pytest.approx([0.02, 0.04, 0.08])


def test_a_child_that_will_not_end_is_made_to() -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert end(process, grace=0.2) == -signal.SIGKILL


def test_the_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """The parent is killed with no chance to say goodbye; the pipe to the child's standard input ends with it."""
    child = (
        "import os, time, workers.tasks as tasks; print(os.getpid(), flush=True); tasks.die_with_parent();"
        "time.sleep(60)"
    )
    parent = f"""
import os, time
from app.queue.supervisor import Supervisor, worker_environment
from app.settings import Settings
from pathlib import Path
s = Supervisor([{sys.executable!r}, "-c", {child!r}], worker_environment(Settings(data_dir=Path({str(tmp_path)!r}))), 1)
s.start()
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        time.sleep(0.3)
        assert Path(f"/proc/{pid}").exists()
        until(lambda: os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, process.pid))
        process.kill()
        until(lambda: _gone(pid))


def _gone(pid: int) -> bool:
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True


def test_the_worker_shares_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EIGENSCOPE_DATA_DIR", "/somewhere/else")
    ours = Settings(data_dir=tmp_path, lease_seconds=3, database_url="sqlite:////tmp/x.db")
    monkeypatch.setattr(os, "environ", worker_environment(ours))
    theirs = Settings()
    assert (theirs.data_dir, theirs.lease_seconds, theirs.database) == (tmp_path, 3, "sqlite:////tmp/x.db")


TRAPS = ("analysis", "app", "workers", "celery", "kombu", "torch", "json", "billiard", "sitecustomize")


def test_no_module_comes_from_the_folder_that_the_service_starts_in(tmp_path: Path) -> None:
    """A worker is started as `serve` does it in a folder full of files named like modules: it must import none."""
    traps, data = tmp_path / "traps", tmp_path / "data"
    traps.mkdir()
    data.mkdir()
    for name in TRAPS:
        (traps / f"{name}.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'a').write({name!r} + chr(10))\n")
    start = f"""
from pathlib import Path
from app.db import Database
from app.queue.broker import Sender, worker_command
from app.queue.pings import round_trip
from app.queue.supervisor import Supervisor, worker_environment
from app.settings import Settings
settings = Settings(data_dir=Path({str(data)!r}))
sender = Sender(settings)
database = Database(settings.database, sender.send)
database.migrate()
supervisor = Supervisor(worker_command(), worker_environment(settings), 0.5, settings.data_dir)
supervisor.start()
while round_trip(database, sender, 60).worker is None:
    pass
supervisor.stop()
"""
    done = subprocess.run([sys.executable, "-P", "-c", start], cwd=traps, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "sprung").exists(), (tmp_path / "sprung").read_text()


OTHERS: dict[str, Any] = {
    "database_url": "sqlite:////tmp/x.db", "broker_url": "redis://127.0.0.1:1/0", "queue_prefix": "mine",
    "allowed_hosts": ("a.example", "b.example"), "log": "json", "proxy_addresses": ("10.1.0.0/16",),
    "proxy_user_header": "X-User", "proxy_scope": "read", "webhook_hosts": ("ci.example",),
    "source_roots": (Path("/a"), Path("/b c")), "source_stores": ("s3://bucket/x", "gs://y"), "source_hub": True,
    "source_hub_endpoint": "https://hub.example", "memory_limit": 12345,
    "database_password": SecretStr("p@ss"), "broker_password": SecretStr("w/rd"),
}  # fmt: skip


def test_no_setting_is_forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each with another value than it has by itself, so that one that does not arrive is seen."""
    defaults = Settings(data_dir=tmp_path)
    numbers: dict[str, Any] = {
        name: type(value)(value + 1)
        for name in Settings.model_fields
        if isinstance(value := getattr(defaults, name), int | float) and not isinstance(value, bool)
    }
    ours = Settings(data_dir=tmp_path, **{**numbers, **OTHERS})
    unlike = {name for name in Settings.model_fields if getattr(ours, name) != getattr(defaults, name)}
    assert unlike == set(Settings.model_fields) - embedded.OF_THE_SERVICE - {"data_dir"} | {"port"}
    monkeypatch.setattr(os, "environ", worker_environment(ours))
    theirs = Settings()
    for name in set(Settings.model_fields) - embedded.OF_THE_SERVICE:
        assert getattr(theirs, name) == getattr(ours, name), name


def test_a_setting_that_is_none_is_none_for_the_worker_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EIGENSCOPE_MEMORY_LIMIT", "1000")
    monkeypatch.setattr(os, "environ", worker_environment(Settings(data_dir=tmp_path, memory_limit=None)))
    assert Settings().memory_limit is None


def test_a_data_folder_belongs_to_one_service(tmp_path: Path) -> None:
    with lock(tmp_path / "data"), pytest.raises(BlockingIOError):
        embedded.lock(tmp_path / "data")
    lock(tmp_path / "data").close()
