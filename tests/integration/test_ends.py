"""The end of a run, as PostgreSQL tells it."""

import threading

from app.db import Database
from app.models import Run
from app.runs.ends import Ends
from app.states import RunState
from app.work import units

SOON = 5.0  # seconds in which a busy machine gets round to it


def silent(name: str, identity: int) -> None:
    """No queue: nothing is sent here."""


def test_a_notification_tells_the_end(postgresql: str) -> None:
    database = Database(postgresql.replace("postgresql://", "postgresql+psycopg://"), silent)
    database.migrate()
    with database.within(1).writing() as session:
        runs = [Run(state=RunState.RUNNING, diagnostics={}) for _ in range(2)]
        session.add_all(runs)
        session.flush()
        first, second = (run.id for run in runs)
    one, other = threading.Event(), threading.Event()
    ends = Ends(database)
    with ends.expected(first, one.set), ends.expected(second, other.set):
        assert not one.wait(1.5)  # it listens by now
        with database.writing() as session:
            units.settle(session, session.get_one(Run, first))
        assert one.wait(SOON)
        assert not other.is_set()
    assert ends._thread is not None
    ends._thread.join(10)
    database.close()
