"""Of a run: the form that asks a rule what to do, and what the rules said, with their files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import APIRouter, Depends, Response

from analysis.diagnostic import Scope, Table
from analysis.prescriptions import rule
from analysis.prescriptions.prescription import Prescription as Computed
from analysis.prescriptions.settings import parse_settings
from app import models, prescriptions
from app.errors import BadRequest
from app.pages.forms import Sent
from app.pages.rendering import PageRoute, see, sentence
from app.runs import runs
from app.states import PrescriptionState, RunState
from app.web.dependencies import DatabaseOf, Identity, Reading, Writing
from frontend import numbers, states

router = APIRouter(prefix="/runs", route_class=PageRoute)
SHOWN = 8  # entries of a preview


@dataclass(frozen=True, slots=True)
class Choice:
    kind: str
    title: str
    options: str


@dataclass(frozen=True, slots=True)
class Said:
    """A prescription as the page shows it."""

    id: int
    title: str
    look: states.Look
    line: str
    doubt: str
    validated_on: str
    value: str
    entries: list[tuple[str, str]]
    more: int
    files: list[tuple[str, str]]  # name, address


@dataclass(frozen=True, slots=True)
class PrescriptionsView:
    run: int
    checkpoints: list[tuple[int, str]]
    choices: list[Choice]
    said: list[Said]


def view(session: Reading, run: models.Run, tables: Sequence[Table], names: Sequence[str]) -> PrescriptionsView | None:
    """None before the run is done, and where no table looks at one checkpoint."""
    if run.state != RunState.DONE or not any(table.diagnostic.scope is Scope.ONE for table in tables):
        return None
    choices = [
        Choice(known.name, known.title, " ".join(f"{o.name}={o.default}" for o in known.options))
        for known in prescriptions.FROM_TABLES
    ]
    said = [_said(row, names) for row in prescriptions.listing(session, run.id)]
    return PrescriptionsView(run.id, list(enumerate(names)), choices, said)


def _said(row: models.Prescription, names: Sequence[str]) -> Said:
    if row.state != PrescriptionState.DONE:
        return _unfinished(row)
    known, record = rule(row.kind), row.record
    estimator = f"{record['estimator']}. " if record.get("estimator") else ""
    where = f"{names[row.position]}: " if len(names) > 1 and row.position < len(names) else ""
    parameters = ", ".join(f"{name}={value}" for name, value in record["parameters"].items())
    entries = [(name, numbers.short(value)) for name, value in list(record["entries"].items())[:SHOWN]]
    address = f"/api/v1/runs/{row.run_id}/prescriptions/{row.id}/files/"
    return Said(
        id=row.id,
        title=known.title,
        look=states.prescription(row.state),
        line=f"{where}{estimator}{parameters}",
        doubt=record["doubt"]["reason"] if "doubt" in record else "",
        validated_on=record["validated_on"],
        value=known.value,
        entries=entries,
        more=max(0, len(record["entries"]) - SHOWN),
        files=[(name, address + quote(name)) for name in prescriptions.file_names(row)],
    )


def _unfinished(row: models.Prescription) -> Said:
    """One that a worker still makes, or could not make: how far it is, or why not."""
    known = rule(row.kind)
    if row.state == PrescriptionState.FAILED:
        line = sentence(row.reason or "It failed")
    else:
        line = f"{row.current}…" if row.current else "Waits for a worker."
    look = states.prescription(row.state)
    return Said(row.id, known.title, look, line, "", known.validated_on, known.value, [], 0, [])


def compute(database: DatabaseOf, identity: Identity, sent: Sent) -> tuple[int, Computed]:
    """What the form asks for, computed before the transaction that writes it begins."""
    kind, position = _first(sent, "kind"), _first(sent, "position") or "0"
    with database.reading() as session:
        runs.get(session, identity)
        if not position.isdigit():
            raise BadRequest("“position” must be the place of a checkpoint in the run.")
        options = parse_settings(rule(kind), _first(sent, "options").replace(",", " ").split())
        return int(position), prescriptions.compute(session, identity, kind, options, int(position))


def _first(sent: Mapping[str, Sequence[str]], name: str) -> str:
    return next(iter(sent.get(name, [])), "").strip()


Found = Depends(compute)


@router.post("/{id}/prescribe")
def prescribe(session: Writing, identity: Identity, found: tuple[int, Computed] = Found) -> Response:
    """Keeps what the rule says, and shows it beside the form."""
    prescriptions.add(session, identity, *found)
    return see(f"/runs/{identity}#todo")
