"""What a list tells of an ended run: key numbers, the worst finding, and the cells of its small picture.

Made once when the run has ended, so that lists of thousands are searched and sorted by rows alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from analysis.coverage import Coverage
from analysis.diagnostic import Finding, Scope, Severity, Table
from analysis.report import Report, summaries_of
from app.models import Overview, Run
from app.runs import reports
from app.states import ENDED
from app.work import overviews as work
from app.work import units

ALPHA = ("esd", "alpha")  # the diagnostic and the column that stand for a model in a list
RANKS = {Severity.NOTE: 1, Severity.WARN: 2, Severity.BAD: 3}


@dataclass(frozen=True, slots=True)
class Alphas:
    """The fits of α in one checkpoint; None where there are none."""

    median: float | None
    usual: int | None
    fitted: int | None
    cells: list[list[Any]]  # [role, block, value]


def find(session: Session, run_id: int) -> list[Overview] | None:
    """The overviews of an ended run, one for each checkpoint; None where it goes on or is gone."""
    run = session.get(Run, run_id)
    if run is None or run.state not in ENDED:
        return None
    report = reports.report(session, run_id)
    if not any(table.rows for table in report.tables):
        return []
    return [_overview(report, run, position) for position in range(len(run.members))]


def store(session: Session, run_id: int, found: Sequence[Overview]) -> None:
    """In place of those that are there."""
    if units.lock_run(session, run_id).summarise_at is not None:
        session.execute(delete(Overview).where(Overview.run_id == run_id))
        session.add_all(found)
        work.end(session, run_id)


def _overview(report: Report, run: Run, position: int) -> Overview:
    own = [_at(table, position) for table in report.tables if table.diagnostic.scope in (Scope.ONE, Scope.PAIR)]
    filled = [table for table in own if table.rows]
    summaries = summaries_of(filled, _coverage_at(report.coverage, position))
    findings = [finding for summary in summaries.values() for finding in summary.findings]
    worst = max(findings, key=lambda finding: RANKS[finding.severity], default=None)
    alphas = find_alphas(filled)
    pairs = [summaries[t.diagnostic.name] for t in filled if t.diagnostic.name == "intruders"]
    counts = [summary.numbers.get("intruders") for summary in pairs]
    return Overview(
        run_id=run.id,
        position=position,
        checkpoint_id=run.members[position].checkpoint_id,
        headline=_headline(report, {name: summary.headline for name, summary in summaries.items()}, position),
        median_alpha=alphas.median,
        usual=alphas.usual,
        fitted=alphas.fitted,
        intruders=next((count for count in counts if isinstance(count, int)), None),
        severity=0 if worst is None else RANKS[worst.severity],
        finding=None if worst is None else _sentence(worst),
        findings=len(findings),
        cells=alphas.cells,
    )


def _at(table: Table, position: int) -> Table:
    """The rows about the checkpoint at this place; of pairs, those in which it is the tuned one."""
    return replace(table, rows=tuple(row for row in table.rows if row.group[-1:] == (position,)))


def _coverage_at(coverage: Coverage, position: int) -> Coverage | None:
    if not coverage.members:
        return coverage
    return coverage.members[position] if position < len(coverage.members) else None


def _headline(report: Report, own: Mapping[str, str], position: int) -> str:
    """Of the whole comparison at its base; else of α, or of the first diagnostic, in the checkpoint by itself."""
    comparing = [t for t in report.tables if t.diagnostic.scope is not Scope.ONE and t.rows]
    if position == 0 and comparing:
        return comparing[0].diagnostic.summarise(comparing[0]).headline
    return own.get(ALPHA[0], next(iter(own.values()), ""))


def _sentence(finding: Finding) -> str:
    return finding.text.rstrip(".") + "."


def find_alphas(tables: Sequence[Table]) -> Alphas:
    """Median and number in the usual range of the α fits of one checkpoint that may be read, and its cells."""
    diagnostic, column = ALPHA
    table = next((table for table in tables if table.diagnostic.name == diagnostic), None)
    if table is None:
        return Alphas(None, None, None, [])
    declared = table.diagnostic.column(column)
    low, high = declared.usual or (float("-inf"), float("inf"))
    cells = [
        [row.weight.role, row.weight.depth, float(f"{value:.3g}")]
        for row in table.rows
        if row.weight.depth is not None and isinstance(value := row.value(column), float)
    ]
    judged = [row for row in table.rows if row.value(column) is not None and declared.judges(row)]
    values = [float(value) for row in judged if isinstance(value := row.value(column), int | float)]
    if not values:
        return Alphas(None, None, None, cells)
    return Alphas(median(values), sum(low <= value <= high for value in values), len(values), cells)
