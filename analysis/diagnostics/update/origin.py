"""Whether a tuned checkpoint can stem from the base that it is compared with.

Training moves weights by a few percent: even a heavy fine-tune keeps a cosine near 1 with its base. Weights that were
drawn and trained apart have none: √(mn) times their cosine is about a normal variable.
"""

import math
from collections.abc import Sequence
from statistics import median

from analysis.diagnostic import Finding, Row, Severity
from analysis.findings.changes import NEW, WRONG_BASE
from analysis.findings.grouping import having, middle
from analysis.findings.subjects import names, number, places
from analysis.findings.wording import quantity, two_places
from analysis.linalg.spectrum import BLOCK
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float

PERMUTED, REORDERED, TRANSPOSED, LINES = "permuted", "reordered", "transposed", "lines"  # that leave another cosine
FACTORS, ADAPTER = "factors", "adapter"  # where an update comes from that is no difference of stored weights
UNRELATED = 0.1  # cosine below which two matrices have nothing in common; ours: fine-tunes stay above 0.9
NEAR = 0.9  # cosine from which on a matrix stems from the base's; ours, as above
DEVIATIONS = 3.0  # of a random cosine, where a matrix is so small that chance alone passes UNRELATED
MOST = 0.5  # share of the matrices from which on it is the base that is wrong, and not a few layers that are new
ENOUGH = 3  # matrices below which that is a suspicion
ROTATED = 1e-3  # distance of spectra up to which they are the same: benchmarks/truth/bounds/lineage.py


def cosine(one: Float[Tensor, "m n"], other: Float[Tensor, "m n"]) -> float | None:
    """⟨W, W'⟩ / (‖W‖ ‖W'‖), -1 to 1, in float64, some rows at a time. None where one of the two is zero."""
    height = max(1, BLOCK // one.shape[1])
    sums = torch.zeros(3, dtype=torch.float64, device=one.device)
    for a, b in zip(torch.split(one, height), torch.split(other, height), strict=True):
        x, y = a.double(), b.double()
        sums += torch.stack([(x * y).sum(), x.square().sum(), y.square().sum()])
    product, *squares = sums.tolist()
    norms = math.sqrt(squares[0]) * math.sqrt(squares[1])
    return max(-1.0, min(1.0, product / norms)) if norms > 0.0 else None


def is_unrelated(found: float | None, size: int) -> bool:
    """Whether that is a cosine of two matrices with so many entries that have nothing to do with each other."""
    return found is not None and abs(found) < min(0.5, max(UNRELATED, DEVIATIONS / math.sqrt(size)))


def is_unrelated_row(row: Row) -> bool:
    """Whether base and tuned of this row are as different as unrelated matrices; never the base in another order.

    Nor is an adapter's: W₀ + ΔW is of this base by construction, and a large ΔW says only that it is large.
    """
    if row.value("change") in (PERMUTED, REORDERED, TRANSPOSED, LINES) or row.value("stored_as") in (FACTORS, ADAPTER):
        return False
    return is_unrelated(number(row, "cosine"), row.weight.rows * row.weight.columns * row.weight.slices)


def is_foreign_by(found: Sequence[tuple[float | None, int]]) -> bool:
    """The same as `is_foreign` of cosines, each with the number of entries, and with matrices enough to be sure."""
    verdicts = [is_unrelated(likeness, size) for likeness, size in found if likeness is not None]
    return len(verdicts) >= ENOUGH and sum(verdicts) >= MOST * len(verdicts)


def is_foreign(rows: Sequence[Row]) -> bool:
    """Whether the rows of one pair say that the fine-tuned weight does not stem from the base."""
    compared_rows = having(rows, "cosine")
    return bool(compared_rows) and sum(map(is_unrelated_row, compared_rows)) >= MOST * len(compared_rows)


def is_rotated(rows: Sequence[Row]) -> bool:
    """Whether what is foreign in the rows of one pair has the base's singular values all the same."""
    distance = middle([row for row in rows if is_unrelated_row(row)], "spectrum_distance")
    return distance is not None and distance < ROTATED


def _find_near(rows: Sequence[Row]) -> list[Row]:
    return [row for row in having(rows, "cosine") if number(row, "cosine") >= NEAR]


def describe_nothing(rows: Sequence[Row]) -> str:
    """What of a pair that is_foreign shares nothing: "its weights share", or "4 of 6 matrices share"."""
    if not _find_near(rows):
        return "its weights share"
    compared_rows = having(rows, "cosine")
    count = sum(map(is_unrelated_row, compared_rows))
    return f"{count} of {quantity(len(compared_rows), 'matrix', 'matrices')} {'shares' if count == 1 else 'share'}"


def wrong_base(rows: Sequence[Row], tuned: str, base: str) -> Finding:
    """The finding on a pair that is_foreign."""
    compared_rows = having(rows, "cosine")
    strange = [row for row in compared_rows if is_unrelated_row(row)]
    size, likeness = middle(strange, "relative_norm") or 0.0, middle(strange, "cosine") or 0.0
    sure = len(compared_rows) >= ENOUGH
    near = _find_near(rows)
    sure = sure and not near
    nothing = f"{describe_nothing(rows)} nothing with the base"
    text = (
        f"{tuned} does not look like a fine-tune of {base}: {nothing}: "
        f"relative size {size:.2f}, cosine {two_places(likeness)}"
    )
    why = [
        f"In {len(strange)} of {quantity(len(compared_rows), 'matrix', 'matrices')} base and tuned are as different as "
        "unrelated weights are: relative size about 1.41 where both are equally large, cosine 0. Choose another base; "
        "what the other diagnostics say of them means nothing. Weights that were rotated or reordered, "
        "and then trained look the same."
    ]
    if near:
        why.append(f"{quantity(len(near), 'other')} kept theirs: heads or hidden units may only have changed places.")
    elif not sure:
        why.append(f"Only {quantity(len(compared_rows), 'matrix', 'matrices')} could be compared: a suspicion.")
    distance = middle(strange, "spectrum_distance")
    if is_rotated(rows):
        text = f"{tuned} has the singular values of {base} in other directions"
        count = quantity(len(compared_rows), "matrix", "matrices")
        why = [
            f"In {len(strange)} of {count} they share all singular values and nothing else: the base was rotated, as "
            "before quantising. What other diagnostics say of this pair means nothing."
        ]
        sure = False
    evidence = {"unrelated": len(strange), "compared": len(compared_rows), "relative_norm": size, "cosine": likeness}
    severity = Severity.BAD if sure else Severity.WARN
    return Finding(
        severity, text, " ".join(why), names(strange), evidence | {"spectrum_distance": distance}, WRONG_BASE
    )


def replacement_findings(rows: Sequence[Row], tuned: str) -> list[Finding]:
    """The few matrices of a true fine-tune that are new: a warning inside the blocks, where no task needs a new one."""
    new = [row for row in having(rows, "cosine") if is_unrelated_row(row)]
    if not new:
        return []
    text = f"{tuned}: {places(new)} {'is' if len(new) == 1 else 'are'} new"
    likeness = median(number(row, "cosine") for row in new)
    why = (
        f"Cosine {two_places(likeness)} with the base: replaced or drawn anew, as heads for a new task are, or another "
        "block's, where blocks moved."
    )
    severity = Severity.WARN if any(row.weight.depth is not None for row in new) else Severity.NOTE
    return [Finding(severity, text, why, names(new), {"new": len(new), "cosine": likeness}, NEW)]
