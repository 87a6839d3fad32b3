"""Layers whose values lie on a grid: what a file openly stores so, and what was rounded on the way."""

from collections.abc import Iterator, Sequence

from analysis.diagnostic import Finding, Row, Severity
from analysis.diagnostics.entries.faults import few_or_most
from analysis.findings import causes
from analysis.findings.subjects import names, number, subject
from analysis.findings.wording import quantity
from analysis.weight import STEP_OF_GRID

TIES = 0.5  # share of different values among those of different lines from which on lines repeat, and not values
EVEN = ("orthogonal", "identity", "flat")  # states that a grid does not tell from its own


def quantisation(rows: Sequence[Row]) -> Iterator[Finding]:
    def words(chosen: Sequence[Row]) -> tuple[str, str]:
        finest = max(chosen, key=lambda row: number(row, "grid_steps"))
        steps = number(finest, "grid_steps")
        bits = max(1, int(steps).bit_length())
        unit = str(finest.value("grid"))
        place = "of the whole tensor" if unit == "tensor" else f"of each {unit}"
        why = f"The values {place} lie on a grid of {steps:.0f} steps or fewer; trained values lie anywhere."
        return f"is quantised to about {quantity(bits, 'bit')}", why

    def on_grid(row: Row) -> bool:
        is_grid = bool(row.value("grid")) and row.value("state") not in EVEN and row.weight.role != "position"
        return is_grid and not _repeats_by_lines(row)

    stored = [row for row in rows if on_grid(row) and is_dequantised(row)]
    if stored:
        says, text = words(stored)[0], f"{len(stored)} of {quantity(len(rows), 'matrix', 'matrices')}: each"
        text = f"{subject(stored) if len(stored) == 1 else text} {says}, as the file says"
        why = "The file stores it so; the values looked at are those that it stands for."
        yield Finding(Severity.NOTE, text, why, names(stored), {}, causes.QUANTISED)
    others = [row for row in rows if not is_dequantised(row)]
    yield from few_or_most(others, on_grid, words, ("grid", "grid_steps", "levels"), causes.QUANTISED)


def _repeats_by_lines(row: Row) -> bool:
    """Whether values come again because half of the lines or more repeat another, and are different in the rest."""
    info = row.weight
    rows, columns = info.rows - number(row, "equal_rows"), info.columns - number(row, "equal_columns")
    different = rows * columns * info.slices
    return 2.0 * different <= info.rows * info.columns * info.slices and number(row, "levels") > TIES * different


def is_dequantised(row: Row) -> bool:
    """Whether the file itself says that its values are quantised."""
    return STEP_OF_GRID in (row.measurement.note or "")
