"""What the entries of all layers say in words: the state of the model, and the layers with a fault of their own.

One finding per layer and cause: what a layer lost explains what else is odd about it, so that causes are asked in order
and those of a layer that is explained are not asked again.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from analysis.diagnostic import Finding, Row, Scalar, Severity, Summary, Table
from analysis.diagnostics.entries import copies, faults, odd
from analysis.findings.grouping import group_rows
from analysis.findings.subjects import is_not_finite, unmeasured_findings, worst_first
from analysis.findings.wording import quantity

SMALLEST = 8  # smaller side below which a matrix is a bundle of vectors, such as a fixed basis, and only NaN is a fault
ALIKE = 0.98  # cosine of two layers from which on one was made from the other; other pairs stay below 0.9
CHECKS: tuple[Callable[[Sequence[Row]], Iterator[Finding]], ...] = (
    faults.quantisation, faults.pruning, faults.dead_lines, faults.equal_lines, faults.low_rank, faults.precision,
    odd.orthogonal, odd.random, faults.outliers, odd.scale, odd.noise_added,
)  # fmt: skip


def summarise(table: Table) -> Summary:
    findings = [finding for rows in group_rows(table.rows).values() for finding in checkpoint(rows)]
    numbers = _numbers(table)
    return Summary(_headline(table.rows, findings), numbers, worst_first(findings))


def _numbers(table: Table) -> dict[str, Scalar]:
    rows = table.rows
    states = [row.value("state") for row in rows]
    return {
        "measured": sum(state is not None for state in states),
        "testable": sum(odd.testable(row) for row in rows),
        "random": sum(state == "random" for state in states),
        "orthogonal": sum(state == "orthogonal" for state in states),
        "zero": sum(state == "zero" for state in states),
        "quantised": sum(bool(row.value("grid")) for row in rows),
    }


def is_untrained(rows: Sequence[Row]) -> bool:
    """Whether no layer that could show training does."""
    able = [row for row in rows if odd.testable(row) and row.value("state") != "zero"]
    return bool(able) and all(row.value("state") in ("random", "orthogonal") for row in able)


def checkpoint(rows: Sequence[Row]) -> list[Finding]:
    """The findings on one checkpoint, NaN first."""
    broken = [row for row in rows if is_not_finite(row)]
    left_out = [row for row in rows if row.value("state") is None and not is_not_finite(row)]
    found = [*faults.not_finite(broken), *unmeasured_findings(left_out, "state", "entries")]
    fine = [row for row in rows if row.value("state") is not None]
    if is_untrained(fine):
        return found
    fine = [row for row in fine if min(row.weight.rows, row.weight.columns) >= SMALLEST]
    found += faults.zero(fine)
    left = [row for row in fine if row.value("state") != "zero"]
    found += faults.copies(_copies(left), len(left))
    for check in CHECKS:
        explained = {name for finding in found if finding.severity is not Severity.NOTE for name in finding.weights}
        found += check([row for row in left if row.weight.name not in explained])
    return found


def _copies(rows: Sequence[Row]) -> list[tuple[Row, Row, float]]:
    """Each row that repeats an earlier one of its shape, with that one."""
    found: list[tuple[Row, Row, float]] = []
    shapes: dict[tuple[int, int, int], list[Row]] = {}
    for row in rows:
        info = row.weight
        shapes.setdefault((info.rows, info.columns, info.slices), []).append(row)
    for some in shapes.values():
        seen: set[int] = set()
        for one, other in combinations(range(len(some)), 2):
            cosine = _likeness(some[one], some[other])
            if other not in seen and cosine >= ALIKE:
                seen.add(other)
                found.append((some[one], some[other], cosine))
    return found


def _likeness(one: Row, other: Row) -> float:
    if one.value("digest") == other.value("digest"):
        return 1.0
    samples = one.measurement.curves.get("sample"), other.measurement.curves.get("sample")
    if samples[0] is None or samples[1] is None or len(samples[0]) < 64:
        return 0.0
    return min(abs(copies.cosine(samples[0], samples[1])), 0.9999999)


def _headline(rows: Sequence[Row], findings: Sequence[Finding]) -> str:
    measured = [row for row in rows if row.value("state") is not None]
    broken = len({row.weight.name for row in rows if is_not_finite(row)})
    if broken:
        more = f" {_headline([row for row in rows if not is_not_finite(row)], findings)}" if measured else ""
        return f"{quantity(broken, 'matrix holds', 'matrices hold')} NaN or infinity.{more}"
    if not measured:
        return "No matrix could be measured."
    if is_untrained(measured):
        flat = any(row.value("state") == "orthogonal" for row in measured)
        return f"Untrained: all matrices look like their {'orthogonal' if flat else 'random'} initialisation."
    known = {row.weight.name for row in rows}
    faulty = {name for finding in findings if finding.severity is not Severity.NOTE for name in finding.weights} & known
    if not faulty:
        return f"No fault found in the entries of {quantity(len(measured), 'matrix', 'matrices')}."
    has = "has a fault in its" if len(faulty) == 1 else "have a fault in their"
    return f"{len(faulty)} of {quantity(len(rows), 'matrix', 'matrices')} {has} entries."
