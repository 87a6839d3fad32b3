"""Faults of a deployment, twenty times each: `python -m benchmarks.faults [name …]`.

A server and a worker run beside PostgreSQL and Redis, both behind a relay that can cut, refuse or hold their
connections. Each time a run over the same small checkpoint is asked for, the fault happens in the middle of it, and
what came of the runs is counted: lost (a run that did not end as done, or without some rows), doubled (more rows than
without the fault), stuck (no end within three minutes), and answers to people with status 500. `--times 5` tries each
five times.
"""

import argparse
import os
import secrets
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import torch
from redis import Redis
from safetensors.torch import save
from sqlalchemy.engine import make_url

from benchmarks.timing import markdown
from tests.integration.conftest import REDIS, Deployment, a_database, redis, until

TIMES = 20
PATIENCE = 180.0  # seconds until a run counts as stuck
AWAY = 2.0  # seconds
PAUSE = 0.3  # seconds from one fault to the next run
TENSORS, SIDE = 12, 200
HEAD = ("fault", "N", "lost", "doubled", "stuck", "answers 503", "answers 500", "longest run, s")


class Relay:
    """A port of this machine in front of a server; `mode` says what becomes of connections: pass, refuse or hold."""

    def __init__(self, host: str, port: int) -> None:
        self._target, self.mode = (host, port), "pass"
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            if self.mode == "refuse":
                client.close()
                continue
            server = socket.create_connection(self._target)
            self._open |= {client, server}
            for here, there in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(here, there), daemon=True).start()

    def _pump(self, here: socket.socket, there: socket.socket) -> None:
        with suppress(OSError):
            while data := here.recv(65536):
                while self.mode == "hold":
                    time.sleep(0.02)
                there.sendall(data)
        self._close(here, there)

    def _close(self, *ends: socket.socket) -> None:
        for end in ends:
            self._open.discard(end)
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def cut(self) -> None:
        """Closes every connection that is open."""
        self._close(*list(self._open))

    @contextmanager
    def during(self, mode: str) -> Iterator[None]:
        self.mode = mode
        if mode == "refuse":
            self.cut()
        try:
            yield
        finally:
            self.mode = "pass"


@dataclass
class Place:
    """The deployment and what stands between it and its servers."""

    deployment: Deployment
    database: Relay
    broker: Relay
    url: str  # of the database itself
    checkpoint: int = 0
    answers: Counter[int] = field(default_factory=Counter)

    def ask(self, method: str, path: str, **body: object) -> httpx.Response:
        """An answer, whichever; a connection or status that says “try again” is tried again."""
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(httpx.HTTPError):
                answer = self.deployment.client.request(method, f"/api/v1/{path}", **body)  # type: ignore[arg-type]
                self.answers[answer.status_code] += 1
                if answer.status_code < 500:
                    return answer
            if time.monotonic() > deadline:
                raise TimeoutError(path)
            time.sleep(0.1)

    def rows(self, run: int | None = None) -> int:
        """Of a run, or of all."""
        with psycopg.connect(self.url) as connection:
            found = connection.execute(
                "SELECT count(*) FROM results WHERE run_id = coalesce(%s, run_id)", (run,)
            ).fetchone()
            return int(found[0]) if found else 0


def away(relay: Relay, mode: str) -> None:
    with relay.during(mode):
        time.sleep(AWAY)


def lose_messages(place: Place) -> None:
    Redis.from_url(REDIS).flushdb()


def double_messages(place: Place) -> None:
    """Sends every wake-up of a unit again, as a broker does that delivers twice."""
    from app.queue.broker import Sender
    from app.settings import Settings

    sender = Sender(Settings(broker_url=REDIS, data_dir=Path(tempfile.gettempdir())))
    with psycopg.connect(place.url) as connection:
        for (unit,) in connection.execute("SELECT id FROM units ORDER BY id DESC LIMIT 5").fetchall():
            for _ in range(3):
                sender.send("analyse", int(unit))
    sender.close()


def leave(place: Place) -> None:
    """Five listeners that leave in the middle."""
    address = place.deployment.client.base_url
    for _ in range(5):
        with suppress(httpx.HTTPError), httpx.stream("GET", f"{address}api/v1/runs/1/events", timeout=1) as answer:
            next(answer.iter_raw())


