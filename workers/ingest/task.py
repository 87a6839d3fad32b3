"""Takes a checkpoint in: fetches what lies elsewhere, has the limited child read it, stores what the child found or why
it cannot be used.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from threading import Event
from typing import Any

from analysis.errors import CheckpointError
from analysis.formats.files import ignored_files
from analysis.formats.stored import Fact
from app import checkpoints
from app.access import quotas
from app.db import Database
from app.errors import QuotaExceeded
from app.models import Checkpoint
from app.runs.plans import plan_waiting
from app.settings import Settings
from app.storage.blobs import Incoming, Storage
from app.uploads.sources import SourceFault
from app.work import leases
from workers.ingest.fetch import fetch
from workers.ingest.supervisor import IngestReport, ingest
from workers.job import Kind, hold_lease

log = logging.getLogger(__name__)
INGEST = Kind(Checkpoint, (CheckpointError, SourceFault, QuotaExceeded), checkpoints.reject, checkpoints.fail)


def ingest_checkpoint(
    database: Database, storage: Storage, settings: Settings, checkpoint_id: int, stop: Event | None = None
) -> None:
    """Ingests the checkpoint, if it is there to be had; it ends ready, rejected, or offered again.

    Raises SystemExit once `stop` is set; it is offered again then.
    """
    stop = stop or Event()
    with database.writing() as session:
        checkpoint = checkpoints.claim(session, settings, checkpoint_id)
    if checkpoint is None:
        return
    with hold_lease(database, settings, INGEST, checkpoint.id, checkpoint.claim, stop):
        _take_in(database, storage, settings, fetch(database, storage, settings, checkpoint, stop), stop)
        log.info("checkpoint read")


def _take_in(database: Database, storage: Storage, settings: Settings, checkpoint: Checkpoint, stop: Event) -> None:
    files = [(file.name, file.sha256) for file in checkpoint.files]
    with storage.open_files(files) as paths, storage.folder() as folder:
        target = folder / "model.safetensors"
        room = max(0, storage.free() - settings.disk_reserve)
        report = ingest(paths, target, room=room, tensors=settings.tensor_limit, part=checkpoint.part, stop=stop)
        _accept(database, storage, settings, checkpoint, report, target)


def _accept(
    database: Database,
    storage: Storage,
    settings: Settings,
    checkpoint: Checkpoint,
    ingest_report: IngestReport,
    target: Path,
) -> None:
    rewritten = Incoming.adopt(target) if ingest_report.rewritten else None
    infos = _json(ingest_report.tensors)  # before others wait to write
    with database.writing() as session:
        leases.lock_held(session, Checkpoint, checkpoint.id, checkpoint.claim)  # before the bytes move to their place
        if rewritten is not None:  # it may be larger than what was sent, by which the upload was let in
            quotas.check_for(session, settings, checkpoint.project_id, bytes=rewritten.bytes)
            checkpoints.keep(session, storage, rewritten)
        checkpoints.accept(
            session,
            checkpoint.id,
            checkpoint.claim,
            form=ingest_report.format,
            kind=ingest_report.kind,
            facts={**ingest_report.facts, **_skipped_files_fact(checkpoint)},
            infos=infos,
            rewritten=rewritten.sha256 if rewritten else None,
        )
        plan_waiting(session, checkpoint.id)


def _skipped_files_fact(checkpoint: Checkpoint) -> dict[str, Fact]:
    """The fact that says which files were not fetched from the source, and why."""
    plan = checkpoint.source.plan if checkpoint.source is not None else None
    reasons = {file["name"]: file["left_out"] for file in plan or [] if file.get("left_out")}
    return {"ignored_files": ignored_files(reasons)} if reasons else {}


def _json(tensors: Sequence[Any]) -> list[dict[str, Any]]:
    return [asdict(info) if is_dataclass(info) and not isinstance(info, type) else dict(info) for info in tensors]
