"""Deployments of real processes: the embedded mode, and servers beside PostgreSQL with Redis or RabbitMQ."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from kombu.exceptions import OperationalError
from sqlalchemy.engine import make_url

from app.queue.broker import FORMER, TASKS, make_celery, ping_queue, queue_name, reach, worker_command
from app.settings import Settings
from tests.conftest import missing

ADMIN = os.environ.get("EIGENSCOPE_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")
REDIS = os.environ.get("EIGENSCOPE_TEST_REDIS", "redis://127.0.0.1:6379/11")
RABBITMQ = os.environ.get("EIGENSCOPE_TEST_RABBITMQ", "amqp://guest:guest@127.0.0.1:5672//")
SERVE = [sys.executable, "-c", "from app.cli.main import main; main(['serve'])"]  # as people start it
ROOT = Path(__file__).parents[2]


@dataclass
class Deployment:
    """Processes, and a client to talk to them. Leases are short, so that the dead are missed soon."""

    folder: Path
    environment: dict[str, str]
    is_embedded: bool
    stack: ExitStack
    serve: list[str] = field(default_factory=lambda: SERVE)
    work: list[str] = field(default_factory=worker_command)
    place: Path = ROOT  # where both are started
    client: httpx.Client = field(init=False)
    server: "subprocess.Popen[str]" = field(init=False)
    worker: "subprocess.Popen[str] | None" = field(init=False, default=None)

    def __post_init__(self) -> None:
        short = {"LEASE_SECONDS": "2", "SWEEP_SECONDS": "0.5", "RESTART_SECONDS": "0.02", "DISK_RESERVE": "0"}
        ours = {"DATA_DIR": str(self.folder), "PORT": "0", **short, **self.environment}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("EIGENSCOPE_")}
        self.environment = inherited | {f"EIGENSCOPE_{name}": value for name, value in ours.items()}
        self.server = self._start(self.serve, subprocess.PIPE)
        assert self.server.stdout is not None
        address = self.server.stdout.readline().split()[-1]
        self.client = self.stack.enter_context(httpx.Client(base_url=address, timeout=30))
        if not self.is_embedded:
            self.start_worker()
        until(lambda: self.client.get("/health").status_code == 200, "a worker answers", 120)

    def _start(self, command: list[str], stdout: int | None = None) -> "subprocess.Popen[str]":
        with (self.folder.parent / "log").open("a") as log:
            process = subprocess.Popen(
                command, env=self.environment, cwd=self.place, text=True, stdout=stdout or log, stderr=log
            )
        self.stack.callback(stop, process)
        return process

    def start_worker(self) -> None:
        self.worker = self._start(self.work)

    def worker_processes(self) -> list[int]:
        """The worker's main process and its pool process, where they are there."""
        parent = self.server.pid if self.worker is None else self.worker.pid
        workers = children(parent) if self.worker is None else [parent]
        return [pid for worker in workers for pid in (worker, *children(worker))]

    def upload(self, content: bytes, name: str = "model.safetensors") -> int:
        answer = self.client.post("/api/v1/checkpoints", params={"filename": name}, content=content)
        assert answer.status_code == 201, answer.text
        identity: int = answer.json()["id"]
        return identity

    def run(self, checkpoint: int) -> int:
        answer = self.client.post("/api/v1/runs", json={"checkpoints": [checkpoint]})
        assert answer.status_code == 201, answer.text
        identity: int = answer.json()["id"]
        return identity

    def mitigation(self, base: int, tuned: int) -> int:
        """Asked for as soon as both are ready."""
        until(
            lambda: all(self.get(f"checkpoints/{i}")["state"] == "ready" for i in (base, tuned)), "both are ready", 60
        )
        answer = self.client.post("/api/v1/mitigations", json={"base": base, "tuned": tuned})
        assert answer.status_code == 201, answer.text
        identity: int = answer.json()["id"]
        return identity

    def get(self, path: str) -> Any:
        answer = self.client.get(f"/api/v1/{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def finished(self, run: int, seconds: float = 60) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def has_ended() -> bool:
            found.update(self.get(f"runs/{run}?wait={min(5, round(seconds))}"))  # answered once it has
            return found["state"] not in ("waiting", "running")

        until(has_ended, f"run {run} ends", seconds)
        return found


def until(condition: Callable[[], object], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    try:
        return [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]
    except FileNotFoundError:
        return []


def stop(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


@contextmanager
def a_database() -> Iterator[str]:
    """The URL of a new, empty database, dropped afterwards."""
    name = f"eigenscope_{secrets.token_hex(6)}"
    try:
        admin = psycopg.connect(ADMIN, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        missing(f"PostgreSQL does not answer at {ADMIN}: {error}")
        raise
    with admin:
        admin.execute(f"CREATE DATABASE {name}")
        yield make_url(ADMIN).set(database=name).render_as_string(hide_password=False)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgresql() -> Iterator[str]:
    with a_database() as url:
        yield url


@contextmanager
def redis() -> Iterator[str]:
    """The URL of a Redis database of our own, emptied afterwards."""
    from redis import Redis
    from redis.exceptions import ConnectionError as AwayError

    client = Redis.from_url(REDIS)
    try:
        client.ping()
    except AwayError as error:
        missing(f"Redis does not answer at {REDIS}: {error}")
    yield REDIS
    client.flushdb()
    client.close()


@contextmanager
def rabbitmq() -> Iterator[tuple[str, str]]:
    """The URL of RabbitMQ, and a prefix of our own for queues, which are deleted afterwards."""
    settings = Settings(broker_url=RABBITMQ, queue_prefix=f"test-{secrets.token_hex(6)}")
    try:
        reach(settings)
    except OperationalError as error:
        missing(f"RabbitMQ does not answer at {RABBITMQ}: {error}")
    yield RABBITMQ, settings.queue_prefix
    with make_celery(settings).connection_for_write() as connection:
        for name in (*(queue_name(settings, task) for task in (*TASKS, *FORMER)), ping_queue(settings).name):
            connection.default_channel.queue_delete(name)


@pytest.fixture
def deploy(tmp_path: Path) -> Iterator[Callable[[str], Deployment]]:
    """Starts a deployment of a kind: "embedded", "redis" or "rabbitmq". Its processes end before what they use."""
    with ExitStack() as stack:

        def start(kind: str) -> Deployment:
            environment = {}
            if kind != "embedded":
                environment["DATABASE_URL"] = stack.enter_context(a_database())
            if kind == "redis":
                environment["BROKER_URL"] = stack.enter_context(redis())
            if kind == "rabbitmq":
                environment["BROKER_URL"], environment["QUEUE_PREFIX"] = stack.enter_context(rabbitmq())
            return Deployment(tmp_path / "data", environment, kind == "embedded", stack)

        yield start
    log = tmp_path / "log"
    if log.exists():
        print(log.read_text()[-8000:])
