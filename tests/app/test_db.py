"""The database: transactions that end before the wake-ups, a clock of its own, tables that the migrations make."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from app.db import Database, NewerDatabase, connect, insert_of, migrate_or_exit, now, revisions, upgrade, wake
from app.errors import Overloaded
from app.models import Base, Member, Ping, Prescription


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(f"sqlite:///{tmp_path}/test.db", lambda name, identity: None)
    made.migrate()
    return made


def test_migrations_make_the_tables_that_the_models_describe(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert len(set(revisions(connection))) == 1


def test_migrating_again_changes_nothing_and_downgrading_leaves_nothing(database: Database) -> None:
    from alembic import command
    from alembic.config import Config

    from app.db import MIGRATIONS

    database.migrate()
    with database.engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        left = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        assert set(left) <= {"alembic_version", "sqlite_sequence"}
        upgrade(connection)


def test_prescriptions_of_an_earlier_version_are_done(tmp_path: Path) -> None:
    made = Database(f"sqlite:///{tmp_path}/old.db", lambda name, identity: None)
    with made.engine.begin() as connection:
        upgrade(connection, "0007")
        connection.execute(text("INSERT INTO runs VALUES (1, 'done', NULL, NULL, '{}', NULL, 1.0, 1.0, 1.0, 1)"))
        columns = "id, project_id, run_id, position, kind, record, files, created_at"
        record = '{"parameters": {"target": 0.5}}'
        connection.execute(
            text(f"INSERT INTO prescriptions ({columns}) VALUES (1, 1, 1, 2, 'sparsity', :record, '{{}}', 5.0)"),
            {"record": record},
        )
    made.migrate()
    with made.reading() as session:
        row = session.get_one(Prescription, 1)
        assert (row.state, row.positions, row.options) == ("done", [2], {"target": 0.5})
        assert (row.finished_at, row.claim, row.stored) == (5.0, 0, [])


def test_the_clock_is_the_time(database: Database) -> None:
    with database.reading() as session:
        assert abs(session.execute(select(now())).scalar_one() - time.time()) < 2


def test_messages_go_out_after_the_commit_and_not_without_one(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []

    def send(name: str, identity: int) -> None:
        with made.reading() as session:
            seen.append((name, identity, session.query(Ping).count()))

    def wake_in_vain() -> None:
        with made.writing() as session:
            wake(session, "ingest", 8)
            session.add(Member(run_id=1, position=0, checkpoint_id=1))

    made = Database(f"sqlite:///{tmp_path}/test.db", send)
    made.migrate()
    with made.writing() as session:
        session.add(Ping())
        wake(session, "ingest", 7)
    with pytest.raises(IntegrityError):
        wake_in_vain()
    assert seen == [("ingest", 7, 1)]


def test_a_broker_that_is_away_does_not_fail_the_request(tmp_path: Path) -> None:
    def send(name: str, identity: int) -> None:
        raise ConnectionError("no broker")

    database = Database(f"sqlite:///{tmp_path}/test.db", send)
    database.migrate()
    with database.writing() as session:
        session.add(Ping())
        wake(session, "ingest", 7)
    with database.reading() as session:
        assert session.query(Ping).count() == 1


def test_writers_wait_for_each_other(database: Database) -> None:
    """Read, then write, in eight threads: without BEGIN IMMEDIATE most of them fail at once."""

    def add() -> None:
        for _ in range(10):
            with database.writing() as session:
                session.query(Ping).count()
                session.add(Ping())

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as session:
        assert session.query(Ping).count() == 80


def test_an_insert_may_find_its_row_there(database: Database) -> None:
    for _ in range(2):
        with database.writing() as session:
            session.execute(insert_of(session)(Ping).values(id=1).on_conflict_do_nothing())
    with database.reading() as session:
        assert session.query(Ping).count() == 1


def test_foreign_keys_are_kept(database: Database) -> None:
    with pytest.raises(IntegrityError), database.writing() as session:
        session.add(Member(run_id=1, position=0, checkpoint_id=1))


def test_sqlite_is_set_up_for_one_writer_and_many_readers(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path}/test.db")
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA busy_timeout")).scalar() == 30_000
    engine.dispose()


def test_who_does_not_get_a_turn_is_told_to_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a thread of this process writes, or another process."""
    monkeypatch.setattr("app.db.BUSY_SECONDS", 0.05)
    one, other = (Database(f"sqlite:///{tmp_path}/test.db", lambda name, identity: None) for _ in range(2))
    one.migrate()
    with one.writing() as holder:
        holder.add(Ping())
        holder.flush()
        for late in (one, other):
            with pytest.raises(Overloaded), late.writing() as session:
                session.add(Ping())
    with one.writing() as session:
        session.add(Ping())
    with other.reading() as session:
        assert session.query(Ping).count() == 2
    for each in (one, other):
        each.close()


def test_another_fault_of_the_database_keeps_its_name(database: Database) -> None:
    with pytest.raises(OperationalError, match="no such table"), database.writing() as session:
        session.execute(text("SELECT 1 FROM nowhere"))


def test_tables_of_a_later_version_are_refused_with_a_message(database: Database) -> None:
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerDatabase, match=r"version 9999; this program knows versions up to 0.*start that version"):
        database.migrate()
    with pytest.raises(SystemExit, match="A later version of Eigenscope"):
        migrate_or_exit(database)


def test_postgresql_gives_up_in_seconds_and_an_address_may_say_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dict[str, Any]] = []
    monkeypatch.setattr("app.db.create_engine", lambda url, **options: made.append(options["connect_args"]))
    connect("postgresql+psycopg://h/n")
    connect("postgresql+psycopg://h/n?connect_timeout=60")
    assert made[0]["connect_timeout"] <= 10
    assert made[0]["tcp_user_timeout"] <= 30_000
    assert made[0]["keepalives"] == 1
    assert "connect_timeout" not in made[1]
