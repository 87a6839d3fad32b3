"""What a run found: coverage, tables, and what they say.

`Report.to_json` is the object that `eigenscope analyze --json` prints and the API gives for a run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from analysis.coverage import Coverage
from analysis.diagnostic import Cause, Finding, Request, Row, Scalar, Severity, Summary, Table
from analysis.findings.files import add_files
from analysis.findings.repeats import without_repeats
from analysis.findings.vectors import add_gains, add_identities, add_vectors


@dataclass(frozen=True)
class Report:
    """Coverage, tables, and what they say. `names` are the checkpoints' where there are several.

    `options` are those that each diagnostic was measured with, by its name.
    """

    coverage: Coverage
    tables: tuple[Table, ...]
    names: tuple[str, ...] = ()
    options: Mapping[str, Mapping[str, Scalar]] = field(default_factory=dict)

    @cached_property
    def summaries(self) -> Mapping[str, Summary]:
        """What each diagnostic says, by its name, beside the others."""
        return summaries_of(self.tables, self.coverage)

    def to_json(self) -> dict[str, Any]:
        findings = [
            {"diagnostic": name, **finding_json(finding)}
            for name, summary in self.summaries.items()
            for finding in summary.findings
        ]
        worst_first = list(Severity)
        return {
            **({"checkpoints": list(self.names)} if len(self.names) > 1 else {}),
            "coverage": self.coverage.to_json(self.names),
            "summary": {name: summary_json(summary, self.names) for name, summary in self.summaries.items()},
            "tables": {table.diagnostic.name: records(table) for table in self.tables},
            "findings": sorted(findings, key=lambda finding: worst_first.index(finding["severity"])),
            **({"options": {name: dict(options) for name, options in self.options.items()}} if self.options else {}),
        }


def options_of(requests: Sequence[Request]) -> dict[str, Mapping[str, Scalar]]:
    """The options of each request by its diagnostic's name."""
    return {request.diagnostic.name: request.options for request in requests}


def summaries_of(
    tables: Sequence[Table], coverage: Coverage | None, own: Mapping[str, Summary] | None = None
) -> dict[str, Summary]:
    """By diagnostic, what was said once left out of the rest; vectors with NaN first, what is odd about the files last,
    and no verdict where too little was read. `own` has each table's own summary, where that is known already.
    """
    summaries = without_repeats(dict(own) if own is not None else own_summaries(tables))
    if tables:
        summaries = add_files(summaries, tables[0].found, tables[0].names)
    if coverage is None:
        return summaries
    if coverage.unread is not None:
        summaries = {name: replace(summary, headline=coverage.unread) for name, summary in summaries.items()}
    for position, part in enumerate(coverage.members or (coverage,)):
        whose = _name_at(tables, position) if coverage.members else ""
        summaries = add_gains(add_identities(summaries, part.identities, whose), part.odd_gains, whose)
        summaries = add_vectors(summaries, part.not_finite, whose)
    return summaries


def own_summaries(tables: Sequence[Table]) -> dict[str, Summary]:
    """By diagnostic, each table by itself."""
    return {table.diagnostic.name: table.diagnostic.summarise(table) for table in tables}


def _name_at(tables: Sequence[Table], position: int) -> str:
    return tables[0].name_at(position) if tables else ""


def summary_json(summary: Summary, names: Sequence[str] = ()) -> dict[str, Any]:
    """The headline and the numbers of a table, and those of each group where there are several checkpoints."""
    fields: dict[str, Any] = {"headline": summary.headline, **summary.numbers}
    if summary.groups:
        fields["groups"] = [
            {"group": list(group), "checkpoints": [names[position] for position in group], **numbers}
            for group, numbers in summary.groups.items()
        ]
    return fields


def records(table: Table) -> list[dict[str, Any]]:
    return [record(row, table.names) for row in table.rows]


def record(row: Row, names: Sequence[str] = ()) -> dict[str, Any]:
    """A row as flat JSON: what it is about, then the diagnostic's columns by name, then the note.

    Where there are several checkpoints, `names` are theirs, and the row tells which it speaks of.
    """
    info = row.weight
    return {
        "weight": info.name,
        "tensor": info.tensor,
        "label": info.label,
        "role": info.role,
        "depth": info.depth,
        "shape": [info.rows, info.columns],
        "slices": info.slices,
        "group": list(row.group),
        **({"checkpoints": [names[position] for position in row.group]} if len(names) > 1 else {}),
        **row.measurement.values,
        "note": row.measurement.note,
    }


def finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "severity": finding.severity,
        "text": finding.text,
        "why": finding.why,
        "weights": list(finding.weights),
        "evidence": dict(finding.evidence),
        **cause_json(finding.cause),
    }


def cause_json(cause: Cause | None) -> dict[str, Any]:
    """What a finding is about, what to do about it and where that is known from; nothing of one without a cause."""
    if cause is None:
        return {}
    return {
        "cause": cause.name,
        "check": cause.check,
        "confirm": cause.confirm,
        "action": cause.action,
        "harmless": cause.harmless,
        "source": cause.source,
        "page": cause.page,
    }
