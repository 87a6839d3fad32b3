"""The database: SQLite by itself, PostgreSQL in production. One transaction per request or task, then the wake-ups."""

import copy
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Double, Engine, create_engine, event, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session as Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app.errors import Overloaded
from app.faults import OVERLOADED, answer_of, heed_stops
from app.tenancy import speak

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x6569676E  # any number that no other program locks: "eign"
BUSY_SECONDS = 30  # how long a writer waits for another's transaction in SQLite

POOL_SECONDS = 10.0  # how long a request waits for a connection
# of libpq: a server that does not take connections, or a line that is cut, is noticed within 15 s
PATIENCE = {
    "connect_timeout": 5, "keepalives": 1, "keepalives_idle": 5, "keepalives_interval": 3, "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}  # fmt: skip

ENDS = "eigenscope_ends"  # PostgreSQL's channel on which `tell` speaks

Send = Callable[[str, int], None]
log = logging.getLogger(__name__)


class now(FunctionElement[float]):  # noqa: N801 - reads as the SQL function that it is
    """The database's clock, in seconds since 1970: the one clock that leases go by, whatever the machines' own say."""

    type = Double()
    inherit_cache = True


@compiles(now, "sqlite")
def _sqlite_now(element: now, compiler: SQLCompiler, **kw: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"  # the Julian day of 1970-01-01 00:00 UTC


@compiles(now, "postgresql")
def _postgresql_now(element: now, compiler: SQLCompiler, **kw: Any) -> str:
    return "extract(epoch from clock_timestamp())::double precision"


class Database:
    """Where transactions come from. `send(task, id)` is called for each wake-up, after the commit that it speaks of."""

    project: int | None = None  # whose rows its sessions see; None: everyone's
    actor: str | None = None  # in whose name they act
    limits: object = None  # app.access.quotas.Amounts of a project without its own; None: no limits, as for workers

    def __init__(self, url: str, send: Send) -> None:
        self.engine = connect(url)
        self._reader = self.engine.execution_options(begin="BEGIN")
        self._send = send
        self._turns = threading.Lock()
        self._written = [0]  # a list, which the copies of `within` share

    @property
    def writes(self) -> int:
        """How many transactions of this process have written: what was read at another number may be old."""
        return self._written[0]

    def within(self, project: int, actor: str | None = None) -> Self:
        """The same database, for what speaks for one project."""
        clone = copy.copy(self)
        clone.project, clone.actor = project, actor
        return clone

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back on an exception. Raises Overloaded."""
        with heed_stops(), self._session(self.engine) as session:
            try:
                with self._turn(), _translate_errors(), session.begin():
                    yield session
            finally:
                self._written[0] += 1
            for name, identity in session.info.pop("wakes", ()):
                self._wake(name, identity)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that writes nothing, and so waits for no writer."""
        with heed_stops(), self._session(self._reader) as session, _translate_errors():
            yield session

    def acting(self, actor: str) -> Self:
        """The same database, for what an administrator does to all projects."""
        clone = copy.copy(self)
        clone.actor = actor
        return clone

    def _session(self, engine: Engine) -> Session:
        session = Session(engine, expire_on_commit=False)
        speak(session, self.project, self.actor, self.limits)
        return session

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """SQLite has one writer, and lets chance choose the next: within the process, one waits behind the other."""
        if self.engine.dialect.name != "sqlite":
            yield
        elif not self._turns.acquire(timeout=BUSY_SECONDS):
            raise Overloaded(OVERLOADED)
        else:
            try:
                yield
            finally:
                self._turns.release()

    def _wake(self, name: str, identity: int) -> None:
        try:
            self._send(name, identity)
        except Exception:  # the broker may be away: the row is there, and the sweeper sends again
            log.warning("the message %s(%d) was not sent; the sweeper will send it", name, identity, exc_info=True)

    def migrate(self) -> None:
        """Brings the tables to this version's. Several processes may call it at once."""
        with self.engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            check_version(connection)
            upgrade(connection)

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Says Overloaded or DiskFull where the database was not to be had, or had no room."""
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        answer = answer_of(error)
        if answer is None:
            raise
        raise answer from error


def clock(session: Session) -> float:
    """The database's clock now, as a number."""
    moment: float = session.execute(select(now())).scalar_one()
    return moment


def wake(session: Session, name: str, identity: int) -> None:
    """Asks for the task to be sent once the session's transaction is committed."""
    session.info.setdefault("wakes", []).append((name, identity))


def tell(session: Session) -> None:
    """Tells the servers after the commit that a run ended. Those of SQLite see its file change."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"NOTIFY {ENDS}"))


def insert_of(session: Session) -> Any:
    """The `insert` of the session's dialect, which knows what to do about a row that is there already."""
    return sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert


def upgrade(connection: Connection, revision: str = "head") -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def revisions(connection: Connection) -> tuple[str | None, str | None]:
    """The version of the tables that are there, and the newest that we know."""
    current = MigrationContext.configure(connection).get_current_revision()
    return current, ScriptDirectory(str(MIGRATIONS)).get_current_head()


class NewerDatabase(Exception):
    """A later version of Eigenscope has changed the tables."""


def check_version(connection: Connection) -> None:
    """Raises NewerDatabase where the tables have a version that this program does not know."""
    current, newest = revisions(connection)
    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    if current is not None and current not in known:
        raise NewerDatabase(
            f"The database's tables have version {current}; this program knows versions up to {newest}. A later "
            "version of Eigenscope has changed them: start that version, or restore a backup from before."
        )


def migrate_or_exit(database: Database) -> None:
    """For the entry points of processes: brings the tables to this version's, or exits with a message."""
    try:
        database.migrate()
    except NewerDatabase as error:
        sys.exit(str(error))


def connect(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(url)
    return create_engine(
        url,
        pool_pre_ping=True,
        pool_size=10,
        max_overflow=40,
        pool_timeout=POOL_SECONDS,
        connect_args={name: value for name, value in PATIENCE.items() if name not in parsed.query},
    )


def _sqlite(url: str) -> Engine:
    arguments = {"timeout": BUSY_SECONDS, "check_same_thread": False}
    engine = create_engine(url, connect_args=arguments, pool_size=50, max_overflow=0)  # opening one takes a millisecond

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")  # with WAL: consistent after a crash, durable after a checkpoint
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later fails at once when another wrote in between; IMMEDIATE waits.
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN IMMEDIATE"))

    return engine


def for_like(text: str) -> str:
    r"""The text as a part of a LIKE pattern whose escape is a backslash.

    >>> for_like("50%_a")
    '50\\%\\_a'
    """
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