def kill(place: Place, whole: bool) -> None:
    """Kills the worker, which is started again, or its pool process, once a tensor is done since the last kill."""
    before = place.rows()
    until(lambda: place.rows() > before, "the runs go on after a kill", PATIENCE)
    processes = place.deployment.worker_processes()
    is_alone = len(processes) == 1
    os.kill(processes[0 if whole or is_alone else -1], signal.SIGKILL)
    if (whole or is_alone) and place.deployment.worker is not None:
        place.deployment.worker.wait()
        place.deployment.start_worker()


FAULTS: dict[str, Callable[[Place], None]] = {
    "connections to the database are cut": lambda place: place.database.cut(),
    "the database is away for 2 s": lambda place: away(place.database, "refuse"),
    "the database hangs for 2 s": lambda place: away(place.database, "hold"),
    "connections to the broker are cut": lambda place: place.broker.cut(),
    "the broker is away for 2 s": lambda place: away(place.broker, "refuse"),
    "the broker hangs for 2 s": lambda place: away(place.broker, "hold"),
    "the broker loses all messages": lose_messages,
    "every message comes four times": double_messages,
    "listeners leave": leave,
    "the worker is killed": lambda place: kill(place, whole=True),
    "its pool process is killed": lambda place: kill(place, whole=False),
}


@dataclass
class Count:
    """What became of the runs under one fault."""

    lost: int = 0
    doubled: int = 0
    stuck: int = 0
    longest: float = 0.0


def try_out(place: Place, fault: Callable[[Place], None], expected: int, times: int) -> Count:
    """One fault in the middle of each of so many runs, one after the other; then what became of them."""
    found, runs = Count(), dict[int, float]()
    for number in range(times):
        began = time.monotonic()
        runs[int(place.ask("POST", "runs", json={"checkpoints": [place.checkpoint]}).json()["id"])] = began
        time.sleep(PAUSE + 0.05 * (number % 8))  # at the start, in the middle, near the end
        fault(place)
    for run, began in runs.items():
        state = wait(place, run)
        found.longest = max(found.longest, time.monotonic() - began)
        rows = place.rows(run)
        found.stuck += state == "stuck"
        found.lost += state != "stuck" and (state != "done" or rows < expected)
        found.doubled += rows > expected
    return found


def wait(place: Place, run: int) -> str:
    """The state that it ends in; a run that lacks tensors is not plainly done."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = place.ask("GET", f"runs/{run}").json()
        if found["state"] not in ("waiting", "running"):
            return found["state"] if found["reason"] is None else f"{found['state']}: {found['reason']['code']}"
        time.sleep(0.05)
    return "stuck"


@contextmanager
def deployed() -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        url = stack.enter_context(a_database())
        there, queue = make_url(url), make_url(stack.enter_context(redis()))
        database = Relay(there.host or "127.0.0.1", there.port or 5432)
        broker = Relay(queue.host or "127.0.0.1", queue.port or 6379)
        relayed = there.set(host="127.0.0.1", port=database.port).render_as_string(hide_password=False)
        environment = {
            "DATABASE_URL": relayed,
            "BROKER_URL": f"redis://127.0.0.1:{broker.port}/{queue.database or 0}",
            "RATE_LIMIT": "0",
            "QUEUE_PREFIX": f"faults-{secrets.token_hex(4)}",
        }
        place = Place(Deployment(Path(folder) / "data", environment, False, stack), database, broker, url)
        generator = torch.Generator().manual_seed(1)
        tensors = {f"layers.{n}.q_proj.weight": torch.randn(SIDE, SIDE, generator=generator) for n in range(TENSORS)}
        place.checkpoint = place.deployment.upload(save(tensors))
        yield place


def main(names: list[str], times: int) -> None:
    chosen = {name: fault for name, fault in FAULTS.items() if not names or any(part in name for part in names)}
    with deployed() as place:
        first = int(place.ask("POST", "runs", json={"checkpoints": [place.checkpoint]}).json()["id"])
        if (ended := wait(place, first)) != "done":
            raise RuntimeError(f"the run without a fault did not end as done: {ended}")
        expected = place.rows(first)
        lines = []
        for name, fault in chosen.items():
            place.answers.clear()
            found = try_out(place, fault, expected, times)
            told = place.answers
            counts = (times, found.lost, found.doubled, found.stuck, told[503], told[500], f"{found.longest:.1f}")
            lines.append((name, *map(str, counts)))
            print(lines[-1], file=sys.stderr, flush=True)
        print(markdown(HEAD, lines))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", help="parts of the faults' names; default: all")
    parser.add_argument("--times", type=int, default=TIMES)
    options = parser.parse_args()
    main(options.names, options.times)
