"""What only PostgreSQL can show: its tables, its locks, its text."""

import threading
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select

from app import leases
from app.db import Database, now
from app.models import Base, Run, Unit


@pytest.fixture
def database(postgresql: str) -> Iterator[Database]:
    made = Database(postgresql.replace("postgresql://", "postgresql+psycopg://"), lambda name, identity: None)
    yield made
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
