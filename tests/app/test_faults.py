"""A database that is away or full is an answer, and no incident."""

import errno
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.db import Database, Session
from app.errors import BadRequest, DiskFull, Overloaded
from app.faults import answer_of, heed_stops
from app.models import Project
from tests.service import Service, model


class Driver(Exception):
    """What a driver raises, with PostgreSQL's code of it."""

    def __init__(self, message: str, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


def fault(message: str, sqlstate: str | None = None, kind: Any = OperationalError, cut: bool = False) -> DBAPIError:
    made: DBAPIError = kind("SELECT 1", {}, Driver(message, sqlstate), connection_invalidated=cut)
    return made


@pytest.mark.parametrize(
    "error",
    [
        fault("database is locked"),
        fault("unable to open database file"),
        fault("connection refused"),  # libpq's, without a code
        fault("server closed the connection unexpectedly", cut=True),
        fault("the connection is closed", kind=InterfaceError),
        fault("the database system is shutting down", "57P03"),
        fault("terminating connection due to administrator command", "57P01", DBAPIError),
        fault("sorry, too many clients already", "53300"),
        fault("canceling statement due to lock timeout", "55P03"),
        fault("deadlock detected", "40P01"),
        fault("cannot execute INSERT in a read-only transaction", "25006", DBAPIError),
        PoolTimeout("QueuePool limit"),
    ],
    ids=lambda error: str(getattr(error, "orig", error)),
)
def test_what_passes_is_to_be_tried_again(error: Exception) -> None:
    assert isinstance(answer_of(error), Overloaded)


def test_a_text_that_postgresql_cannot_hold_is_a_fault_of_the_request() -> None:
    answer = answer_of(fault("PostgreSQL text fields cannot contain NUL (0x00) bytes", kind=DataError))
    assert isinstance(answer, BadRequest)
    assert "NUL" in str(answer)


@pytest.mark.parametrize(
    "error",
    [
        fault("database or disk is full"),
        fault("disk I/O error"),
        fault("could not extend file: No space left on device", "53100"),
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
    ],
    ids=lambda error: str(getattr(error, "orig", error)),
)
def test_a_disk_without_room(error: Exception) -> None:
    assert isinstance(answer_of(error), DiskFull)


@pytest.mark.parametrize(
    "error",
    [
        fault("no such table: nowhere"),
        fault('near "SELEC": syntax error'),
        fault("relation does not exist", "42P01", DBAPIError),
        fault("duplicate key", "23505", DBAPIError),
        OSError(errno.EACCES, "Permission denied"),
        ValueError("x"),
    ],
    ids=lambda error: str(getattr(error, "orig", error)),
)
def test_a_fault_of_ours_is_none(error: Exception) -> None:
    assert answer_of(error) is None


def limit_size(database: Database) -> None:
    """Has every connection of SQLite refuse to grow the file, as a full disk does."""

    @event.listens_for(database.engine, "checkout")
    def limit(connection: Any, record: object, proxy: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # taken as the size that it has


def test_a_full_disk_answers_507_at_runs_and_never_500(service: Service) -> None:
    service.upload(model())
    limit_size(service.everything)
    seen: list[int] = []
    while len(seen) < 300 and 507 not in seen:
        seen.append(service.client.post("/api/v1/runs", json={"checkpoints": [1]}).status_code)
    assert seen[-1] == 507
    assert set(seen) <= {201, 403, 507}
    answer = service.client.post("/api/v1/runs", json={"checkpoints": [1]})
    assert answer.json()["code"] == "disk-full"
    assert service.client.get("/api/v1/runs").status_code == 200, "what is there can be read"


def test_a_connection_that_is_cut_answers_503_with_a_time(service: Service) -> None:
    service.upload(model())

    def cut(*_: object) -> None:
        raise fault("server closed the connection unexpectedly", cut=True)

    event.listen(service.everything.engine, "before_cursor_execute", cut)
    for method, path in (("GET", "/api/v1/runs"), ("GET", "/"), ("POST", "/api/v1/runs"), ("GET", "/health")):
        body: dict[str, Any] = {"json": {"checkpoints": [1]}} if method == "POST" else {}
        answer = service.client.request(method, path, **body)
        assert (answer.status_code, answer.json()["code"]) == (503, "overloaded"), path
        assert answer.headers["retry-after"] == "1"


def test_reading_and_writing_translate_alike(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/test.db", lambda name, identity: None)
    database.migrate()

    def fail(session: Session) -> None:
        session.execute(select(Project))
        raise fault("connection timeout expired")

    for each in (database.reading, database.writing):
        with pytest.raises(Overloaded), each() as session:
            fail(session)
    with pytest.raises(OperationalError), database.reading() as session:
        session.execute(text("SELECT 1 FROM nowhere"))
    database.close()


def test_an_error_after_a_stop_is_the_stop() -> None:
    stop = SystemExit(3)
    with pytest.raises(SystemExit) as raised, heed_stops():  # noqa: PT012 - what fails while it is tidied up
        try:
            try:
                raise stop
            finally:
                raise KeyError("in use")
        except KeyError as error:
            raise ValueError("translated") from error
    assert raised.value is stop


def test_an_error_is_itself_where_no_stop_came_or_one_came_before() -> None:
    with pytest.raises(ValueError, match="broken"), heed_stops():
        raise ValueError("broken")
    with pytest.raises(ValueError, match="while stopping"):  # noqa: PT012 - what is done on the way out
        try:
            raise SystemExit
        except SystemExit:
            with heed_stops():
                raise ValueError("while stopping") from None
