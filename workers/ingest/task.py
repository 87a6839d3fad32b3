"""Takes a checkpoint in: fetches what lies elsewhere, has the limited child read it, stores what the child found or why
it cannot be used.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from analysis.errors import CheckpointError, escape
from analysis.formats.files import ignored_files
from analysis.formats.stored import Fact
from app import checkpoints
from app.db import Database
from app.errors import DiskFull
from app.models import Checkpoint
from app.plans import plan_waiting
from app.settings import Settings
from app.storage.blobs import Incoming, Storage
from app.uploads.sources import SourceFault
from app.work import leases
from app.work.leases import LeaseLost
from workers.heartbeat import Heartbeat
from workers.ingest.fetch import fetch
from workers.ingest.supervisor import IngestReport, ingest

log = logging.getLogger(__name__)


def ingest_checkpoint(database: Database, storage: Storage, settings: Settings, checkpoint_id: int) -> None:
    """Ingests the checkpoint, if it is there to be had; it ends ready, rejected, or offered again."""
    with database.writing() as session:
        checkpoint = checkpoints.claim(session, settings, checkpoint_id)
    if checkpoint is None:
        return
    try:
        with Heartbeat(lambda: _renew(database, settings, checkpoint), settings.lease_seconds):
            _take_in(database, storage, fetch(database, storage, settings, checkpoint))
        log.info("checkpoint read")
    except LeaseLost as lost:
        log.info("stopped: %s", lost)
    except (SourceFault, DiskFull) as fault:
        _reject(database, checkpoint, fault.code, str(fault))
    except SystemExit:  # this worker was told to stop
        with suppress(LeaseLost), database.writing() as session:
            leases.give_back(session, Checkpoint, checkpoint.id, checkpoint.claim)
        raise
    except Exception as error:  # this attempt failed through no fault of the file that we know of
        log.exception("checkpoint %d was not ingested", checkpoint_id)
        _fail(database, settings, checkpoint, _error_text(error))


def _error_text(error: Exception) -> str:
    """What went wrong, without the paths of this machine."""
    said = error.strerror if isinstance(error, OSError) else str(error)
    return f"{type(error).__name__}: {escape(said or 'no more is known')}"


def _renew(database: Database, settings: Settings, checkpoint: Checkpoint) -> None:
    with database.writing() as session:
        leases.renew(session, Checkpoint, checkpoint.id, checkpoint.claim, settings.lease_seconds)


def _take_in(database: Database, storage: Storage, checkpoint: Checkpoint) -> None:
    files = [(file.name, file.sha256) for file in checkpoint.files]
    with storage.open_files(files) as paths, storage.folder() as folder:
        target = folder / "model.safetensors"
        try:
            found = ingest(paths, target)
        except CheckpointError as error:
            _reject(database, checkpoint, error.code, error.message)
            return
        _accept(database, storage, checkpoint, found, target)


def _accept(database: Database, storage: Storage, checkpoint: Checkpoint, found: IngestReport, target: Path) -> None:
    rewritten = Incoming.adopt(target) if found.rewritten else None
    with database.writing() as session:
        leases.lock_held(session, Checkpoint, checkpoint.id, checkpoint.claim)  # before the bytes move to their place
        if rewritten is not None:
            checkpoints.keep(session, storage, rewritten)
        checkpoints.accept(
            session,
            checkpoint.id,
            checkpoint.claim,
            form=found.format,
            kind=found.kind,
            facts={**found.facts, **_left_at_source(checkpoint)},
            infos=_json(found.tensors),
            rewritten=rewritten.sha256 if rewritten else None,
        )
        plan_waiting(session, checkpoint.id)


def _left_at_source(checkpoint: Checkpoint) -> dict[str, Fact]:
    """The fact that says which files were not fetched from the source, and why."""
    plan = checkpoint.source.plan if checkpoint.source is not None else None
    left_out = {file["name"]: file["left_out"] for file in plan or [] if file.get("left_out")}
    return {"ignored_files": ignored_files(left_out)} if left_out else {}


def _json(tensors: Sequence[Any]) -> list[dict[str, Any]]:
    return [asdict(info) if is_dataclass(info) and not isinstance(info, type) else dict(info) for info in tensors]


def _reject(database: Database, checkpoint: Checkpoint, code: str, reason: str) -> None:
    with database.writing() as session, suppress(LeaseLost):
        checkpoints.reject(session, checkpoint.id, checkpoint.claim, code, reason)


def _fail(database: Database, settings: Settings, checkpoint: Checkpoint, reason: str) -> None:
    try:
        with database.writing() as session:
            current = leases.lock_held(session, Checkpoint, checkpoint.id, checkpoint.claim)
            checkpoints.fail(session, settings, current, reason)
    except LeaseLost as lost:
        log.info("stopped: %s", lost)
