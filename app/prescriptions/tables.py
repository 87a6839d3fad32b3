"""Prescriptions out of a run's tables alone, computed when they are asked for."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy.orm import Session

from analysis.diagnostic import Row, Table
from analysis.errors import IncompleteReport
from analysis.prescriptions import PRESCRIPTIONS, Rule, rule
from analysis.prescriptions.members import Members
from analysis.prescriptions.prescription import Prescription as Computed
from analysis.prescriptions.recorded import RecordedReport
from app.errors import Conflict, NotFound, TableMissing
from app.models import Run
from app.runs import reports, runs
from app.states import RunState

CURVES = {"esd": ("eigenvalues",)}  # that a rule may read
FROM_TABLES: tuple[Rule, ...] = tuple(known for known in PRESCRIPTIONS if not known.weights and known.fewest == 1)
FROM_WEIGHTS: tuple[Rule, ...] = tuple(known for known in PRESCRIPTIONS if known not in FROM_TABLES)


def compute(session: Session, run_id: int, kind: str, options: Mapping[str, object], position: int = 0) -> Computed:
    """What the rule says of the run's checkpoint at this place. Writes nothing.

    Raises OptionError, PrescriptionError, also where the rule reads the weights, NotFound, Conflict where the run is
    not done, and TableMissing.
    """
    chosen = rule(kind)
    settings = chosen.settings(options)
    run = runs.get(session, run_id)
    if run.state != RunState.DONE:
        raise Conflict(f"Run {run_id} is {run.state}: its tables are complete when it is done.")
    if position >= len(run.members):
        raise NotFound(f"Run {run_id} has no checkpoint at position {position}.")
    try:
        return chosen.prescribe(Members(report=_record_run(session, run, position)), settings)
    except IncompleteReport as error:
        way_out = "create a run with it, or let a worker measure the weights (`weights`)"
        raise TableMissing(f"Run {run_id} lacks a table: {error.message}. Or {way_out}.") from error


def _record_run(session: Session, run: Run, position: int) -> RecordedReport:
    """The run's tables with the rows of one checkpoint, as if it were alone."""
    tables = {
        name: _select_rows(reports.table(session, run.id, name, curves_named=CURVES.get(name, ())), position)
        for name in run.diagnostics
    }
    report = json.dumps(reports.report(session, run.id).to_json(), sort_keys=True)
    return RecordedReport(tables, run.diagnostics, hashlib.sha256(report.encode()).hexdigest())


def _select_rows(table: Table, position: int) -> Table:
    rows = tuple(Row(row.weight, (0,), row.measurement) for row in table.rows if row.group == (position,))
    return replace(table, rows=rows)
