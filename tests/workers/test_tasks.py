"""The tasks: found by name, thin, and answering pings out of the main process."""

import io
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from billiard.exceptions import WorkerLostError  # type: ignore[import-untyped]  # it has no types

from app import logs
from app.models import Ping
from app.queue.broker import FORMER, TASKS
from tests.mitigations import ask, sent
from tests.service import Service, model
from workers import tasks


class Message:
    def __init__(self) -> None:
        self.acknowledged = False

    def ack(self) -> None:
        self.acknowledged = True


@pytest.fixture
def wired(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service whose worker is this process."""
    monkeypatch.setattr(tasks, "settings", service.settings)
    monkeypatch.setattr(tasks, "database", lambda: service.database)
    monkeypatch.setattr(tasks, "storage", lambda: service.storage)
    return service


def test_every_task_that_is_sent_is_there() -> None:
    assert {*TASKS, *FORMER} <= set(tasks.celery.tasks)


def test_a_mitigation_is_made_by_its_task_under_either_name(wired: Service) -> None:
    for number, name in enumerate(("mitigate", "mend"), 1):
        ask(sent(wired) if number == 1 else wired)
        tasks.celery.tasks[name](number)
        assert wired.get(f"/api/v1/mitigations/{number}")["state"] == "done"


def test_tasks_take_an_id_and_do_its_work(wired: Service) -> None:
    wired.upload(model())
    wired.run(1)
    tasks.ingest(1)
    for name, identity in wired.workers.sent:
        if name == "analyse":
            tasks.analyse(identity)
    assert wired.get("/api/v1/runs/1")["state"] == "done"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is logged as JSON meanwhile."""
    root, stream = logging.getLogger(), io.StringIO()
    before, level = root.handlers[:], root.level
    logs.setup("json", stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


def test_lines_tell_of_which_piece_of_work_they_are(wired: Service, written: io.StringIO) -> None:
    wired.upload(model())
    wired.run(1)
    tasks.ingest(1)
    unit = next(identity for name, identity in wired.workers.sent if name == "analyse")
    tasks.analyse(unit)
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    read, done = (next(line for line in lines if line["message"] == told) for told in ("checkpoint read", "unit done"))
    assert (read["task"], read["checkpoint"]) == ("ingest", 1)
    assert (done["task"], done["unit"], done["run"], done["claim"]) == ("analyse", unit, 1, 1)
    assert done["tensors"] == 5


def test_celery_leaves_the_lines_to_us(written: io.StringIO) -> None:
    tasks.write_lines()
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler.formatter, logs.FORMATS[tasks.settings.log])


def test_a_ping_is_answered(wired: Service) -> None:
    with wired.database.writing() as session:
        session.add(Ping(id=4))
    message = Message()
    tasks.pong({"id": 4}, message)
    assert message.acknowledged
    with wired.database.reading() as session:
        found = session.get_one(Ping, 4)
    assert found.answered_at is not None
    assert found.worker is not None
    assert found.worker.endswith(str(os.getpid()))


@pytest.mark.parametrize("body", [None, [], {"id": "4"}, {"id": 99}, "x"])
def test_a_message_that_is_no_ping_is_dropped(wired: Service, body: Any) -> None:
    message = Message()
    tasks.pong(body, message)
    assert message.acknowledged


def test_the_main_process_does_without_torch(tmp_path: Path) -> None:
    code = "import sys, workers.tasks; sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "EIGENSCOPE_DATA_DIR": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


def test_the_pool_process_has_it_before_the_first_message(tmp_path: Path) -> None:
    code = "import sys, workers.tasks as tasks; tasks.warm_up(); sys.exit('torch' not in sys.modules)"
    environment = {**os.environ, "EIGENSCOPE_DATA_DIR": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0


def test_a_pool_process_whose_worker_goes_ends_while_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()
    left: list[int] = []

    def leave(status: int) -> None:
        left.append(status)
        begun.set()

    monkeypatch.setattr("workers.tasks.os._exit", leave)
    tasks.end_without(os.getppid() + 1, begun)
    assert left == [0]
    tasks.end_without(os.getppid() + 1, begun)  # it has begun: what is in hand comes to its end
    assert left == [0]


def test_preparing_takes_over_what_a_dead_worker_held(wired: Service) -> None:
    wired.upload(model())
    from app import checkpoints
    from app.models import Checkpoint
    from app.work.leases import lock_expired

    with wired.database.writing() as session:
        checkpoints.claim(session, wired.settings, 1)
    tasks.prepare()
    with wired.database.writing() as session:
        assert len(lock_expired(session, Checkpoint)) == 1


@pytest.mark.parametrize(("ending", "is_told"), [("signal 15 (SIGTERM) Job: 1.", True), ("signal 9 (SIGKILL)", False)])
def test_an_orderly_stop_is_told_in_words_and_a_loss_as_it_is(ending: str, is_told: bool) -> None:
    error = WorkerLostError(f"Worker exited prematurely: {ending}")
    found = (type(error), error, None)
    text = "Task handler raised error: %r"
    record = logging.LogRecord("celery.worker.request", logging.ERROR, __file__, 1, text, (error,), found)
    assert tasks.tell_orderly_stop(record)
    words = record.getMessage()
    assert (record.exc_info is None, record.levelname == "INFO", words.startswith("the worker stops")) == (is_told,) * 3
    assert (ending in words) != is_told
