"""What the diagnostics say, in sentences: the worst first, each with what to do, and how many more there are."""

import textwrap
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from analysis.coverage import Coverage
from analysis.diagnostic import Finding, Severity
from analysis.report import Report
from app.escaping import for_terminal

MOST_FINDINGS = 10  # of warnings and worse
MOST_NOTES = 4
STYLES = {Severity.BAD: "bold red", Severity.WARN: "yellow", Severity.NOTE: ""}


def write_sentences(console: Console, report: Report, full: bool = True) -> None:
    """Headlines, then the findings of all diagnostics, worst first. Without `full`, the first of them."""
    summaries = report.summaries.values()
    console.print()
    for summary in summaries:
        console.print(Text(for_terminal(summary.headline), "bold"))
    findings = all_findings(report)
    chosen = findings if full else first_findings(findings)
    for finding in chosen:
        _write_finding(console, finding, full)
    if len(chosen) < len(findings):
        console.print(Text(f"and {len(findings) - len(chosen)} more findings: --full has all", "dim"))


def all_findings(report: Report) -> list[Finding]:
    """Worst first; of several checkpoints those of one severity in the order of the tables, as on the page."""
    order, names = list(Severity), [table.diagnostic.name for table in report.tables]
    several = len(report.names) > 1
    found = [(name, finding) for name, summary in report.summaries.items() for finding in summary.findings]
    found.sort(key=lambda each: (order.index(each[1].severity), names.index(each[0]) if several else 0))
    return [finding for _, finding in found]


def first_findings(findings: Sequence[Finding]) -> list[Finding]:
    """Warnings and worse, at most ten, and the first notes."""
    serious = [finding for finding in findings if finding.severity is not Severity.NOTE]
    notes = [finding for finding in findings if finding.severity is Severity.NOTE]
    return [*serious[:MOST_FINDINGS], *notes[:MOST_NOTES]]


def _write_finding(console: Console, finding: Finding, full: bool) -> None:
    """The sentence, and of a warning or worse, or with `full`: why, what to do, and the page that has its source."""
    serious = finding.severity is not Severity.NOTE
    why = f" {finding.why}" if serious or full else ""
    _write_lines(console, f"{finding.severity}: {finding.text}.{why}", 2, STYLES[finding.severity])
    if finding.cause is not None and (serious or full):
        _write_lines(console, f"check: {finding.cause.check}", 4)
        _write_lines(console, f"do: {finding.cause.action}", 4)
        _write_lines(console, f"see: {finding.cause.page}", 4)


def _write_lines(console: Console, text: str, indent: int, style: str = "") -> None:
    space = " " * indent
    lines = textwrap.wrap(for_terminal(text), console.width, initial_indent=space, subsequent_indent=space)
    console.print(Text("\n".join(lines), style), soft_wrap=True)


def write_coverage(console: Console, name: str, coverage: Coverage) -> None:
    """How many tensors were analysed, and why the others were not."""
    console.print()
    console.print(Text(for_terminal(f"{name}{coverage.analysed} of {coverage.tensors} tensors analysed.")))
    for reason, count in coverage.reasons():
        console.print(Text(for_terminal(f"  {count} left out: {reason}"), "dim"))
