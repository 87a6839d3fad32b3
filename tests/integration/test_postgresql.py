"""What only PostgreSQL can show: its tables, its locks, its text."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any, TypeVar

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from analysis.diagnostic import Measurement, Row
from analysis.weight import WeightInfo
from app import checkpoints
from app.access import projects
from app.db import Database, now, upgrade
from app.errors import NotFound
from app.models import Base, Checkpoint, Member, Prescription, Result, Run, Unit
from app.runs import plans, reports, runs
from app.work import leases, units
from tests.integration.conftest import until

Found = TypeVar("Found")
SECONDS = 30  # how long anything may take
NOTHING_IN_IT: Any = {"form": "safetensors", "kind": "model", "facts": {}, "infos": [], "rewritten": None}


@pytest.fixture
def database(postgresql: str) -> Iterator[Database]:
    made = Database(postgresql.replace("postgresql://", "postgresql+psycopg://"), lambda name, identity: None)
    yield made.within(projects.DEFAULT, "a test")
    made.close()


def test_processes_that_start_together_migrate_once(database: Database) -> None:
    faults: list[Exception] = []

    def migrate() -> None:
        try:
            database.migrate()
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=migrate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_prescriptions_of_an_earlier_version_are_done(database: Database) -> None:
    with database.engine.begin() as connection:
        upgrade(connection, "0007")
        connection.execute(text("INSERT INTO runs VALUES (1, 'done', NULL, NULL, '{}', NULL, 1.0, 1.0, 1.0, 1)"))
        columns = "project_id, run_id, position, kind, record, files, created_at"
        record = '{"parameters": {"target": 0.5}}'
        connection.execute(
            text(f"INSERT INTO prescriptions ({columns}) VALUES (1, 1, 2, 'sparsity', :record, '{{}}', 5.0)"),
            {"record": record},
        )
    database.migrate()
    with database.writing() as session:
        row = session.scalars(select(Prescription)).one()
        assert (row.state, row.positions, row.options, row.finished_at) == ("done", [2], {"target": 0.5}, 5.0)
        leases.offer(session, Prescription(
            run_id=1, position=0, positions=[0], kind="traps", options={}, record={}, files={}, project_id=1
        ))  # fmt: skip
    with database.writing() as session:
        held = [leases.claim(session, Prescription, row.id + 1, 30) for _ in range(2)]
        assert [None if each is None else each.state for each in held] == ["running", None]


def test_a_unit_goes_to_one_of_many_workers(database: Database) -> None:
    database.migrate()
    with database.writing() as session:
        session.add(Run(id=1, state="running", diagnostics={"a\x00\ud800": {}}, reason="a\x00b"))
        session.flush()
        for _ in range(20):
            leases.offer(session, Unit(run_id=1, member=0, tensors=[0], costs=[1.0]))
    taken: list[int] = []

    def work() -> None:
        for identity in range(1, 21):
            with database.writing() as session:
                unit = leases.claim(session, Unit, identity, 30)
            if unit is not None:
                taken.append(identity)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(1, 21))
    with database.reading() as session:
        assert session.scalars(select(Run.diagnostics)).one() == {"a\x00\ud800": {}}
        assert session.execute(select(now())).scalar_one() > 1.7e9


# --- two at once, in a fixed order: the one holds its locks while the other is seen to wait for them ------------------


@pytest.fixture
def checkpoint(database: Database) -> int:
    """One that is being ingested, under claim 1."""
    database.migrate()
    with database.writing() as session:
        made = Checkpoint(name="a", bytes=1, state="ingesting", claim=1, attempts=1)
        session.add(made)
    return made.id


@contextmanager
def two(database: Database) -> Iterator[tuple[Session, Callable[[Callable[[Session], Found]], "Future[Found]"]]]:
    """A transaction, and a way to begin work in another one on a connection of its own.

    The first ends before the second is waited for: a test that fails does not hang.
    """

    def apart(work: Callable[[Session], Found]) -> Found:
        with database.writing() as session:
            return work(session)

    with ThreadPoolExecutor(1) as pool, database.writing() as session:
        yield session, lambda work: pool.submit(apart, work)


def waits(database: Database) -> None:
    """Returns once PostgreSQL says that somebody in this database waits for another's lock."""
    asked = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )

    def waiting() -> int:
        with database.reading() as session:
            return int(session.execute(asked).scalar_one())

    until(waiting, "the other waits for the lock", SECONDS)


