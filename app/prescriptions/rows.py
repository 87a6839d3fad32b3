"""Prescriptions as rows of their run, with their files."""

import base64
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import delete as sql_delete
from sqlalchemy import select
from sqlalchemy.orm import Session

from analysis.prescriptions.prescription import RECORD
from analysis.prescriptions.prescription import Prescription as Computed
from analysis.prescriptions.writing import to_bytes
from app.access import audit
from app.errors import Conflict, NotFound
from app.models import Prescription, Run
from app.runs import runs
from app.states import PrescriptionState
from app.storage.blobs import Storage
from app.work import products

MOST = 100  # of a run


def hold_run(session: Session, run_id: int) -> Run:
    """The run, which stays until the transaction ends. Raises NotFound, and Conflict where it has too many."""
    runs.get(session, run_id)
    run = session.get(Run, run_id, with_for_update={"read": True}, populate_existing=True)
    if run is None:
        raise NotFound(f"Run {run_id} does not exist.")
    if len(_identities(session, run_id)) >= MOST:
        raise Conflict(f"Run {run_id} has {MOST} prescriptions already. Delete those that are no longer needed.")
    return run


def _identities(session: Session, run_id: int) -> Sequence[int]:
    return session.scalars(select(Prescription.id).where(Prescription.run_id == run_id).limit(MOST)).all()


def add(session: Session, run_id: int, position: int, found: Computed) -> Prescription:
    """Keeps what was computed out of the run's tables. Raises Conflict where the run has too many."""
    hold_run(session, run_id)
    files = {name: base64.b64encode(content).decode() for name, content in found.answer.files.items()}
    row = Prescription(
        run_id=run_id, position=position, positions=[position], kind=found.kind, options=dict(found.parameters),
        record=found.to_json(), files=files,
    )  # fmt: skip
    products.end(session, row)
    session.add(row)
    session.flush()
    session.refresh(row)
    audit.note(session, "prescription.make", name_prescription(row))
    return row


def name_prescription(row: Prescription) -> str:
    """How the audit log names it."""
    return f"prescription {row.id} of run {row.run_id}, {row.kind}"


def listing(session: Session, run_id: int) -> Sequence[Prescription]:
    """The newest first."""
    runs.get(session, run_id)
    query = select(Prescription).where(Prescription.run_id == run_id).order_by(Prescription.id.desc())
    return session.scalars(query.limit(MOST)).all()


def get(session: Session, run_id: int, identity: int) -> Prescription:
    row = session.get(Prescription, identity)
    if row is None or row.run_id != run_id:
        raise NotFound(f"Run {run_id} has no prescription {identity}.")
    return row


def delete(session: Session, run_id: int, identity: int) -> list[str]:
    """Deletes it; one that is being made is stopped. The digests whose bytes nobody may need any more.

    Call `retention.collect` with them after the commit.
    """
    get(session, run_id, identity)
    row = session.get(Prescription, identity, with_for_update=True, populate_existing=True)
    if row is None:
        return []
    digests = sorted({file.sha256 for file in row.stored})
    session.execute(sql_delete(Prescription).where(Prescription.id == identity))
    audit.note(session, "prescription.delete", name_prescription(row))
    return digests


def file_names(row: Prescription) -> list[str]:
    """Its files, the record first; none before it is done."""
    if row.state != PrescriptionState.DONE:
        return []
    return [RECORD, *sorted([*row.files, *(file.name for file in row.stored)])]


def find_file(row: Prescription, storage: Storage, name: str) -> bytes | Path:
    """One of its files: its bytes, or where they are stored. Raises NotFound."""
    if name == RECORD and row.state == PrescriptionState.DONE:
        return to_bytes(row.record)
    if name in row.files:
        return base64.b64decode(row.files[name])
    digest = next((file.sha256 for file in row.stored if file.name == name), None)
    path = None if digest is None else storage.path(digest)
    if path is None or not path.is_file():
        raise NotFound(f"Prescription {row.id} has no file of that name.")
    return path
