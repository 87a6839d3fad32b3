"""One checkpoint over N workers, whose work sleeps: `python -m benchmarks.workers [SECONDS [N …]]`.

What is measured is the queue and the rows: how near N workers come to N times one. Each worker is a process of its own
with one thread (`OMP_NUM_THREADS=1`), beside PostgreSQL and Redis (EIGENSCOPE_TEST_POSTGRES, EIGENSCOPE_TEST_REDIS). A
unit is one tensor that takes so many seconds; there are 125 for each worker, 2,000 for 16. The time goes from the
request to the end of the run, when all workers answer already; ideal is the seconds of all units over N.
"""

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import torch
from safetensors.torch import save_file
from sqlalchemy import func, select
from sqlalchemy.engine import make_url

from app import models
from app.access import projects
from app.db import Database
from app.queue.broker import Sender, worker_command
from app.runs import runs
from app.settings import Settings
from app.states import CheckpointState
from app.storage.blobs import Storage
from app.work import leases
from benchmarks.timing import markdown

ADMIN = os.environ.get("EIGENSCOPE_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")
REDIS = os.environ.get("EIGENSCOPE_TEST_REDIS", "redis://127.0.0.1:6379/12")
EACH = 125  # units of a worker
WORKERS = (1, 2, 4, 8, 16)
HEAD = ("workers", "units", "took", "ideal", "efficiency", "CPU of each unit")


@contextmanager
def database_url() -> Iterator[str]:
    """A database of its own."""
    name = f"eigenscope_{secrets.token_hex(4)}"
    with psycopg.connect(ADMIN, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield make_url(ADMIN).set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def checkpoint(database: Database, storage: Storage, folder: Path, units: int) -> int:
    """A checkpoint of so many small tensors, ready."""
    path = folder / f"{units}.safetensors"
    save_file({f"model.layers.{i}.mlp.up_proj.weight": torch.zeros(16, 16) for i in range(units)}, path)
    incoming = storage.receive()
    incoming.write(path.read_bytes())
    incoming.finish()
    size, sha256 = incoming.bytes, incoming.sha256
    infos = [
        {"name": f"model.layers.{i}.mlp.up_proj.weight", "shape": [16, 16], "dtype": "float32", "nbytes": 1024,
         "role": "up", "depth": i, "skip": None}
        for i in range(units)
    ]  # fmt: skip
    with database.writing() as session:
        session.add(models.Blob(sha256=sha256, bytes=size))
        session.flush()
        storage.keep(incoming)
        row = models.Checkpoint(
            state=CheckpointState.READY, name="sleeping", kind="model", format="safetensors", bytes=size,
            tensors=units, parameters=256 * units, facts={},
            files=[models.File(position=0, name="model.safetensors", sha256=sha256, bytes=size)],
        )  # fmt: skip
        session.add(row)
        session.flush()
        session.add_all(models.Tensor(checkpoint_id=row.id, position=i, info=info) for i, info in enumerate(infos))
        return row.id


def request(database: Database, identity: int, units: int) -> int:
    """A run of it in as many units as it has tensors."""
    with database.writing() as session:
        run = runs.request(session, [identity], {"norms": {}})
        session.query(models.Unit).filter_by(run_id=run.id).delete()
        session.info.pop("wakes", None)
        for place in range(units):
            leases.offer(session, models.Unit(run_id=run.id, member=0, tensors=[place], costs=[1.0], done=0))
        return run.id


def wait(database: Database, run: int) -> None:
    while True:
        with database.reading() as session:
            if session.scalar(select(models.Run.state).where(models.Run.id == run)) != "running":
                return
        time.sleep(0.1)


def ready(database: Database, sender: Sender, count: int) -> None:
    """Until so many workers have answered."""
    heard: set[str] = set()
    while len(heard) < count:
        with database.writing() as session:
            pings = [models.Ping() for _ in range(count)]
            session.add_all(pings)
            session.flush()
            ids = [ping.id for ping in pings]
        for identity in ids:
            sender.ping(identity)
        time.sleep(1.0)
        with database.reading() as session:
            heard |= set(session.scalars(select(models.Ping.worker).where(models.Ping.worker.is_not(None))))


def burnt(workers: list["subprocess.Popen[bytes]"]) -> float:
    import psutil

    every = [
        each for worker in workers for each in (psutil.Process(worker.pid), *psutil.Process(worker.pid).children())
    ]
    return sum(sum(each.cpu_times()[:2]) for each in every)


def measure(count: int, seconds: float) -> tuple[str, ...]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours = {
            "DATA_DIR": str(folder / "data"), "DATABASE_URL": stack.enter_context(database_url()),
            "BROKER_URL": REDIS, "QUEUE_PREFIX": f"bench-{secrets.token_hex(4)}", "KEEP_RESULTS_DAYS": "0",
            "SLEEP": str(seconds),
        }  # fmt: skip
        environment = {f"EIGENSCOPE_{name}": value for name, value in ours.items()}
        os.environ |= environment
        settings = Settings()
        sender = Sender(settings)
        everything = Database(settings.database, sender.send)
        stack.callback(everything.close)
        everything.migrate()
        database = everything.within(projects.DEFAULT, "a benchmark")
        units = EACH * count
        identity = checkpoint(database, Storage(settings.data_dir), folder, units)
        command = [*worker_command(), "--include=benchmarks.sleeping"]
        workers = [
            subprocess.Popen(
                command,
                env=os.environ | environment | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])},
            )
            for _ in range(count)
        ]
        try:
            ready(database, sender, count)
            time.sleep(15.0)  # their pool processes load what they need
            before, began = burnt(workers), time.perf_counter()
            run = request(database, identity, units)
            wait(database, run)
            took, cpu = time.perf_counter() - began, burnt(workers) - before
            with database.reading() as session:
                rows = session.scalar(
                    select(func.count()).select_from(models.Result).where(models.Result.run_id == run)
                )
            assert rows == units, f"{rows} rows of {units}"
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.wait(60)
    ideal = units * seconds / count
    print(count, f"{took:.1f} of {ideal:.1f} s", file=sys.stderr, flush=True)
    return (
        str(count), f"{units:,}", f"{took:.1f} s", f"{ideal:.1f} s", f"{ideal / took:.2f}",
        f"{cpu / units * 1e3:.0f} ms",
    )  # fmt: skip


def main(seconds: float = 1.0, counts: tuple[int, ...] = WORKERS) -> None:
    print(markdown(HEAD, [measure(count, seconds) for count in counts]))


if __name__ == "__main__":
    main(float(sys.argv[1]) if sys.argv[1:] else 1.0, tuple(map(int, sys.argv[2:])) or WORKERS)
