"""Tables of every earlier version become this one's, with their rows; a backup under uploads is whole."""

import hashlib
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from safetensors.torch import save
from sqlalchemy import JSON, Boolean, Connection, Float, Integer, MetaData, Table, func, insert, select

from app.db import MIGRATIONS, Database, upgrade
from app.models import Base, Checkpoint, Run
from app.settings import Settings
from tests.conftest import missing
from tests.integration.conftest import REDIS, Deployment, a_database, until

REVISIONS = [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path}/old.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql").replace("postgresql://", "postgresql+psycopg://")
    made = Database(url, lambda name, identity: None)
    yield made
    made.close()


def fill(connection: Connection, name: str) -> None:
    """A row in the table as it is in this version, with a value of its type in every column that needs one."""
    table = Table(name, MetaData(), autoload_with=connection)
    given: dict[str, Any] = {}
    for column in table.columns:
        if column.nullable or column.name == "id" or column.server_default is not None or column.foreign_keys:
            continue
        kind = column.type
        given[column.name] = (
            {} if isinstance(kind, JSON) else False if isinstance(kind, Boolean)
            else 1 if isinstance(kind, Integer | Float) else "done" if name == "runs" else "ready"
        )  # fmt: skip
    for column in table.columns:
        if column.foreign_keys and not column.nullable and column.server_default is None:
            given[column.name] = 1
    connection.execute(insert(table).values(**given))


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_revision_is_brought_to_the_newest_with_its_rows(database: Database, revision: str) -> None:
    with database.engine.begin() as connection:
        upgrade(connection, revision)
        fill(connection, "checkpoints")
        fill(connection, "runs")
    database.migrate()
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Checkpoint)) == 1
        assert session.scalars(select(Run.state)).one() == "done"
        assert session.scalars(select(Checkpoint.project_id)).one() == 1


def content(number: int) -> bytes:
    return save({"layer.weight": torch.full((64, 64), float(number))})


@pytest.mark.parametrize("kind", ["embedded", "redis"])
def test_a_backup_under_uploads_is_restored_whole(
    deploy: Callable[[str], Deployment], kind: str, tmp_path: Path
) -> None:
    """As docs/operations.md has it: the database first, then the files, while 24 checkpoints arrive."""
    deployment, target, dump = deploy(kind), tmp_path / "restored", tmp_path / "dump"
    target.mkdir(mode=0o700)
    stopped = threading.Event()
    sent: list[int] = []

    def send() -> None:
        sent.extend(deployment.upload(content(number), f"{number}.safetensors") for number in range(24))
        stopped.set()

    thread = threading.Thread(target=send)
    thread.start()
    until(lambda: len(sent) >= 4, "some uploads arrived", 60)
    dump_database(deployment, dump)
    shutil.copytree(deployment.folder / "blobs", target / "blobs")
    was_busy = not stopped.is_set()
    thread.join()
    assert was_busy, "the uploads had ended before the backup did"
    with restored(kind, dump, target) as copy:
        found = copy.get("checkpoints?limit=100")
        assert 4 <= len(found) <= 24
        addresses = [f"checkpoints/{each['id']}" for each in found]
        until(lambda: all(copy.get(address)["state"] == "ready" for address in addresses), "they are read", 60)
        for digest in digests(copy):
            (path,) = (path for path in (target / "blobs").rglob(digest) if path.is_file())
            assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
        assert copy.finished(copy.run(found[0]["id"]))["state"] == "done"  # the newest


def dump_database(deployment: Deployment, dump: Path) -> None:
    if deployment.is_embedded:
        with sqlite3.connect(deployment.folder / "eigenscope.db") as source, sqlite3.connect(dump) as copy:
            source.backup(copy)
    else:
        if shutil.which("pg_dump") is None:
            missing("pg_dump is not installed")
        url = deployment.environment["EIGENSCOPE_DATABASE_URL"]
        subprocess.run(["pg_dump", "--format=custom", f"--file={dump}", url], check=True)


@contextmanager
def restored(kind: str, dump: Path, target: Path) -> Iterator[Deployment]:
    """A deployment of its own on what was backed up."""
    with ExitStack() as stack:
        environment: dict[str, str] = {}
        if kind == "embedded":
            shutil.copy(dump, target / "eigenscope.db")
        else:
            url = stack.enter_context(a_database())
            subprocess.run(["pg_restore", "--no-owner", f"--dbname={url}", dump], check=True)
            environment = {"DATABASE_URL": url, "BROKER_URL": REDIS, "QUEUE_PREFIX": "restored"}
        yield Deployment(target, environment, kind == "embedded", stack)


def digests(deployment: Deployment) -> list[str]:
    database = Database(Settings(data_dir=deployment.folder).database, lambda name, identity: None)
    if not deployment.is_embedded:
        url = deployment.environment["EIGENSCOPE_DATABASE_URL"]
        database = Database(url.replace("postgresql://", "postgresql+psycopg://"), lambda name, identity: None)
    with database.reading() as session:
        found = [file.sha256 for each in session.scalars(select(Checkpoint)).unique() for file in each.files]
    database.close()
    return found
