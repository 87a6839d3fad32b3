"""Reports of several runs put side by side: one table for each diagnostic, a group for each report."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from analysis.diagnostic import FigureKind, Row, Scope, Table
from analysis.diagnostics import diagnostic
from analysis.engine.comparison import distinct
from app.errors import BadRequest, NotFound
from app.models import Checkpoint, Member, Run
from app.runs import reports, runs
from app.states import RunState

FEWEST, MOST = 2, 8
REPORT = re.compile(r"([1-9][0-9]{0,8})(?:\.([0-9]{1,3}))?")


@dataclass(frozen=True, slots=True)
class Ref:
    """A report: of the checkpoint at this place of a run."""

    run: int
    position: int = 0

    def __str__(self) -> str:
        return f"{self.run}.{self.position}" if self.position else str(self.run)


@dataclass(frozen=True, slots=True)
class Beside:
    """The reports in their order, with their merged tables: row groups are (place,)."""

    refs: tuple[Ref, ...]
    runs: tuple[Run, ...]
    checkpoints: tuple[Checkpoint, ...]
    tables: tuple[Table, ...]


def parse_refs(text: str) -> tuple[Ref, ...]:
    """The reports that an address names, "12,15.1", each once. Raises BadRequest.

    >>> [str(ref) for ref in parse_refs("12,15.1,12")]
    ['12', '15.1']
    """
    found = [REPORT.fullmatch(part.strip()) for part in text.split(",") if part.strip()]
    if None in found or len(set(found)) > 2 * MOST:
        raise BadRequest(f"“{text[:60]}” does not name reports: write runs as 12,15 or run.position as 12.1.")
    refs = tuple(dict.fromkeys(Ref(int(one[1]), int(one[2] or 0)) for one in found if one is not None))
    if len(refs) > MOST:
        raise BadRequest(f"At most {MOST} reports stand side by side; {len(refs)} are named.")
    return refs


def looks_at_each(run: Run) -> bool:
    """Whether a run measures its checkpoints one by one: the reports of others have nothing to put side by side."""
    return any(diagnostic(name).scope is Scope.ONE for name in run.diagnostics)


def check_ref(run: Run, ref: Ref) -> None:
    """Raises NotFound where the run has no such checkpoint."""
    if ref.position >= len(run.members):
        has = f"it has only {len(run.members)}" if len(run.members) > 1 else "it has one, at position 0"
        raise NotFound(f"Run {ref.run} has no checkpoint at position {ref.position}: {has}.")


def put_beside(session: Session, refs: Sequence[Ref]) -> Beside:
    """Raises NotFound where a report does not exist, BadRequest where none has a table of a single checkpoint."""
    found = [runs.get(session, ref.run) for ref in refs]
    for ref, run in zip(refs, found, strict=True):
        check_ref(run, ref)
    checkpoints = tuple(run.members[ref.position].checkpoint for ref, run in zip(refs, found, strict=True))
    names = distinct([checkpoint.name for checkpoint in checkpoints])
    facts = tuple(checkpoint.known for checkpoint in checkpoints)
    asked = dict.fromkeys(name for run in found for name in run.diagnostics)
    tables = [
        Table(diagnostic(name), _rows(session, refs, found, name), names, facts)
        for name in asked
        if diagnostic(name).scope is Scope.ONE
    ]
    filled = tuple(table for table in tables if table.rows)
    if not filled:
        raise BadRequest("None of these reports has a table of a single checkpoint to put beside another.")
    return Beside(tuple(refs), tuple(found), checkpoints, filled)


def _rows(session: Session, refs: Sequence[Ref], found: Sequence[Run], name: str) -> tuple[Row, ...]:
    rows: list[Row] = []
    for place, (ref, run) in enumerate(zip(refs, found, strict=True)):
        if name in run.diagnostics:
            table = reports.table(session, ref.run, name)
            rows += [replace(row, group=(place,)) for row in table.rows if row.group == (ref.position,)]
    return tuple(rows)


def overlay(session: Session, refs: Sequence[Ref], weight: str) -> tuple[Table, str]:
    """The table with the spectra of one weight in each report, and the name of the curve that holds them.

    Raises NotFound where no report has one.
    """
    found = [runs.get(session, ref.run) for ref in refs]
    for name in dict.fromkeys(name for run in found for name in run.diagnostics):
        densities = [figure for figure in diagnostic(name).figures if figure.kind is FigureKind.DENSITY]
        if not densities or diagnostic(name).scope is not Scope.ONE:
            continue
        rows: list[Row] = []
        for place, (ref, run) in enumerate(zip(refs, found, strict=True)):
            if name in run.diagnostics and ref.position < len(run.members):
                table = reports.table(session, ref.run, name, curves_of=(weight,))
                own = [row for row in table.rows if row.group == (ref.position,) and row.weight.name == weight]
                rows += [replace(row, group=(place,)) for row in own]
        if rows:
            checkpoints = [run.members[ref.position].checkpoint for ref, run in zip(refs, found, strict=True)]
            names = distinct([checkpoint.name for checkpoint in checkpoints])
            return Table(diagnostic(name), tuple(rows), names), densities[0].parts["values"]
    raise NotFound("None of these reports has a spectrum of that weight.")


def named(session: Session, name: str, limit: int = MOST, before: int | None = None) -> list[Ref]:
    """The newest finished reports of checkpoints of this name, oldest first; where a run is given, those before it."""
    query = (
        select(Member.run_id, Member.position)
        .join(Run, Run.id == Member.run_id)
        .join(Checkpoint, Checkpoint.id == Member.checkpoint_id)
        .where(Checkpoint.name == name, Run.state == RunState.DONE)
        .where(Run.trashed_at.is_(None), Checkpoint.trashed_at.is_(None))
        .order_by(Run.id.desc(), Member.position)
        .limit(limit)
    )
    rows = session.execute(query if before is None else query.where(Run.id < before))
    return [Ref(row.run_id, row.position) for row in rows][::-1]


def previous(session: Session, run: Run, position: int = 0) -> Ref | None:
    """The report before this one of a checkpoint of the same name."""
    found = named(session, run.members[position].checkpoint.name, 1, run.id)
    return found[0] if found else None
