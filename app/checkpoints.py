"""Checkpoints: received, ingested by a worker, listed, deleted."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import delete as sql_delete
from sqlalchemy import exists, insert, select
from sqlalchemy.orm import Session

from analysis.facts import check_facts
from analysis.formats.companions import OPTIMIZER_STATE, training_state
from analysis.names.checkpoints import guess, is_usual
from app.access import audit
from app.db import insert_of, now
from app.errors import NotFound
from app.models import Blob, Checkpoint, File, Member, PrescriptionFile, Run, Tensor, Transfer, newest
from app.settings import Settings
from app.states import CheckpointState, RunState
from app.storage.blobs import Incoming, Storage
from app.work import leases, overviews, units

LONGEST_NAME = 255
TENSORS_AT_ONCE = 1000  # below every database's limit of parameters in a statement


def receive(
    session: Session,
    storage: Storage,
    name: str | None,
    uploads: Sequence[tuple[str, Incoming]],
    stated: Mapping[str, Any] = MappingProxyType({}),
) -> Checkpoint:
    """A checkpoint of these finished (name, file) uploads, offered to a worker for ingest.

    `stated` are facts that came along, as `analysis.facts.parse_facts` gives them.
    """
    for _, incoming in sorted(uploads, key=lambda upload: upload[1].sha256):  # one order of locks for everyone
        keep(session, storage, incoming)
    files = [(file_name, incoming.sha256, incoming.bytes) for file_name, incoming in uploads]
    return offer(session, name, files, stated)


def offer(
    session: Session,
    name: str | None,
    stored: Sequence[tuple[str, str, int]],
    stated: Mapping[str, Any] = MappingProxyType({}),
) -> Checkpoint:
    """A checkpoint of (name, sha256, bytes) whose Blob rows this transaction has locked, offered for ingest."""
    files = [
        File(position=position, name=clean_name(file_name), sha256=digest, bytes=size)
        for position, (file_name, digest, size) in enumerate(stored)
    ]
    checkpoint = Checkpoint(
        name=clean_name(name or _name_of(files)),
        bytes=sum(file.bytes for file in files),
        files=files,
        facts={},
        stated=dict(stated),
    )
    leases.offer(session, checkpoint)
    session.refresh(checkpoint)
    audit.note(
        session, "checkpoint.receive", name_checkpoint(checkpoint), {"bytes": checkpoint.bytes, "files": len(files)}
    )
    return checkpoint


def name_checkpoint(checkpoint: Checkpoint) -> str:
    """How the audit log names it."""
    return f"checkpoint {checkpoint.id}, {checkpoint.name}"


def edit(session: Session, identity: int, name: str | None, fields: Mapping[str, object]) -> Checkpoint:
    """The checkpoint under another name, where one is given, and with these facts stated; None takes one back.

    Reports read facts when they are shown, so that those of ended runs change too. Raises FactError.
    """
    changes = check_facts(fields)
    checkpoint = hold(session, identity)
    if name is not None and (new := clean_name(name)) != checkpoint.name:
        audit.note(session, "checkpoint.rename", name_checkpoint(checkpoint), {"name": new})
        checkpoint.name = new
    facts = {**checkpoint.stated, **changes}
    checkpoint.stated = {fact: value for fact, value in facts.items() if value is not None}
    session.flush()
    if changes:
        overviews.ask_anew(session, identity)
    return checkpoint


def clean_name(name: str) -> str:
    """A name that people chose, or a machine: without control characters, and no longer than a file name."""
    printable = "".join(character for character in name.replace("\\", "/") if character.isprintable())
    return printable.strip("/ ")[-LONGEST_NAME:] or "unnamed"


def _name_of(files: Sequence[File]) -> str:
    """What to call a checkpoint that was given no name: its folder's name, or that of its largest file."""
    folders = {file.name.partition("/")[0] for file in files if "/" in file.name}
    if len(folders) == 1 and all("/" in file.name for file in files):
        return folders.pop()
    return max(files, key=lambda file: file.bytes).name


def keep(session: Session, storage: Storage, incoming: Incoming) -> None:
    """Stores a file's bytes once. The row is locked while the file moves, against a deletion of the same bytes."""
    lock_blob(session, incoming.sha256, incoming.bytes)
    storage.keep(incoming)


def lock_blob(session: Session, digest: str, size: int) -> None:
    """The row of these bytes, made if need be and locked until the transaction ends."""
    row = insert_of(session)(Blob).values(sha256=digest, bytes=size)
    update = {"created_at": now(), "removed_at": None}
    session.execute(row.on_conflict_do_update(index_elements=[Blob.sha256], set_=update))


