"""The sweeper: finds what no message will ever wake, because a worker died or a message was lost.

It runs in every worker, every few seconds, and does nothing that two of them could not do at once. It also removes what
nobody needs any more: what killed processes left, and retention of weights.
"""

import logging
import math
import threading
import time

from app import checkpoints, idempotency, retention, trash
from app.access import audit
from app.db import Database, Session
from app.models import Check, Checkpoint, Mitigation, Prescription, Product, Run, Unit
from app.queue import pings
from app.settings import Settings
from app.storage.blobs import Storage
from app.uploads import resumable as transfers
from app.work import leases, overviews, products, units
from app.work import verdicts as awaited

TIDY_SECONDS = 3600.0
SILENT = "The worker stopped responding"
log = logging.getLogger(__name__)


def sweep(session: Session, settings: Settings, expires: bool = True) -> None:
    """Offers again what a silent worker held, sends again what no worker took, ends what has nothing left to do.

    Without `expires` no lease ends: after the database was away, workers that are well could not renew theirs.
    """
    leases.bound(session, settings.lease_seconds)
    if expires:
        _expire(session, settings)
    leases.resend(session)
    for run_id in units.runs_without_units(session):
        units.settle(session, session.get_one(Run, run_id, with_for_update=True))
    awaited.ask(session)
    overviews.ask(session)
    pings.forget(session)
    idempotency.forget(session)


def _expire(session: Session, settings: Settings) -> None:
    for checkpoint in leases.lock_expired(session, Checkpoint):
        log.warning("checkpoint %d: its worker stopped responding, attempt %d", checkpoint.id, checkpoint.attempts)
        checkpoints.fail(session, settings, checkpoint, f"{SILENT} while it read this checkpoint")
    for unit in leases.lock_expired(session, Unit):
        log.warning("unit %d: its worker stopped responding, attempt %d", unit.id, unit.attempts)
        units.fail(session, settings, unit, f"{SILENT} over {unit.current or 'this tensor'}")
    silent: list[Product] = [
        *leases.lock_expired(session, Check),
        *leases.lock_expired(session, Mitigation),
        *leases.lock_expired(session, Prescription),
    ]
    for product in silent:
        what = type(product).__name__.lower()
        log.warning("%s %d: its worker stopped responding, attempt %d", what, product.id, product.attempts)
        products.fail(session, settings, product, f"{SILENT} over {product.current or 'the checkpoint'}")
    session.flush()


def tidy(database: Database, storage: Storage) -> None:
    """Removes the bytes that killed processes left."""
    storage.tidy()
    with database.writing() as session:
        for name in transfers.strays(session, storage):
            storage.partials.remove(name)
    transfers.expire(database, storage)
    with database.writing() as session:
        digests = checkpoints.orphans(session, storage)
    with database.writing() as session:
        retention.collect(session, storage, digests)


def let_go(database: Database, storage: Storage, settings: Settings) -> None:
    """Deletes the retention of weights, and lines of the audit log that are too old."""
    with database.reading() as session:
        ids = retention.due(session, settings)
    for identity in ids:
        with database.writing() as session:
            digests = retention.release(session, settings, identity)
        with database.writing() as session:
            retention.collect(session, storage, digests)
    empty_trash(database, storage, settings)
    with database.writing() as session:
        audit.forget(session)


def empty_trash(database: Database, storage: Storage, settings: Settings) -> None:
    """Deletes for good what has been in the trash for long enough."""
    with database.reading() as session:
        run_ids, checkpoint_ids = trash.due(session, settings, Run), trash.due(session, settings, Checkpoint)
    for identity in run_ids:
        with database.writing() as session:
            trash.delete_run(session, identity)
    for identity in checkpoint_ids:
        with database.writing() as session:
            digests = checkpoints.delete(session, identity)
        with database.writing() as session:
            retention.collect(session, storage, digests)


class Sweeper(threading.Thread):
    """Sweeps every few seconds until it is stopped, and tidies up every hour; what fails is logged, and tried again."""

    def __init__(self, database: Database, storage: Storage, settings: Settings) -> None:
        super().__init__(name="sweeper", daemon=True)
        self._database, self._storage, self._settings = database, storage, settings
        self._stopped = threading.Event()
        self._tidy_at = 0.0
        self._failed_at = -math.inf

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._sweep()
            except Exception:  # the database may be away for a while
                self._failed_at = time.monotonic()
                log.exception("the sweep failed")
            self._stopped.wait(self._settings.sweep_seconds)

    def _sweep(self) -> None:
        expires = time.monotonic() - self._failed_at > self._settings.lease_seconds
        with self._database.writing() as session:
            sweep(session, self._settings, expires)
        if time.monotonic() >= self._tidy_at:
            self._tidy_at = time.monotonic() + TIDY_SECONDS
            tidy(self._database, self._storage)
            let_go(self._database, self._storage, self._settings)

    def stop(self) -> None:
        self._stopped.set()
