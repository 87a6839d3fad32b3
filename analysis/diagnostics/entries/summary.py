"""What the entries of all layers say in words: the state of the model, and the layers with a fault of their own.

One finding per layer and cause: what a layer lost explains what else is odd about it, so that causes are asked in order
and those of a layer that is explained are not asked again.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from analysis.diagnostic import Finding, Row, Scalar, Severity, Summary, Table
from analysis.diagnostics.entries import faults, odd
from analysis.diagnostics.entries.copies import Pair, copy_findings, find_copies, likeness, started_alike
from analysis.findings.causes import QUANTISED
from analysis.findings.grouping import group_rows
from analysis.findings.siblings import families_by_row
from analysis.findings.subjects import is_not_finite, not_finite_findings, unmeasured_findings, worst_first
from analysis.findings.whole_blocks import join_blocks
from analysis.findings.wording import quantity
from analysis.findings.worst import name_worst

SMALLEST = 8  # smaller side below which a matrix is a bundle of vectors, such as a fixed basis, and only NaN is a fault
ASKED = 256  # others of a family that are asked whether they resemble a pair: what started as copies is one family
KIN = 0.5  # cosine of a third layer with one of them from which on all started as copies; layers drawn apart have none
Check = Callable[[Sequence[Row]], Iterator[Finding]]
CHECKS: tuple[Check, ...] = (
    faults.constant, faults.quantisation, faults.pruning, faults.dead_lines, faults.equal_lines, faults.low_rank,
    faults.clipping, faults.precision, odd.orthogonal, odd.random, faults.outliers, faults.long_lines, odd.scale,
    odd.noise_added, odd.structure,
)  # fmt: skip


def summarise(table: Table) -> Summary:
    findings = [finding for rows in group_rows(table.rows).values() for finding in checkpoint(rows)]
    numbers = _numbers(table)
    headline = " ".join(filter(None, [_headline(table.rows, findings), name_worst(table.rows, findings)]))
    return Summary(headline, numbers, worst_first(findings))


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
    able = [row for row in rows if odd.testable(row) and row.value("state") not in ("zero", "identity")]
    return bool(able) and all(row.value("state") in ("random", "orthogonal") for row in able)


def checkpoint(rows: Sequence[Row]) -> list[Finding]:
    """The findings on one checkpoint, NaN first."""
    broken_rows = [row for row in rows if is_not_finite(row)]
    blank_rows = [row for row in rows if row.value("state") is None and not is_not_finite(row)]
    findings = [*not_finite_findings(broken_rows), *unmeasured_findings(blank_rows, "state", "entries")]
    fine = [row for row in rows if row.value("state") is not None]
    if is_untrained(fine):
        return findings
    fine = [row for row in fine if min(row.weight.rows, row.weight.columns) >= SMALLEST]
    findings += faults.zero(fine)
    findings += odd.identity([row for row in fine if row.value("state") == "identity"])
    nonzero_rows = [row for row in fine if row.value("state") not in ("zero", "identity")]
    kin, others = _part_kin(find_copies(nonzero_rows), nonzero_rows)
    findings += copy_findings(others, len(nonzero_rows))
    findings += started_alike(kin)
    for check in CHECKS:
        bad_names = {name for finding in findings if _explains(finding, check) for name in finding.weights}
        findings += check([row for row in nonzero_rows if row.weight.name not in bad_names])
    return join_blocks(findings, rows)


def _explains(finding: Finding, check: Check) -> bool:
    """Whether a finding says enough of its weights for a check.

    A warning does, but for a grid, which says nothing of zeros that it does not hold, nor of a scale that was lost; and
    a note does for what is only told beside siblings: an outlier has its kurtosis.
    """
    if check is odd.structure:
        return True
    is_other = finding.cause is QUANTISED and check in (faults.pruning, odd.scale)
    return finding.severity is not Severity.NOTE and not is_other


def _part_kin(pairs: Sequence[Pair], rows: Sequence[Row]) -> tuple[list[Pair], list[Pair]]:
    """The pairs whose blocks started as copies, and the rest."""
    family_of = families_by_row(rows) if pairs else {}
    kin, others = list[Pair](), list[Pair]()
    for pair in pairs:
        one, other, cosine = pair
        is_kin = cosine < 1.0 and _are_kin(one, other, family_of.get(id(one), []))
        (kin if is_kin else others).append(pair)
    return kin, others


def _are_kin(one: Row, other: Row, family: Sequence[Row]) -> bool:
    """Whether others of their role and shape resemble them: blocks made as copies, and trained apart from there."""
    rest = islice((row for row in family if row is not one and row is not other), ASKED)
    return any(abs(likeness(row, one)) >= KIN for row in rest)


def _headline(rows: Sequence[Row], findings: Sequence[Finding], beside: bool = False) -> str:
    """Of all matrices, or of those `beside` others that hold NaN."""
    measured_rows = [row for row in rows if row.value("state") is not None]
    broken_count = len({row.weight.name for row in rows if is_not_finite(row)})
    if broken_count:
        others = [row for row in rows if not is_not_finite(row)]
        rest = f" {_headline(others, findings, beside=True)}" if measured_rows else ""
        return f"{quantity(broken_count, 'matrix holds', 'matrices hold')} NaN or infinity.{rest}"
    if not measured_rows:
        return "No matrix could be measured."
    if is_untrained(measured_rows):
        return _name_untrained(measured_rows)
    if len(measured_rows) > 1 and all(row.value("state") == "zero" for row in measured_rows):
        return f"All {len(measured_rows)} matrices are all zeros."
    row_names = {row.weight.name for row in rows}
    faulty = {
        name for finding in findings if finding.severity is not Severity.NOTE for name in finding.weights
    } & row_names
    if not faulty:
        matrices = quantity(len(measured_rows), "matrix", "matrices")
        which = matrices if not beside else f"the other {'matrix' if len(measured_rows) == 1 else matrices}"
        return f"No fault found in the entries of {which}{_reserve(measured_rows)}."
    has = "has a fault in its" if len(faulty) == 1 else "have a fault in their"
    others = [row for row in measured_rows if row.weight.name not in faulty]
    rest = f"; {_say_small(others, 'the other', 'of the others, ')}" if _too_small(others) else ""
    return f"{len(faulty)} of {quantity(len(rows), 'matrix', 'matrices')} {has} entries{rest}."


def _name_untrained(measured: Sequence[Row]) -> str:
    """Of all matrices, or of those that tell; equal singular values may be kept by design."""
    told = [row for row in measured if row.value("state") in ("random", "orthogonal")]
    which = "all matrices" if len(told) == len(measured) else f"all {len(told)} of the matrices that can be told"
    if len(told) == 1:
        which = "the one matrix" if len(measured) == 1 else "the one matrix that can be told"
    if all(row.value("state") == "orthogonal" for row in told):
        verb = "is" if which.startswith("the one") else "are"
        return f"Untrained, or orthogonal by design: {which} {verb} orthogonal."
    looks = "looks like its" if which.startswith("the one") else "look like their"
    return f"Untrained: {which} {looks} random initialisation."


def _reserve(measured: Sequence[Row]) -> str:
    """What the absence of a fault does not say: of matrices that look random by design, or are too small to tell."""
    if all(row.value("state") == "random" for row in measured):
        return ", but all look like a random initialisation" if len(measured) > 1 else ", but it looks random"
    return f"; {_say_small(measured, 'it')}" if _too_small(measured) else ""


def _too_small(rows: Sequence[Row]) -> int:
    """How many are too small for most tests, and so neither good nor bad."""
    return sum(min(row.weight.rows, row.weight.columns) < SMALLEST for row in rows)


def _say_small(rows: Sequence[Row], one: str, of: str = "") -> str:
    """How many of the rows nobody could judge; `one` is what a single row is called."""
    small = _too_small(rows)
    if len(rows) == 1:
        return f"{one} is too small for most tests"
    count = "all" if small == len(rows) else "one" if small == 1 else str(small)
    return f"{of}{count} {'is' if count == 'one' else 'are'} too small for most tests"
