"""Measures the tensors of one unit and records their rows, in their order; those of small tensors together.

Small tensors are measured several at once, as `analysis.engine.scheduling.run_each` has it. After an attempt that
failed they are measured one by one, so that the current tensor is the one that nobody survives.
"""

import logging
import math
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial

from analysis.diagnostic import Request, Row
from analysis.engine.batching import cutter
from analysis.engine.comparison import Comparison, bytes_of_row, measure_aligned, open_comparison, tasks_of
from analysis.engine.device import best_device
from analysis.engine.kept import Kept, digest_of_texts
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
from app.runs import kept as kept_results
from app.runs import reports
from app.runs.members import names_of, tensor_info
from app.settings import Settings
from app.storage.blobs import Storage
from app.work import units
from workers.job import Kind, hold_lease, persist
from workers.summarise import summarise_run

SOON = 0.2  # seconds: rows of small tensors that are measured within so long are recorded together
AT_A_TIME = 20.0  # seconds of one run's units; then whoever waits in the queue has a turn
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
    project: int
    claim: int
    attempt: int
    member: int  # the checkpoint's position in the run
    behind: int  # tensors that come before this checkpoint's own in a table: the base's
    done: int  # tensors of the unit that have their rows
    tensors: tuple[TensorInfo, ...]  # those still to do
    requests: tuple[Request, ...]
    names: tuple[str, ...]  # of the run's checkpoints
    files: tuple[Files, ...]  # of each of them
    parts: tuple[str | None, ...]  # which copy in its files each of them is

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
    """Does the unit, if it is there to be had, and then others of its run. Stops when it is cancelled or taken over.

    Each unit has a message of its own; to wait for that would take longer than a small unit does.
    """
    device, until = best_device(), time.monotonic() + min(AT_A_TIME, settings.unit_limit_seconds / 10)
    job = _claim(database, settings, unit_id, device)
    while job is not None:
        with logs.log_context(run=job.run, claim=job.claim):
            _do(database, storage, settings, job, device)
        job = _claim_next(database, settings, job.run, device) if time.monotonic() < until else None


def _do(database: Database, storage: Storage, settings: Settings, job: Job, device: str) -> None:
    began = time.perf_counter()
    with hold_lease(database, settings, UNIT, job.unit, job.claim):
        _measure(database, storage, settings, job, device)
        seconds = round(time.perf_counter() - began, 3)
        log.info("unit done", extra=logs.extra(tensors=len(job.tensors), seconds=seconds, device=device))
    summarise_run(database, job.run)


def _claim_next(database: Database, settings: Settings, run: int, device: str) -> Job | None:
    with database.writing() as session:
        unit_id = units.next_of(session, run)
        return None if unit_id is None else _job(session, settings, unit_id, device)


def _claim(database: Database, settings: Settings, unit_id: int, device: str) -> Job | None:
    with database.writing() as session:
        return _job(session, settings, unit_id, device)


def _job(session: Session, settings: Settings, unit_id: int, device: str) -> Job | None:
    unit = units.claim(session, settings, unit_id, device)
    if unit is None:
        return None
    run = session.get_one(Run, unit.run_id)
    members = [member.checkpoint for member in run.members]
    positions = unit.tensors[unit.done :]
    records = checkpoints.tensors_at(session, members[unit.member].id, positions)
    return Job(
        unit=unit.id,
        run=run.id,
        project=run.project_id,
        claim=unit.claim,
        attempt=unit.attempts,
        member=unit.member,
        behind=(members[0].tensors or 0) if unit.member else 0,
        done=unit.done,
        tensors=tuple(tensor_info(records[position]) for position in positions),
        requests=reports.requests(run),
        names=names_of(run),
        files=tuple(tuple(checkpoints.to_open(checkpoint)) for checkpoint in members),
        parts=tuple(checkpoint.part for checkpoint in members),
    )


def _measure(database: Database, storage: Storage, settings: Settings, job: Job, device: str) -> None:
    with ExitStack() as folders:
        kept = _kept(database, settings, job, device)
        measured = _joint if job.joint else _measure_single
        work, size, need = measured(storage, job, device, folders, settings.memory_limit, kept)
        alone = job.attempt > 1
        several: Work = (
            _one_by_one(job.tensors, work)
            if alone
            else run_each(job.tensors, work, device, size, need, settings.memory_limit)
        )
        book = Book(database, settings, job, kept, 0.0 if alone else SOON)
        with closing(several) as results:
            for info in job.tensors:
                book.announce(info)
                try:
                    _, rows = next(results)
                except (Exception, SystemExit):
                    book.write()  # what was measured before is not lost with it
                    raise
                book.add(rows)
    persist(database, settings, book.finish)


