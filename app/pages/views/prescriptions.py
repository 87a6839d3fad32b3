"""What to do about a run, as its page shows it: the rules with their options, and what they said, with a preview."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from analysis.diagnostic import Scope, Table
from analysis.names.order import network_order
from analysis.prescriptions import Rule, rule
from app import models, prescriptions
from app.db import Session
from app.pages.rendering import sentence
from app.pages.views.option_fields import Field, field_of
from app.states import PrescriptionState, RunState
from frontend import numbers, states

SHOWN = 8  # entries of a preview
MOST_DETAILS = 4  # columns beside the value


@dataclass(frozen=True, slots=True)
class Choice:
    """A rule as a form shows it."""

    kind: str
    title: str
    description: str
    validated_on: str
    fields: tuple[Field, ...]
    one_of: list[tuple[int, str]]  # position and name of the checkpoints of which one is chosen
    some_of: list[tuple[int, str]]  # of those of which several are


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    note: str
    choices: list[Choice]


@dataclass(frozen=True, slots=True)
class Preview:
    """The first entries with what is known about them."""

    titles: list[str]
    rows: list[tuple[str, list[str]]]  # of each entry its name and values
    more: int


@dataclass(frozen=True, slots=True)
class Said:
    """A prescription as the page shows it."""

    id: int
    title: str
    look: states.Look
    line: str
    doubt: str
    notes: list[str]
    validated_on: str
    preview: Preview | None  # None before it is done, and without entries
    figure: str  # its address; "" where no entry is a number
    files: list[tuple[str, str]]  # name, address


@dataclass(frozen=True, slots=True)
class PrescriptionsView:
    run: int
    groups: list[Group]
    said: list[Said]


def view(session: Session, run: models.Run, tables: Sequence[Table], names: Sequence[str]) -> PrescriptionsView | None:
    """None before the run is done."""
    if run.state != RunState.DONE:
        return None
    groups = [_from_tables(tables, names), _from_weights(run, names)]
    said = [_describe(row, names) for row in prescriptions.listing(session, run.id)]
    return PrescriptionsView(run.id, [group for group in groups if group.choices or group.note], said)


def _from_tables(tables: Sequence[Table], names: Sequence[str]) -> Group:
    has_any = any(table.diagnostic.scope is Scope.ONE for table in tables)
    note = "Computed at once from the tables of this run; where it lacks one, a worker measures the weights."
    return Group("From the tables", note, [_choice(known, names) for known in prescriptions.FROM_TABLES if has_any])


def _from_weights(run: models.Run, names: Sequence[str]) -> Group:
    """The rules that the run has enough checkpoints for, those of several first where it has several."""
    offered = [known for known in prescriptions.FROM_WEIGHTS if known.fewest <= len(names)]
    if len(names) > 1:
        offered.sort(key=lambda known: known.most == 1)
    gone = [name for name, member in zip(names, run.members, strict=True) if member.checkpoint.released_at is not None]
    note = "A worker reads the weights; the result appears below."
    if gone:
        note = f"Retention deleted the weights of {', '.join(gone)}: upload them again to read them."
    if len(gone) == len(names):
        offered = []
    return Group("From the weights", note, [_choice(known, names) for known in offered])


def _choice(known: Rule, names: Sequence[str]) -> Choice:
    fields = tuple(field_of(known.name, option, {}, {}) for option in known.options)
    places = list(enumerate(names)) if len(names) > 1 else []
    one_of = places if known.most == 1 else places[1:] if known.most == 2 else []
    some_of = places if known.most is None else []
    return Choice(known.name, known.title, known.description, known.validated_on, fields, one_of, some_of)


def _describe(row: models.Prescription, names: Sequence[str]) -> Said:
    known, record, look = rule(row.kind), row.record, states.prescription(row.state)
    address = f"/api/v1/runs/{row.run_id}/prescriptions/{row.id}"
    done = row.state == PrescriptionState.DONE
    entries = record.get("entries", {})
    return Said(
        id=row.id,
        title=known.title,
        look=look,
        line=" ".join(_line(row, names)) if done else _progress(row),
        doubt=record["doubt"]["reason"] if "doubt" in record else "",
        notes=[sentence(note) for note in record.get("notes", ())],
        validated_on=record.get("validated_on", known.validated_on),
        preview=preview(entries, record.get("details", {}), known.value) if entries else None,
        figure=f"{address}/figure" if any(_is_number(value) for value in entries.values()) else "",
        files=[(name, f"{address}/files/{quote(name)}") for name in prescriptions.file_names(row)],
    )


def _line(row: models.Prescription, names: Sequence[str]) -> Iterable[str]:
    """Of which checkpoints it is, where the run has several, with which exponent and which options."""
    if len(names) > 1:
        yield f"{', '.join(names[position] for position in row.positions)}."
    if row.record.get("estimator"):
        yield f"{row.record['estimator']}."
    defaults = {option.name: option.default for option in rule(row.kind).options}
    changed = [f"{name}={value}" for name, value in row.options.items() if defaults.get(name) != value]
    if changed:
        yield ", ".join(changed)


def _progress(row: models.Prescription) -> str:
    """How far one is that a worker still makes, or why it could not."""
    if row.state == PrescriptionState.FAILED:
        return sentence(row.reason or "It failed")
    return f"{row.current}…" if row.current else "Waits for a worker."


def preview(entries: Mapping[str, Any], details: Mapping[str, Mapping[str, Any]], value: str) -> Preview:
    """The first entries in the network's order, each with the numbers that most of them have."""
    first = network_order(entries)[:SHOWN]
    columns = list(dict.fromkeys(column for name in first for column in details.get(name, {})))[:MOST_DETAILS]
    rows = [
        (name, [numbers.short(each) for each in (entries[name], *(details.get(name, {}).get(c) for c in columns))])
        for name in first
    ]
    titles = [value, *(column.replace("_", " ") for column in columns)]
    return Preview(titles, rows, max(0, len(entries) - SHOWN))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
