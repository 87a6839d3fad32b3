"""The queue: Celery, on files in the data folder by itself, on Redis or RabbitMQ in production.

Messages hold a task's name and one row's id, nothing else. They only wake a worker: losing one costs time, never work.
"""

import os
import sys
import uuid
from pathlib import Path
from time import monotonic
from typing import Any

from celery import Celery
from kombu.entity import Exchange, Queue
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport.filesystem import Channel as FileChannel
from kombu.transport.filesystem import Transport as FileTransport
from kombu.utils.json import dumps

from app.settings import Settings

TASKS = ("ingest", "analyse", "mitigate", "prescribe", "judge")
FORMER = ("mend",)  # names of tasks that messages of earlier versions hold: still received, no longer sent
POLL_SECONDS = 0.05  # how often the worker of the embedded mode looks for a message
POOL_STARTS = 120.0  # seconds a pool process may take to start. Celery's 4 kill it, again and again, on a busy machine
SEND_SECONDS = 3  # that a broker may take to accept a connection or a message
RECEIVE_SECONDS = 30  # that Redis may take to answer a worker, which asks it every second
REST_SECONDS = 5.0  # after a broker did not answer, until a request tries again; the sweeper sends meanwhile
PING_EXPIRES = 60  # seconds after which an unanswered ping may be forgotten


class WholeFileChannel(FileChannel):
    """kombu's, but a message appears as a whole.

    kombu's own creates the file and then fills it; a worker that looks in between reads nothing and stops.
    """

    def _put(self, queue: Any, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]  # kombu's base classes differ
        folder = Path(self.data_folder_out)
        name = f"{round(monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        partial = folder / f".{name}.part"
        partial.write_text(dumps(payload))
        partial.rename(folder / name)


class WholeFileTransport(FileTransport):
    """kombu's file-system transport with `WholeFileChannel`."""

    Channel = WholeFileChannel


TRANSPORT_ALIASES["files"] = f"{__name__}:{WholeFileTransport.__name__}"


def queue_name(settings: Settings, name: str) -> str:
    return f"{settings.queue_prefix}-{name}"


def _queue(settings: Settings, name: str) -> Queue:
    # The nameless exchange routes by queue name and needs no table of bindings, which files cannot share safely.
    full = queue_name(settings, name)
    return Queue(full, exchange=Exchange(""), routing_key=full, durable=True)


def ping_queue(settings: Settings) -> Queue:
    return _queue(settings, "ping")


def make_celery(settings: Settings, sends: bool = False) -> Celery:
    """The Celery application of these settings, the same for the service and its workers.

    One that only `sends` gives a broker that hangs a few seconds; a consumer has to wait for its messages.
    """
    app = Celery("eigenscope", broker=settings.broker or "files://localhost//", set_as_current=False)
    app.conf.update(
        task_queues=[_queue(settings, name) for name in (*TASKS, *FORMER)],
        task_routes={name: {"queue": queue_name(settings, name)} for name in TASKS},
        task_create_missing_queues=False,
        task_default_queue=queue_name(settings, TASKS[0]),
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_acks_late=True,
        task_time_limit=settings.unit_limit_seconds,
        worker_prefetch_multiplier=1,
        worker_concurrency=1,
        worker_pool="prefork",
        worker_pool_start_method="spawn",  # a forked child could not use CUDA
        worker_proc_alive_timeout=POOL_STARTS,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options=_transport_options(settings, sends),
        broker_connection_timeout=SEND_SECONDS,
        broker_pool_limit=4,
    )
    return app


def _transport_options(settings: Settings, sends: bool) -> dict[str, Any]:
    if settings.is_embedded:
        messages, control = _folders(settings)
        return {
            "data_folder_in": str(messages),
            "data_folder_out": str(messages),
            "control_folder": str(control),
            "polling_interval": POLL_SECONDS,
        }
    if settings.broker_url is not None and settings.broker_url.startswith("redis"):
        # An unacknowledged message comes back after this: later than any unit may take. The sweeper is far quicker.
        return {
            "visibility_timeout": 2 * settings.unit_limit_seconds,
            "socket_connect_timeout": SEND_SECONDS,
            "socket_timeout": SEND_SECONDS if sends else RECEIVE_SECONDS,
            "socket_keepalive": True,
            "retry_on_timeout": False,
        }
    return {"read_timeout": SEND_SECONDS, "write_timeout": SEND_SECONDS} if sends else {}


def _folders(settings: Settings) -> tuple[Path, Path]:
    folder = settings.data_dir / "queue"
    return folder / "messages", folder / "control"


def make_folders(settings: Settings) -> None:
    """Makes the folders that the embedded mode's messages lie in."""
    if settings.is_embedded:
        for folder in _folders(settings):
            folder.mkdir(parents=True, exist_ok=True)


class BrokerAway(Exception):
    """The broker did not answer a moment ago."""


class Sender:
    """Sends wake-ups. Each call opens, or takes from the pool, a connection of its own."""

    def __init__(self, settings: Settings) -> None:
        make_folders(settings)
        self._settings = settings
        self._celery = make_celery(settings, sends=True)
        self._rests_until = 0.0

    def send(self, name: str, identity: int) -> None:
        """Wakes a worker for a row. Raises what the broker's client raises when the broker is away.

        Raises BrokerAway at once for some seconds after that: not each request waits for a broker that hangs.
        """
        if monotonic() < self._rests_until:
            raise BrokerAway("the broker did not answer a moment ago")
        try:
            self._celery.send_task(name, (identity,), retry=False)
        except Exception:
            self._rests_until = monotonic() + REST_SECONDS
            raise

    def ping(self, identity: int) -> None:
        """Sends a ping to the workers' own queue for it, which a busy worker answers too."""
        queue = ping_queue(self._settings)
        with self._celery.producer_pool.acquire(block=True, timeout=SEND_SECONDS) as producer:
            producer.publish(
                {"id": identity},
                exchange="",
                routing_key=queue.name,
                declare=[queue],
                serializer="json",
                expiration=PING_EXPIRES,
                retry=False,
            )
        self._rests_until = 0.0

    def close(self) -> None:
        self._celery.close()


def worker_command() -> list[str]:
    """How to start a worker, in any mode. Neither its first folder nor the current one is searched for modules (-P)."""
    options = ["--loglevel=WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    return [sys.executable, "-P", "-m", "celery", "--app=workers.tasks", "--quiet", "worker", *options]


def reach(settings: Settings) -> None:
    """Connects to the broker once. Raises what its client raises when it is not there."""
    with make_celery(settings).connection_for_write(connect_timeout=5) as connection:
        connection.ensure_connection(max_retries=1, timeout=5)


def process_label() -> str:
    """Which process of which machine this is, for people who look for it."""
    return f"{os.uname().nodename}:{os.getpid()}"
