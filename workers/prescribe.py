"""Computes what a rule says of weights, and stores its files in the transaction that ends it."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace

from analysis.engine.device import best_device
from analysis.errors import CheckpointError, EigenscopeError, WrongBase
from analysis.formats import open_checkpoint
from analysis.names import label_of
from analysis.option import Options
from analysis.prescriptions import Rule, rule
from analysis.prescriptions.members import Members
from analysis.prescriptions.prescription import Prescription as Computed
from analysis.prescriptions.writing import write
from analysis.weight import TensorInfo
from app import checkpoints
from app.db import Database
from app.errors import QuotaExceeded
from app.models import Prescription
from app.prescriptions.requests import finish
from app.runs import runs
from app.runs.members import names_of
from app.settings import Settings
from app.storage.blobs import Incoming, Storage
from app.storage.disk import room
from app.work import prescriptions as prescription_work
from app.work import products
from workers.ingest.optimizers import read_apart
from workers.job import Kind, hold_lease

PRESCRIPTION = Kind(Prescription, (EigenscopeError, QuotaExceeded), prescription_work.reject, products.fail)
Files = tuple[tuple[str, str], ...]  # (name, sha256)


@dataclass(frozen=True)
class Job:
    """A claimed prescription with all that it needs to know, read in one transaction."""

    prescription: int
    claim: int
    rule: Rule
    options: Options
    names: tuple[str, ...]  # of the checkpoints, in the order that the rule takes them
    files: tuple[Files, ...]
    optimizer: tuple[str, str] | None  # (name, sha256) of what lies beside the last one, where the rule reads it


def compute_prescription(database: Database, storage: Storage, settings: Settings, identity: int) -> None:
    """Computes the prescription, if that is there to be had; it ends done, failed, or offered again."""
    with database.writing() as session:
        row = prescription_work.claim(session, settings, identity)
    if row is None:
        return
    with hold_lease(database, settings, PRESCRIPTION, row.id, row.claim):
        _make(database, storage, settings, _job(database, row))


def _job(database: Database, row: Prescription) -> Job:
    with database.reading() as session:
        prescription = products.current(session, Prescription, row.id)
        run = runs.get(session, prescription.run_id)
        members = [run.members[position] for position in prescription.positions]
        names = tuple(names_of(run)[position] for position in prescription.positions)
        files = tuple(tuple(checkpoints.to_open(member.checkpoint)) for member in members)
        chosen = rule(prescription.kind)
        optimizer = checkpoints.find_optimizer(members[-1].checkpoint) if chosen.optimizer else None
        return Job(row.id, row.claim, chosen, chosen.settings(prescription.options), names, files, optimizer)


def _make(database: Database, storage: Storage, settings: Settings, job: Job) -> None:
    storage.require(0, settings.disk_reserve)
    with ExitStack() as stack:
        opened = [open_checkpoint(stack.enter_context(storage.open_files(files))) for files in job.files]
        folder = stack.enter_context(storage.folder())
        members = Members(tuple(opened), job.names, None, best_device(), _announcer(database, job))
        found = _prescribe(job, _with_optimizer(storage, job, members, stack))
        with room():
            _, *names = write(found, folder)  # the record is kept in the row
        files = [(name, Incoming.adopt(folder / name)) for name in names]
        with database.writing() as session:
            finish(session, storage, settings, job.prescription, job.claim, files, found.to_json())


def _with_optimizer(storage: Storage, job: Job, members: Members, stack: ExitStack) -> Members:
    """With the optimizer's state that lies beside the last checkpoint, or why it cannot be read."""
    if job.optimizer is None:
        return members
    (path,) = stack.enter_context(storage.open_files([job.optimizer]))
    try:
        return replace(members, optimizer=read_apart(path))
    except CheckpointError as error:
        return replace(members, no_optimizer=error.message)


def _prescribe(job: Job, members: Members) -> Computed:
    """Nobody chose the optimizer that lies beside a checkpoint: where it does not belong to it, the rest is said."""
    try:
        return job.rule.prescribe(members, job.options)
    except WrongBase as error:
        if members.optimizer is None or error.code != "optimizer-mismatch":
            raise
        return job.rule.prescribe(replace(members, optimizer=None, no_optimizer=error.message), job.options)


def _announcer(database: Database, job: Job) -> Callable[[TensorInfo], None]:
    def announce(info: TensorInfo) -> None:
        label = label_of(info.name, info.role, info.depth)
        with database.writing() as session:
            prescription_work.announce(session, job.prescription, job.claim, label)

    return announce