def listing(session: Session, limit: int = 100, before: int | None = None) -> Sequence[Checkpoint]:
    """The newest first, without archive and trash; where an id is given, those made before it."""
    conditions = (Checkpoint.trashed_at.is_(None), Checkpoint.archived_at.is_(None))
    return newest(session, Checkpoint, limit, before, *conditions)


def get(session: Session, identity: int) -> Checkpoint:
    return _require(session.get(Checkpoint, identity), identity)


def hold(session: Session, identity: int, shared: bool = False) -> Checkpoint:
    """The checkpoint as it is now, locked until the transaction ends, so that its state stays what it is."""
    checkpoint = session.get(Checkpoint, identity, with_for_update={"read": shared}, populate_existing=True)
    return _require(checkpoint, identity)


def _require(checkpoint: Checkpoint | None, identity: int) -> Checkpoint:
    if checkpoint is None:
        raise NotFound(f"Checkpoint {identity} does not exist.")
    return checkpoint


def tensors(session: Session, identity: int) -> list[dict[str, Any]]:
    """Every tensor as JSON, in file order: none before the checkpoint is ready."""
    get(session, identity)
    query = select(Tensor.info).where(Tensor.checkpoint_id == identity).order_by(Tensor.position)
    return list(session.scalars(query))


def tensors_at(session: Session, identity: int, positions: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Those at these positions, as JSON."""
    found: dict[int, dict[str, Any]] = {}
    for start in range(0, len(positions), TENSORS_AT_ONCE):
        some = positions[start : start + TENSORS_AT_ONCE]
        query = select(Tensor.position, Tensor.info).where(Tensor.checkpoint_id == identity)
        found |= {row.position: row.info for row in session.execute(query.where(Tensor.position.in_(some)))}
    return found


def tensors_after(
    session: Session, identity: int, position: int | None, limit: int
) -> list[tuple[int, dict[str, Any]]]:
    """At most so many of them with their positions, of those that come after this one."""
    get(session, identity)
    query = select(Tensor.position, Tensor.info).where(Tensor.checkpoint_id == identity)
    rest = query if position is None else query.where(Tensor.position > position)
    return [(place, info) for place, info in session.execute(rest.order_by(Tensor.position).limit(limit))]


def to_open(checkpoint: Checkpoint) -> list[tuple[str, str]]:
    """(name, sha256) of what a worker opens: the files as they were sent, or what they were rewritten to.

    Beside a rewritten file lie the configs that lay beside the original: an adapter means nothing without its own.
    """
    files = [(file.name, file.sha256) for file in checkpoint.files]
    if checkpoint.rewritten is None:
        return files
    folder, _, _ = max(checkpoint.files, key=lambda file: file.bytes).name.rpartition("/")
    siblings = [(name.rpartition("/")[2], digest) for name, digest in files if name.rpartition("/")[0] == folder]
    return [("model.safetensors", checkpoint.rewritten), *((n, d) for n, d in siblings if _is_config(n))]


def find_optimizer(checkpoint: Checkpoint) -> tuple[str, str] | None:
    """(name, sha256) of the optimizer's state that was sent beside the weights; None where there is not one such file.

    It has its trainer's name for it, such as optimizer.pt. That it is one, nobody has looked at yet.
    """
    states = [
        (file.name, file.sha256)
        for file in checkpoint.files
        if training_state(file.name) == OPTIMIZER_STATE and file.name.endswith((".pt", ".bin", ".pth"))
    ]
    return states[0] if len(states) == 1 else None


def is_stored(session: Session, storage: Storage, checkpoint: Checkpoint) -> bool:
    """Whether all its files are in their places, and what they were rewritten to."""
    digests = [file.sha256 for file in checkpoint.files] + ([checkpoint.rewritten] if checkpoint.rewritten else [])
    blobs = [(digest, session.get(Blob, digest)) for digest in digests]
    return all(blob is not None and storage.is_whole(digest, blob.bytes) for digest, blob in blobs)


def _is_config(name: str) -> bool:
    return name.endswith(".json") and not name.endswith(".index.json")


def latest_runs(session: Session, identities: Sequence[int], measuring: str = "") -> dict[int, int]:
    """The newest run of each checkpoint that has one; where a diagnostic is named, the newest that asked for it."""
    query = select(Member.checkpoint_id, Member.run_id).join(Run, Run.id == Member.run_id)
    query = query.where(Member.checkpoint_id.in_(identities), Run.trashed_at.is_(None))
    if measuring:
        query = query.where(Run.diagnostics[measuring].as_string().is_not(None))
    return {row.checkpoint_id: row.run_id for row in session.execute(query.order_by(Member.run_id))}


def delete(session: Session, identity: int) -> list[str]:
    """Deletes the checkpoint and the runs over it; the digests whose bytes nobody may need any more.

    Call `retention.collect` with them after the commit.
    """
    checkpoint = hold(session, identity)
    digests = {file.sha256 for file in checkpoint.files} | ({checkpoint.rewritten} - {None})
    run_ids = sorted(session.scalars(select(Member.run_id).where(Member.checkpoint_id == identity)))
    for run_id in run_ids:
        units.lock_open(session, run_id)
    session.execute(sql_delete(Run).where(Run.id.in_(run_ids)))
    session.execute(sql_delete(Checkpoint).where(Checkpoint.id == identity))
    audit.note(session, "checkpoint.delete", name_checkpoint(checkpoint), {"runs": run_ids})
    return sorted(digest for digest in digests if digest)


def orphans(session: Session, storage: Storage) -> list[str]:
    """Bytes without a use: what a process left that was killed between two steps. `retention.collect` them then."""
    for digest, size in storage.settled_files():
        if session.get(Blob, digest) is None:  # then it gets a row, so that it can be locked before it goes
            session.execute(insert_of(session)(Blob).values(sha256=digest, bytes=size).on_conflict_do_nothing())
    uses = (File.sha256, Checkpoint.rewritten, Transfer.sha256, PrescriptionFile.sha256)
    conditions = (~exists().where(column == Blob.sha256) for column in uses)
    return list(session.scalars(select(Blob.sha256).where(Blob.removed_at.is_(None), *conditions)))


# --- the worker's side ----------------------------------------------------------------------------------------------


def claim(session: Session, settings: Settings, identity: int) -> Checkpoint | None:
    """The checkpoint under a lease for its ingest, or None: it is another's, or gone."""
    return leases.claim(session, Checkpoint, identity, settings.lease_seconds)


def accept(
    session: Session,
    identity: int,
    claim: int,
    *,
    form: str,
    kind: str,
    facts: Mapping[str, Any],
    infos: Sequence[Mapping[str, Any]],
    rewritten: str | None,
) -> Checkpoint:
    """The checkpoint is ready, with what the ingest found. Raises LeaseLost."""
    checkpoint = leases.lock_held(session, Checkpoint, identity, claim)
    session.execute(sql_delete(Tensor).where(Tensor.checkpoint_id == identity))
    rows = [{"checkpoint_id": identity, "position": place, "info": dict(info)} for place, info in enumerate(infos)]
    if rows:  # at once: other writers wait meanwhile, and there may be 100,000
        session.execute(insert(Tensor), rows)
    checkpoint.state, checkpoint.lease_until, checkpoint.rewritten = CheckpointState.READY, None, rewritten
    checkpoint.format, checkpoint.kind, checkpoint.facts = form, kind, _storable(facts)
    if is_usual(checkpoint.name) and (name := guess(facts)):
        checkpoint.name = clean_name(name)
    checkpoint.tensors = len(infos)
    checkpoint.parameters = sum(math.prod(info["shape"]) for info in infos if not info.get("same_as"))
    session.flush()
    return checkpoint


def reject(session: Session, identity: int, claim: int, code: str, reason: str) -> None:
    """The checkpoint cannot be used, and neither can the runs that wait for it. Raises LeaseLost."""
    checkpoint = leases.lock_held(session, Checkpoint, identity, claim)
    checkpoint.state, checkpoint.lease_until = CheckpointState.REJECTED, None
    checkpoint.reason_code, checkpoint.reason = code, reason
    for run in units.waiting_for(session, identity):
        units.close(session, run, RunState.FAILED, code, reason)


def fail(session: Session, settings: Settings, checkpoint: Checkpoint, reason: str) -> None:
    """An attempt to ingest it failed through no fault of its own, as far as we know: again, or rejected at last."""
    if checkpoint.attempts < settings.attempts:
        leases.offer(session, checkpoint, later=True)
    else:
        message = f"{reason} ({checkpoint.attempts} attempts)"
        reject(session, checkpoint.id, checkpoint.claim, "ingest-failed", message)


def _storable(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts without what JSON has no number for."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in facts.items()}
