"""Makes a mitigated checkpoint: written in a folder of its own, moved into storage in the transaction that ends it.

What is found on the way lies in a folder that outlives the worker, so that the next one goes on where this one stopped.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from analysis.engine.device import best_device
from analysis.errors import EigenscopeError
from analysis.formats import open_checkpoint
from analysis.mitigation import Memory, MitigationOptions, MitigationReport, write_mitigated
from analysis.names import label_of
from analysis.weight import TensorInfo
from app import checkpoints, mitigations
from app.db import Database
from app.errors import QuotaExceeded
from app.models import Mitigation
from app.settings import Settings
from app.storage.blobs import Incoming, Storage
from app.work import mitigations as mitigation_work
from app.work import products
from app.work.mitigations import SourceGone
from workers.job import Kind, hold_lease

MITIGATION = Kind(Mitigation, (EigenscopeError, SourceGone, QuotaExceeded), mitigation_work.reject, products.fail)
Files = tuple[tuple[str, str], ...]  # (name, sha256)


@dataclass(frozen=True)
class Job:
    """A claimed mitigation with all that it needs to know, read in one transaction."""

    mitigation: int
    claim: int
    recipe: MitigationOptions
    names: tuple[str, str]  # of the base and the tuned checkpoint
    files: tuple[Files, Files]
    bytes: int  # of the larger of the two: the mitigated one is about as large at most
    memory: str  # the folder of what was found so far


def mitigate_checkpoint(database: Database, storage: Storage, settings: Settings, mitigation_id: int) -> None:
    """Makes the mitigated checkpoint, if that is there to be had; it ends done, failed, or offered again."""
    with database.writing() as session:
        row = mitigation_work.claim(session, settings, mitigation_id)
    if row is None:
        return
    with hold_lease(database, settings, MITIGATION, row.id, row.claim):
        _make(database, storage, settings, _job(database, row))
    with database.reading() as session:
        if products.is_over(session, Mitigation, mitigation_id):
            storage.drop(_memory(row))


def _memory(row: Mitigation) -> str:
    """The name of the mitigation's folder, which no later one of another database has."""
    return f"mitigation-{row.id}-{row.created_at:.0f}"


def _job(database: Database, row: Mitigation) -> Job:
    with database.reading() as session:
        mitigation = products.current(session, Mitigation, row.id)
        base, tuned = mitigation_work.sources(session, mitigation)
        files = tuple(checkpoints.to_open(base)), tuple(checkpoints.to_open(tuned))
        names, size = (base.name, tuned.name), max(base.bytes, tuned.bytes)
        return Job(row.id, row.claim, MitigationOptions.of(mitigation.recipe), names, files, size, _memory(row))


def _make(database: Database, storage: Storage, settings: Settings, job: Job) -> None:
    storage.require(job.bytes, settings.disk_reserve)
    memory = Memory(storage.lasting(job.memory))
    if memory.begin():
        with database.writing() as session:
            mitigation_work.note_progress(session, job.mitigation, job.claim)
    with (
        storage.open_files(job.files[0]) as base,
        storage.open_files(job.files[1]) as tuned,
        storage.folder() as folder,
    ):
        report = write_mitigated(
            open_checkpoint(base),
            open_checkpoint(tuned),
            folder,
            job.recipe,
            job.names,
            best_device(),
            _announcer(database, job),
            memory,
        )
        _keep(database, storage, settings, job, folder, report)


def _announcer(database: Database, job: Job) -> Callable[[TensorInfo], None]:
    def announce(info: TensorInfo) -> None:
        with database.writing() as session:
            mitigation_work.announce(session, job.mitigation, job.claim, label_of(info.name, info.role, info.depth))

    return announce


def _keep(
    database: Database, storage: Storage, settings: Settings, job: Job, folder: Path, report: MitigationReport
) -> None:
    files = [(name, Incoming.adopt(folder / name)) for name in report.files]
    with database.writing() as session:
        mitigations.finish(session, storage, settings, job.mitigation, job.claim, files, report.to_json())
