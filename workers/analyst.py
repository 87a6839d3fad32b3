"""Measures the tensors of one unit, one at a time, and records the rows of each before it reads the next."""

import logging
from dataclasses import dataclass

from analysis.device import best_device
from analysis.diagnostic import Request
from analysis.errors import EigenscopeError, shown
from analysis.formats import OpenCheckpoint, open_checkpoint
from analysis.names import label_of
from analysis.report import measure_tensor
from analysis.weight import TensorInfo
from app import checkpoints, leases, reports, units
from app.db import Database
from app.leases import LeaseLost
from app.models import Run, Unit
from app.plans import tensor_info
from app.settings import Settings
from app.storage import Storage
from workers.heartbeat import Heartbeat

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """A claimed unit with all that it needs to know, read in one transaction."""

    unit: int
    claim: int
    member: int  # the checkpoint's position in the run
    tensors: tuple[TensorInfo, ...]  # those still to do
    requests: tuple[Request, ...]
    files: tuple[tuple[str, str], ...]  # (name, sha256)


def analyse_unit(database: Database, storage: Storage, settings: Settings, unit_id: int) -> None:
    """Does the unit, if it is there to be had. Stops when it is cancelled or taken over."""
    device = best_device()
    job = _claim(database, settings, unit_id, device)
    if job is None:
        return
    try:
        with Heartbeat(lambda: _renew(database, settings, job), settings.lease_seconds):
            _measure(database, storage, job, device)
    except LeaseLost as lost:
        log.info("stopped: %s", lost)
    except Exception as error:  # this attempt failed; the sweeper offers the unit again, or it is given up
        log.exception("unit %d failed", unit_id)
        _failed(database, settings, job, error)


def _claim(database: Database, settings: Settings, unit_id: int, device: str) -> Job | None:
    with database.writing() as session:
        unit = units.claim(session, settings, unit_id, device)
        if unit is None:
            return None
        run = session.get_one(Run, unit.run_id)
        checkpoint = run.members[unit.member].checkpoint
        stored = checkpoints.tensors(session, checkpoint.id)
        infos = tuple(tensor_info(stored[position]) for position in unit.tensors[unit.done :])
        files = [("model.safetensors", checkpoint.rewritten)] if checkpoint.rewritten else None
        named = files or [(file.name, file.sha256) for file in checkpoint.files]
        return Job(unit.id, unit.claim, unit.member, infos, reports.requests(run), tuple(named))


def _renew(database: Database, settings: Settings, job: Job) -> None:
    with database.writing() as session:
        leases.renew(session, Unit, job.unit, job.claim, settings.lease_seconds)


def _measure(database: Database, storage: Storage, job: Job, device: str) -> None:
    with storage.opened(job.files) as paths:
        checkpoint = open_checkpoint(paths)
        for info in job.tensors:
            _one(database, checkpoint, info, job, device)
    with database.writing() as session:
        units.finish(session, job.unit, job.claim)


def _one(database: Database, checkpoint: OpenCheckpoint, info: TensorInfo, job: Job, device: str) -> None:
    with database.writing() as session:
        units.announce(session, job.unit, job.claim, label_of(info.name, info.role, info.depth))
    rows = list(measure_tensor(checkpoint, info, job.requests, job.member, device))
    with database.writing() as session:
        reports.record(session, job.unit, job.claim, rows)


def _failed(database: Database, settings: Settings, job: Job, error: Exception) -> None:
    said = error.message if isinstance(error, EigenscopeError) else f"{type(error).__name__}: {shown(error)}"
    try:
        with database.writing() as session:
            unit = leases.held(session, Unit, job.unit, job.claim)
            units.fail(session, settings, unit, said)
    except LeaseLost as lost:
        log.info("stopped: %s", lost)
