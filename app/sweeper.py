"""The sweeper: finds what no message will ever wake, because a worker died or a message was lost.

It runs in every worker, every few seconds, and does nothing that two of them could not do at once.
"""

import logging
import threading

from app import awaited, checkpoints, idempotency, leases, mending, pings, units
from app.db import Database, Session
from app.models import Checkpoint, Mitigation, Run, Unit
from app.settings import Settings
from app.storage import Storage

SILENT = "The worker died or fell silent"
log = logging.getLogger(__name__)


def sweep(session: Session, settings: Settings) -> None:
    """Offers again what a silent worker held, sends again what no worker took, ends what has nothing left to do."""
    for checkpoint in leases.expired(session, Checkpoint):
        log.warning("checkpoint %d: its worker is silent, attempt %d", checkpoint.id, checkpoint.attempts)
        checkpoints.fail(session, settings, checkpoint, f"{SILENT} while it read this checkpoint")
    for unit in leases.expired(session, Unit):
        log.warning("unit %d: its worker is silent, attempt %d", unit.id, unit.attempts)
        units.fail(session, settings, unit, f"{SILENT} over {unit.current or 'this tensor'}")
    for mitigation in leases.expired(session, Mitigation):
        log.warning("mitigation %d: its worker is silent, attempt %d", mitigation.id, mitigation.attempts)
        mending.fail(session, settings, mitigation, f"{SILENT} over {mitigation.current or 'the checkpoint'}")
    session.flush()
    leases.resend(session)
    for run_id in units.unsettled(session):
        units.settle(session, session.get_one(Run, run_id, with_for_update=True))
    awaited.ask(session)
    pings.forget(session)
    idempotency.forget(session)


def tidy(database: Database, storage: Storage) -> None:
    """At start: removes the bytes that killed processes left."""
    storage.tidy()
    with database.writing() as session:
        unused = checkpoints.orphans(session, storage)
    with database.writing() as session:
        checkpoints.collect(session, storage, unused)


class Sweeper(threading.Thread):
    """Sweeps every few seconds until it is stopped; a failed sweep is logged, and tried again."""

    def __init__(self, database: Database, settings: Settings) -> None:
        super().__init__(name="sweeper", daemon=True)
        self._database, self._settings = database, settings
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                with self._database.writing() as session:
                    sweep(session, self._settings)
            except Exception:  # the database may be away for a while
                log.exception("the sweep failed")
            self._stopped.wait(self._settings.sweep_seconds)

    def stop(self) -> None:
        self._stopped.set()