def count(database: Database, kind: type[Base]) -> int:
    with database.reading() as session:
        return int(session.execute(select(func.count()).select_from(kind)).scalar_one())


def test_a_run_asked_for_while_its_checkpoint_is_being_deleted_is_refused(database: Database, checkpoint: int) -> None:
    with two(database) as (session, begin):
        checkpoints.delete(session, checkpoint)
        asked = begin(lambda other: runs.request(other, [checkpoint]))
        waits(database)
        session.commit()
        with pytest.raises(NotFound, match=f"Checkpoint {checkpoint} does not exist"):
            asked.result(SECONDS)
    assert [count(database, kind) for kind in (Checkpoint, Run, Member)] == [0, 0, 0]


def test_a_checkpoint_deleted_while_a_run_over_it_is_asked_for_takes_the_run_along(
    database: Database, checkpoint: int
) -> None:
    with two(database) as (session, begin):
        assert runs.request(session, [checkpoint]).state == "waiting"
        deleted = begin(lambda other: checkpoints.delete(other, checkpoint))
        waits(database)
        session.commit()
        assert deleted.result(SECONDS) == []
    assert [count(database, kind) for kind in (Checkpoint, Run, Member)] == [0, 0, 0]


def test_a_run_asked_for_while_its_checkpoint_becomes_ready_does_not_wait_for_ever(
    database: Database, checkpoint: int
) -> None:
    """Either who makes it ready sees the run, or who asks for the run sees it ready."""
    with two(database) as (session, begin):
        checkpoints.accept(session, checkpoint, 1, **NOTHING_IN_IT)
        plans.plan_waiting(session, checkpoint)
        asked = begin(lambda other: runs.request(other, [checkpoint]))
        waits(database)
        session.commit()
        assert asked.result(SECONDS).state == "done"  # there is nothing to measure


def test_two_may_ask_for_runs_over_one_checkpoint_at_once(database: Database, checkpoint: int) -> None:
    """They share the lock: the second is through while the first still holds it."""
    with two(database) as (session, begin):
        first = runs.request(session, [checkpoint])
        second = begin(lambda other: runs.request(other, [checkpoint])).result(SECONDS)
        assert second.id != first.id
    assert count(database, Run) == 2


def test_workers_that_end_units_of_one_run_at_once_do_not_wait_for_each_other(database: Database) -> None:
    """Both have rows that refer to the run before either ends its unit: one waits for the other, and no circle is."""
    database.migrate()
    with database.writing() as session:
        session.add(Run(id=1, state="running", diagnostics={"norms": {}}))
        session.flush()
        for place in range(2):
            leases.offer(session, Unit(run_id=1, member=0, tensors=[place], costs=[1.0], done=0))
    with database.writing() as session:
        for identity in (1, 2):
            assert leases.claim(session, Unit, identity, 30) is not None
    with two(database) as (session, begin):
        reports.record(session, 1, 1, [[row("a")]])
        both = Event()

        def end_second(other: Session) -> None:
            reports.record(other, 2, 1, [[row("b")]])
            both.set()
            units.finish(other, 2, 1)

        second = begin(end_second)
        assert both.wait(SECONDS)
        session.execute(text("SET LOCAL lock_timeout = '10s'"))
        units.finish(session, 1, 1)
        session.commit()
        second.result(SECONDS)
    with database.reading() as session:
        assert session.scalars(select(Run.state)).one() == "done"
    assert count(database, Result) == 2


def row(name: str) -> tuple[str, Row]:
    weight = WeightInfo(name, name, rows=2, columns=2, slices=1, role="up", depth=0)
    return "norms", Row(weight, (0,), Measurement({"frob_norm": 1.0}, {}, None))