class Book:
    """The rows that were measured and not yet recorded: those of tensors that take less than `pause` s go together."""

    def __init__(self, database: Database, settings: Settings, job: Job, kept: Kept | None, pause: float) -> None:
        self._database, self._settings, self._job, self._kept, self._pause = database, settings, job, kept, pause
        self._portions: list[Rows] = []
        self._done = job.done
        self._written_at = -math.inf
        self._label: str | None = None

    def announce(self, info: TensorInfo) -> None:
        """The tensor in hand from now on."""
        self._label = label_of(info.name, info.role, info.depth)
        self._write_late()

    def add(self, rows: Rows) -> None:
        """What was found on the tensor in hand."""
        self._portions.append(rows)
        self._label = None
        self._write_late()

    def _write_late(self) -> None:
        if time.monotonic() - self._written_at >= self._pause:
            self.write()

    def write(self) -> None:
        """Records what is there, and says which tensor is in hand. Raises LeaseLost."""
        portions, self._portions = self._portions, []
        persist(self._database, self._settings, partial(self._record, portions, self._take(), self._label))
        self._done += len(portions)
        self._written_at = time.monotonic()

    def finish(self, session: Session) -> None:
        """The last rows, and that the unit is done. Raises LeaseLost."""
        self._record(self._portions, self._take(), None, session)
        units.finish(session, self._job.unit, self._job.claim)
        kept_results.mark(session, self._job.project, self._kept.hits if self._kept else ())

    def _take(self) -> Mapping[str, bytes]:
        return self._kept.take() if self._kept else {}

    def _record(self, portions: list[Rows], new: Mapping[str, bytes], label: str | None, session: Session) -> None:
        job = self._job
        reports.record(session, job.unit, job.claim, portions, job.behind, self._done).current = label
        kept_results.keep(session, self._settings, job.project, new)


def _kept(database: Database, settings: Settings, job: Job, device: str) -> Kept | None:
    """What the project keeps of the same tensors; None where nothing is to be kept."""
    if not settings.keep_results_days:
        return None
    sources = [digest_of_texts(repr(files), repr(part)) for files, part in zip(job.files, job.parts, strict=True)]
    return Kept(kept_results.ProjectResults(database, job.project), sources, device)


def _one_by_one(tensors: Iterable[TensorInfo], work: Callable[[TensorInfo], Rows]) -> Work:
    for info in tensors:
        yield info, work(info)


def _measure_single(
    storage: Storage, job: Job, device: str, folders: ExitStack, memory: int | None, kept: Kept | None
) -> Measured:
    """Measures a tensor of one checkpoint by itself."""
    if kept is not None:
        kept.expect(job.member, job.tensors, job.requests)
    checkpoint = open_checkpoint(folders.enter_context(storage.open_files(job.files[job.member])))
    cut = cutter(checkpoint, job.tensors if job.attempt == 1 else (), device)
    return (
        lambda info: list(measure_tensor(checkpoint, info, job.requests, job.member, device, cut, memory, kept)),
        lambda info: info,
        need_of(job.requests),
    )


def _joint(
    storage: Storage, job: Job, device: str, folders: ExitStack, memory: int | None, kept: Kept | None
) -> Measured:
    """Measures a tensor of the base in every checkpoint of the run."""
    found = [open_checkpoint(folders.enter_context(storage.open_files(files))) for files in job.files]
    try:
        comparison: Comparison = open_comparison(found, job.names, job.requests)
    except CheckpointError as error:
        raise Refused(error) from error
    rows_by_name: dict[str, list[Aligned]] = {}  # a tied embedding has a row as the head too
    for row in comparison.alignment.rows:
        rows_by_name.setdefault(row.base.name, []).append(row)
    if kept is not None:
        rows = [row for info in job.tensors for row in rows_by_name[info.name]]
        kept.expect_beside(rows, lambda row: tasks_of(row, job.requests))
    return (
        lambda info: [
            found
            for row in rows_by_name[info.name]
            for found in measure_aligned(comparison, row, job.requests, device, memory, kept)
        ],
        lambda info: rows_by_name[info.name][0].largest,
        lambda info: max(bytes_of_row(row, job.requests) for row in rows_by_name[info.name]),
    )
