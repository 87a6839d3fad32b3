"""A report as Markdown, for a wiki or a pull request: what is said of the weights, and the rows that it is said of.

Names come from untrusted files, and are nothing but text here.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from analysis.diagnostic import Column, Finding, Row, Scope, Severity, Table
from analysis.findings.wording import format_value
from analysis.report import Report
from app.escaping import for_markdown

MOST_ROWS = 50
MOST_COLUMNS = 8
SENTENCE = 1000  # characters
PAGE = re.compile(r" \(docs/[\w-]+\.md\)")  # where a sentence names a page of ours: a path that leads nowhere in a wiki
Key = tuple[tuple[int, ...], str]  # the positions that a row compares, and its weight's name


def write(report: Report, title: str) -> str:
    """A heading, the headlines, the findings with what to do, coverage, and the numbers of the first layers."""
    blocks = [
        f"# {for_markdown(title)}",
        *(f"**{_text(summary.headline)}**" for summary in report.summaries.values() if summary.headline),
        *_findings(report),
        *_coverage(report),
        *_numbers(report),
    ]
    return "\n\n".join(blocks) + "\n"


def _text(text: str) -> str:
    return for_markdown(PAGE.sub("", text), SENTENCE)


def _findings(report: Report) -> Iterator[str]:
    findings = [finding for summary in report.summaries.values() for finding in summary.findings]
    if findings:
        worst_first, told = list(Severity), set[str]()
        yield "## Findings"
        yield "\n".join(_item(each, told) for each in sorted(findings, key=lambda one: worst_first.index(one.severity)))


def _item(finding: Finding, told: set[str]) -> str:
    """The sentence and why; what to do once for each cause, with the worst finding of it."""
    lines = [f"- **{finding.severity}: {_text(finding.text)}.** {_text(finding.why)}"]
    if finding.cause is not None and finding.cause.name not in told:
        told.add(finding.cause.name)
        lines += [f"  - Check: {_text(finding.cause.check)}", f"  - Do: {_text(finding.cause.action)}"]
        lines += [f"  - Harmless: {_text(finding.cause.harmless)}"] if finding.cause.harmless else []
    return "\n".join(lines)


def _coverage(report: Report) -> Iterator[str]:
    yield "## Coverage"
    members = zip(report.names, report.coverage.members, strict=True) if len(report.names) > 1 else ()
    parts = list(members) or [("", report.coverage)]
    lines = []
    for name, part in parts:
        before = f"{for_markdown(name)}: " if name else ""
        lines.append(f"- {before}{part.analysed} of {part.tensors} tensors analysed.")
        lines += [f"  - {count} left out: {_text(reason)}" for reason, count in part.reasons()]
    yield "\n".join(lines)


def _numbers(report: Report) -> Iterator[str]:
    """A table for each scope, for a row of one compares other checkpoints than a row of another."""
    for scope in Scope:
        tables = [table for table in report.tables if table.diagnostic.scope is scope]
        columns = [(t.diagnostic.name, column) for t in tables for column in _columns(t)][:MOST_COLUMNS]
        rows = _by_weight(tables)
        if columns and rows:
            yield "## Layers" if scope is Scope.ONE else "## What changed"
            yield _grid(report.names, columns, rows)
            if len(rows) > MOST_ROWS:
                yield f"and {len(rows) - MOST_ROWS} more: the tables as CSV have all."


def _columns(table: Table) -> list[Column]:
    return [column for column in table.diagnostic.columns if column.shown and column.kind != "curve"]


def _by_weight(tables: Sequence[Table]) -> dict[Key, dict[str, Row]]:
    rows: dict[Key, dict[str, Row]] = {}
    for table in tables:
        for row in table.rows:
            rows.setdefault((row.group, row.weight.name), {})[table.diagnostic.name] = row
    return rows


def _grid(names: Sequence[str], columns: Sequence[tuple[str, Column]], rows: Mapping[Key, Mapping[str, Row]]) -> str:
    several = len(names) > 1
    head = [*(["checkpoint"] if several else []), "layer", "shape", *(column.title for _, column in columns)]
    lines = [f"| {' | '.join(map(_text, head))} |", f"|{'---|' * len(head)}"]
    for (group, _), found in list(rows.items())[:MOST_ROWS]:
        info = next(iter(found.values())).weight
        about = [*([", ".join(names[position] for position in group[1:] or group)] if several else [])]
        about += [info.label, f"{info.rows} × {info.columns}"]
        values = [_value(found[name].value(column.name) if name in found else None) for name, column in columns]
        lines.append(f"| {' | '.join(map(_text, (*about, *values)))} |")
    return "\n".join(lines)


def _value(value: object) -> str:
    return "–" if value is None else format_value(value, 4)
