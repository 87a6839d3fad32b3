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
from app.errors import Overloaded
from app.models import Check, Checkpoint, Mitigation, Prescription, Product, Run, Unit
from app.queue import pings
from app.runs import kept
from app.settings import Settings
from app.storage.blobs import Storage
from app.uploads import resumable as transfers
from app.work import leases, overviews, products, units
from app.work import verdicts as awaited

TIDY_SECONDS = 3600.0
# Of a lease, which is renewed every third of it. Where a sweep takes longer, or begins that much too late, workers that
# are well could not renew theirs in time either.
SLOW = 0.6
SLOW_SWEEPS = 3  # in a row, after which it is no hang: everything is that slow here, and leases end all the same
SILENT = "The worker stopped responding"
log = logging.getLogger(__name__)


def sweep(session: Session, settings: Settings) -> None:
    """Offers again what a silent worker held, sends again what no worker took, ends what has nothing left to do."""
    expire(session, settings)
    resend(session)


def resend(session: Session) -> None:
    """Sends again what no worker took, ends what has nothing left to do."""
    leases.resend(session)
    for run_id in units.runs_without_units(session):
        units.settle(session, units.lock_run(session, run_id))
    awaited.ask(session)
    overviews.ask(session)
    pings.forget(session)
    idempotency.forget(session)


def expire(session: Session, settings: Settings) -> None:
    """Offers again what a silent worker held."""
    leases.bound(session, settings.lease_seconds)
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
    """Deletes the retention of weights, and what is too old: lines of the audit log, and results that nobody used."""
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
        kept.forget(session, settings)


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
    """Sweeps every few seconds until it is stopped, and tidies up every hour; what fails is logged, and tried again.

    Where the database did not answer, or took long, no lease ends for the time of one: nobody could renew any.
    """

    def __init__(self, database: Database, storage: Storage, settings: Settings) -> None:
        super().__init__(name="sweeper", daemon=True)
        self._database, self._storage, self._settings = database, storage, settings
        self._stopped = threading.Event()
        self._tidy_at = 0.0
        self._failed_at = -math.inf
        self._ended_at = math.inf
        self._slow_sweeps = 0

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._sweep()
            except Exception:  # the database may be away for a while
                self._failed_at = time.monotonic()
                log.exception("the sweep failed")
            self._ended_at = time.monotonic()
            self._stopped.wait(self._settings.sweep_seconds)

    def _sweep(self) -> None:
        began = time.monotonic()
        if began - self._ended_at > self._settings.sweep_seconds + SLOW * self._settings.lease_seconds:
            self._failed_at = began  # this process was stopped meanwhile
        if began - self._failed_at > self._settings.lease_seconds:
            self._expire()
        with self._database.writing() as session:
            resend(session)
        if time.monotonic() >= self._tidy_at:
            self._tidy_at = time.monotonic() + TIDY_SECONDS
            tidy(self._database, self._storage)
            let_go(self._database, self._storage, self._settings)

    def _expire(self) -> None:
        """Ends leases, unless that took so long that the database must have hung."""
        began = time.monotonic()
        try:
            with self._database.writing() as session:
                expire(session, self._settings)
                seconds = time.monotonic() - began
                if seconds > SLOW * self._settings.lease_seconds and self._slow_sweeps < SLOW_SWEEPS:
                    raise Overloaded(f"The database took {seconds:.1f} s.")
        except Overloaded as error:
            self._failed_at, self._slow_sweeps = time.monotonic(), self._slow_sweeps + 1
            log.warning("no lease ends for %g s: %s", self._settings.lease_seconds, error)
        else:
            self._slow_sweeps = 0

    def stop(self) -> None:
        self._stopped.set()
