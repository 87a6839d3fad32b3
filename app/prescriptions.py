"""Prescriptions of a run: computed from its tables when they are asked for, and kept with their files.

A rule that reads the weights is not computed here: the answer names the command that does.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from analysis.diagnostic import Row, Table
from analysis.errors import IncompleteReport
from analysis.prescriptions import PRESCRIPTIONS, Rule, rule
from analysis.prescriptions.members import Members
from analysis.prescriptions.prescription import RECORD
from analysis.prescriptions.prescription import Prescription as Computed
from analysis.prescriptions.recorded import RecordedReport
from analysis.prescriptions.writing import to_bytes
from app.access import audit
from app.errors import Conflict, NotFound
from app.models import Prescription, Run
from app.runs import reports, runs
from app.states import RunState

MOST = 100  # of a run
CURVES = {"esd": ("eigenvalues",)}  # that a rule may read
FROM_TABLES: tuple[Rule, ...] = tuple(known for known in PRESCRIPTIONS if not known.weights and known.fewest == 1)


def compute(session: Session, run_id: int, kind: str, options: Mapping[str, object], position: int = 0) -> Computed:
    """What the rule says of the run's checkpoint at this place. Writes nothing.

    Raises OptionError, PrescriptionError, NotFound, and Conflict where the run is not done, lacks a table that the rule
    reads, or the rule reads the weights.
    """
    chosen = rule(kind)
    run = runs.get(session, run_id)
    if chosen not in FROM_TABLES:
        command = f"eigenscope prescribe {kind} FILE… --out FOLDER"
        raise Conflict(f"{kind} reads the weights, which a run's tables do not hold: run `{command}` on the files.")
    if run.state != RunState.DONE:
        raise Conflict(f"Run {run_id} is {run.state}: its tables are complete when it is done.")
    if position >= len(run.members):
        raise NotFound(f"Run {run_id} has no checkpoint at position {position}.")
    settings = chosen.settings(options)
    try:
        return chosen.prescribe(Members(report=_recorded(session, run, position)), settings)
    except IncompleteReport as error:
        raise Conflict(f"Run {run_id} lacks a table: {error.message}. Or create a run with it.") from error


def _recorded(session: Session, run: Run, position: int) -> RecordedReport:
    """The run's tables with the rows of one checkpoint, as if it were alone."""
    tables = {
        name: _alone(reports.table(session, run.id, name, curves_named=CURVES.get(name, ())), position)
        for name in run.diagnostics
    }
    report = json.dumps(reports.report(session, run.id).to_json(), sort_keys=True)
    return RecordedReport(tables, run.diagnostics, hashlib.sha256(report.encode()).hexdigest())


def _alone(table: Table, position: int) -> Table:
    rows = tuple(Row(row.weight, (0,), row.measurement) for row in table.rows if row.group == (position,))
    return replace(table, rows=rows)


def add(session: Session, run_id: int, position: int, found: Computed) -> Prescription:
    """Keeps it with its run. Raises Conflict where the run has too many."""
    runs.get(session, run_id)
    if len(listing(session, run_id)) >= MOST:
        raise Conflict(f"Run {run_id} has {MOST} prescriptions already.")
    files = {name: base64.b64encode(content).decode() for name, content in found.answer.files.items()}
    row = Prescription(run_id=run_id, position=position, kind=found.kind, record=found.to_json(), files=files)
    session.add(row)
    session.flush()
    session.refresh(row)
    audit.note(session, "prescription.make", f"prescription {row.id} of run {run_id}, {found.kind}")
    return row


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


def names(row: Prescription) -> list[str]:
    """Its files, the record first."""
    return [RECORD, *sorted(row.files)]


def content(row: Prescription, name: str) -> bytes:
    """One of its files. Raises NotFound."""
    if name == RECORD:
        return to_bytes(row.record)
    if name not in row.files:
        raise NotFound(f"Prescription {row.id} has no file of that name.")
    return base64.b64decode(row.files[name])
