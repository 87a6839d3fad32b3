"""Fetches a checkpoint's files from its source, block by block, into storage: after it, they are as if they were sent.

How far it has come is the length of the partial file, so that whoever goes on, after whatever happened, asks for the
next byte. The files that are there already have their rows.
"""

from collections.abc import Sequence
from dataclasses import asdict
from threading import Event

from app import checkpoints
from app import tenancy as owned
from app.access import quotas
from app.db import Database
from app.errors import ServiceError
from app.models import Checkpoint, File, Source
from app.settings import Settings
from app.storage.blobs import Storage
from app.storage.partial_files import Growing
from app.uploads import sources
from app.uploads.sources import Found, SourceFault
from app.work import leases
from workers.ingest.sources import Place, place

PROGRESS_EVERY = 64 << 20  # bytes between two records of the progress


def fetch(
    database: Database, storage: Storage, settings: Settings, checkpoint: Checkpoint, stop: Event | None = None
) -> Checkpoint:
    """The checkpoint with all of its files here.

    Raises SourceFault, DiskFull and LeaseLost, and SystemExit once `stop` is set.
    """
    source = checkpoint.source
    if source is None:
        return checkpoint
    fetching = Fetching(database, storage, settings, checkpoint, stop or Event())
    try:
        origin = place(sources.parse(source.url, settings), settings)  # what is allowed may have changed since
        plan = fetching.plan(origin, source)
    except ServiceError as error:
        raise SourceFault(error.code, str(error)) from None
    positions = {file.position for file in checkpoint.files}
    for position, file in enumerate(plan):
        if position not in positions and file.left_out is None:
            fetching.take(origin, position, file)
    with database.writing() as session:
        return leases.lock_held(session, Checkpoint, checkpoint.id, checkpoint.claim)


class Fetching:
    """One attempt of one worker at one checkpoint."""

    def __init__(
        self, database: Database, storage: Storage, settings: Settings, checkpoint: Checkpoint, stop: Event
    ) -> None:
        self._database, self._storage, self._settings = database, storage, settings
        self._checkpoint, self._stop = checkpoint, stop

    def plan(self, place: Place, source: Source) -> list[Found]:
        """The files to fetch: as an earlier attempt found them, or as they are there now."""
        if source.plan is not None:
            return [Found(**record) for record in source.plan]
        files = sources.choose(place.list())
        self._check([file for file in files if file.left_out is None])
        with self._database.writing() as session:
            work = leases.lock_held(session, Checkpoint, self._checkpoint.id, self._checkpoint.claim)
            assert work.source is not None
            work.source.plan = [asdict(file) for file in files]
        return files

    def _check(self, chosen: Sequence[Found]) -> None:
        """Before the first byte is asked for."""
        total = sum(file.bytes for file in chosen)
        if total > self._settings.upload_limit or len(chosen) > self._settings.upload_files:
            raise SourceFault(
                "source-too-large", f"Its {len(chosen):,} files have {total:,} bytes, more than the limit."
            )
        self._storage.require(total, self._settings.disk_reserve)
        with self._database.reading() as session:
            owned.speak(session, self._checkpoint.project_id, None, quotas.usual(self._settings))
            quotas.check(session, bytes=total, files=len(chosen))

    def take(self, place: Place, position: int, file: Found) -> None:
        """One file, from where an earlier attempt left it."""
        name = sources.partial_name(self._checkpoint.id, position)
        partials = self._storage.partials
        if partials.offset(name) is None:
            partials.create(name)
        growing = partials.open(name)
        try:
            self._pour(place, file, growing)
        finally:
            growing.close()
        digest = partials.sha256(name)
        if file.sha256 not in (None, digest):
            partials.remove(name)
            raise SourceFault("source-refused", f"“{file.name}” has SHA-256 {digest}, but {file.sha256} was expected.")
        self._keep(position, file, digest)
        partials.remove(name)

    def _pour(self, place: Place, file: Found, growing: Growing) -> None:
        last_offset = growing.offset
        for block in place.read(file, growing.offset):
            if self._stop.is_set():
                raise SystemExit
            self._storage.require(len(block), self._settings.disk_reserve)
            growing.write(block)
            if growing.offset - last_offset >= PROGRESS_EVERY:
                last_offset = growing.offset
                self._tell(last_offset)

    def _tell(self, here: int) -> None:
        """So much of the file in hand is here; a later failure counts as the first."""
        with self._database.writing() as session:
            work = leases.lock_held(session, Checkpoint, self._checkpoint.id, self._checkpoint.claim)
            assert work.source is not None
            work.source.fetched, work.attempts = work.bytes + here, 1

    def _keep(self, position: int, file: Found, digest: str) -> None:
        with self._database.writing() as session:
            work = leases.lock_held(session, Checkpoint, self._checkpoint.id, self._checkpoint.claim)
            checkpoints.lock_blob(session, digest, file.bytes)
            self._storage.keep_partial(sources.partial_name(work.id, position), digest)
            name = checkpoints.clean_name(file.name)
            session.add(File(checkpoint_id=work.id, position=position, name=name, sha256=digest, bytes=file.bytes))
            work.bytes += file.bytes
            assert work.source is not None
            work.source.fetched, work.attempts = work.bytes, 1
