"""Measures the tensors of one unit and records the rows of each, in their order, before those of the next.

Small tensors are measured several at once, as `analysis.engine.scheduling.run_each` has it. After an attempt that
failed they are measured one by one, so that the current tensor is the one that nobody survives.
"""

import logging
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial

from analysis.diagnostic import Request, Row
from analysis.engine.batching import cutter
from analysis.engine.comparison import Comparison, bytes_of_row, measure_aligned, open_comparison
from analysis.engine.device import best_device
from analysis.engine.scheduling import run_each
from analysis.engine.single import measure_tensor, need_of
from analysis.errors import CheckpointError, EigenscopeError
from analysis.formats import open_checkpoint
from analysis.names import label_of
from analysis.tensors.matching import Aligned
from analysis.weight import TensorInfo
from app import checkpoints, logs
from app.db import Database, Session
from app.models import Run, Unit
from app.runs import reports
from app.runs.members import names_of, tensor_info
from app.settings import Settings
from app.storage.blobs import Storage
from app.work import units
from workers.job import Kind, hold_lease, persist

log = logging.getLogger(__name__)
Rows = list[tuple[str, Row]]
Work = Generator[tuple[TensorInfo, Rows], None, None]
Measured = tuple[  # how, what counts as its size, and the bytes that it takes
    Callable[[TensorInfo], Rows], Callable[[TensorInfo], TensorInfo], Callable[[TensorInfo], int]
]
Files = tuple[tuple[str, str], ...]  # (name, sha256)


@dataclass(frozen=True)
class Job:
    """A claimed unit with all that it needs to know, read in one transaction."""

    unit: int
    run: int
    claim: int
    attempt: int
    member: int  # the checkpoint's position in the run
    behind: int  # tensors that come before this checkpoint's own in a table: the base's
    done: int  # tensors of the unit that have their rows
    tensors: tuple[TensorInfo, ...]  # those still to do
    requests: tuple[Request, ...]
    names: tuple[str, ...]  # of the run's checkpoints
    files: tuple[Files, ...]  # of each of them

    @property
    def joint(self) -> bool:
        """Whether its tensors are the base's, measured together with their partners in the other checkpoints."""
        return self.member == 0 and len(self.files) > 1


class Refused(Exception):
    """The checkpoints cannot be compared, whoever tries."""

    def __init__(self, error: EigenscopeError) -> None:
        super().__init__(error.message)
        self.code = error.code


# any other error is that of one tensor: after some attempts it is given up, and the run goes on without it
UNIT = Kind(Unit, (Refused,), units.reject, units.fail)


def analyse_unit(database: Database, storage: Storage, settings: Settings, unit_id: int) -> None:
    """Does the unit, if it is there to be had. Stops when it is cancelled or taken over."""
    device = best_device()
    job = _claim(database, settings, unit_id, device)
    if job is None:
        return
    with logs.log_context(run=job.run, claim=job.claim):
        _do(database, storage, settings, job, device)


def _do(database: Database, storage: Storage, settings: Settings, job: Job, device: str) -> None:
    began = time.perf_counter()
    with hold_lease(database, settings, UNIT, job.unit, job.claim):
        _measure(database, storage, settings, job, device)
        seconds = round(time.perf_counter() - began, 3)
        log.info("unit done", extra=logs.extra(tensors=len(job.tensors), seconds=seconds, device=device))


def _claim(database: Database, settings: Settings, unit_id: int, device: str) -> Job | None:
    with database.writing() as session:
        unit = units.claim(session, settings, unit_id, device)
        if unit is None:
            return None
        run = session.get_one(Run, unit.run_id)
        members = [member.checkpoint for member in run.members]
        records = checkpoints.tensors(session, members[unit.member].id)
        return Job(
            unit=unit.id,
            run=run.id,
            claim=unit.claim,
            attempt=unit.attempts,
            member=unit.member,
            behind=(members[0].tensors or 0) if unit.member else 0,
            done=unit.done,
            tensors=tuple(tensor_info(records[position]) for position in unit.tensors[unit.done :]),
            requests=reports.requests(run),
            names=names_of(run),
            files=tuple(tuple(checkpoints.to_open(checkpoint)) for checkpoint in members),
        )


def _measure(database: Database, storage: Storage, settings: Settings, job: Job, device: str) -> None:
    with ExitStack() as folders:
        work, size, need = (_joint if job.joint else _measure_single)(
            storage, job, device, folders, settings.memory_limit
        )
        is_batched = job.attempt == 1
        several: Work = (
            run_each(job.tensors, work, device, size, need, settings.memory_limit)
            if is_batched
            else _one_by_one(job.tensors, work)
        )
        with closing(several) as results:
            for done, info in enumerate(job.tensors, job.done):
                persist(database, settings, partial(_announce, job, info))
                _, rows = next(results)
                persist(database, settings, partial(_record, job, done, rows))
    persist(database, settings, lambda session: units.finish(session, job.unit, job.claim))


def _record(job: Job, done: int, rows: Rows, session: Session) -> None:
    reports.record(session, job.unit, job.claim, rows, job.behind, done)


def _one_by_one(tensors: Iterable[TensorInfo], work: Callable[[TensorInfo], Rows]) -> Work:
    for info in tensors:
        yield info, work(info)


def _measure_single(storage: Storage, job: Job, device: str, folders: ExitStack, memory: int | None) -> Measured:
    """Measures a tensor of one checkpoint by itself."""
    checkpoint = open_checkpoint(folders.enter_context(storage.open_files(job.files[job.member])))
    cut = cutter(checkpoint, job.tensors if job.attempt == 1 else (), device)
    return (
        lambda info: list(measure_tensor(checkpoint, info, job.requests, job.member, device, cut, memory)),
        lambda info: info,
        need_of(job.requests),
    )


def _joint(storage: Storage, job: Job, device: str, folders: ExitStack, memory: int | None) -> Measured:
    """Measures a tensor of the base in every checkpoint of the run."""
    found = [open_checkpoint(folders.enter_context(storage.open_files(files))) for files in job.files]
    try:
        comparison: Comparison = open_comparison(found, job.names, job.requests)
    except CheckpointError as error:
        raise Refused(error) from error
    rows_by_name: dict[str, list[Aligned]] = {}  # a tied embedding has a row as the head too
    for row in comparison.alignment.rows:
        rows_by_name.setdefault(row.base.name, []).append(row)
    return (
        lambda info: [
            found
            for row in rows_by_name[info.name]
            for found in measure_aligned(comparison, row, job.requests, device, memory)
        ],
        lambda info: rows_by_name[info.name][0].largest,
        lambda info: max(bytes_of_row(row, job.requests) for row in rows_by_name[info.name]),
    )


def _announce(job: Job, info: TensorInfo, session: Session) -> None:
    units.announce(session, job.unit, job.claim, label_of(info.name, info.role, info.depth))
