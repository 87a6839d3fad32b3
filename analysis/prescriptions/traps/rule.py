"""Where traps lie: the row, the column or the entry of a weight that makes an eigenvalue no noise has."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from analysis.diagnostic import Option, Options, Scalar
from analysis.engine.reading import read_weights
from analysis.errors import TensorError
from analysis.findings.wording import quantity
from analysis.prescriptions.members import Members
from analysis.prescriptions.prescription import Answer, Rule
from analysis.prescriptions.traps.places import Located, carrying_line, largest_entries, locate_traps, strongest
from analysis.statistics.shuffling import seed_of
from analysis.weight import Weight

SMALL = 32  # rows and columns below which the edge of noise is uncertain
LISTED = 20  # traps of one weight that the record lists

LEADING = Option(
    "leading",
    1,
    "How many of the weight's own leading right singular vectors the overlap looks at.",
    minimum=1.0,
    maximum=4096.0,
)
LARGEST = Option(
    "largest",
    5,
    "How many of the largest entries, over the deviation of the bulk, are listed of each weight.",
    minimum=1.0,
    maximum=1000.0,
)


def prescribe(members: Members, options: Options) -> Answer:
    members.check_whole()
    entries: dict[str, Scalar] = {}
    details: dict[str, dict[str, Scalar]] = {}
    lists: dict[str, dict[str, Any]] = {}
    reasons: list[str] = []
    small: list[str] = []
    grids: list[str] = []
    for weight in read_weights(members.checkpoint(), members.progress):
        name = weight.info.name
        try:
            entries[name], details[name], lists[name] = _measure(weight, options)
        except TensorError as error:
            entries[name], reasons = None, [*reasons, f"{name}: {error.message}"]
        small += [name] if min(weight.matrix.shape) < SMALL else []
        grids += [name] if weight.grid is not None else []
    return Answer(entries, details=details, extra={"traps": lists}, notes=_notes(entries, reasons, small, grids))


def _measure(weight: Weight, options: Options) -> tuple[int, dict[str, Scalar], dict[str, Any]]:
    matrix = weight.matrix.double().cpu().numpy()
    order = np.random.default_rng(seed_of(weight)).permutation(matrix.size)
    result = locate_traps(matrix, order, options.integer("leading"))
    largest = [
        {"row": one.row, "column": one.column, "value": one.value, "sigmas": one.sigmas}
        for one in largest_entries(matrix, options.integer("largest"))
    ]
    extra = {"edge": result.edge, "cut": result.cut, "burden": result.burden, "largest_entries": largest}
    return len(result.traps), _place(result, matrix), {**extra, "rows": [_row(trap) for trap in result.traps[:LISTED]]}


def _place(found: Located, matrix: "np.ndarray[Any, np.dtype[np.float64]]") -> dict[str, Scalar]:
    """The strongest trap, and the row or column that carries the far entries."""
    trap, line = strongest(found.traps), carrying_line(matrix)
    place: dict[str, Scalar] = {"place": line.kind if line else None, "index": line.index if line else None}
    if trap is None:
        return place
    spot: dict[str, Scalar] = {"row": trap.row, "column": trap.column, "delta": trap.delta, "q": trap.q}
    return spot | {"label": trap.label} | place


def _row(trap: Any) -> Mapping[str, Scalar]:
    return {
        "eigenvalue": trap.eigenvalue, "delta": trap.delta, "ipr": trap.ipr, "q": trap.q, "q_uniform": trap.q_uniform,
        "overlap": trap.overlap, "risk": trap.risk, "label": trap.label, "row": trap.row, "column": trap.column,
        "value": trap.value,
    }  # fmt: skip


def _notes(entries: Mapping[str, Scalar], left: list[str], small: list[str], grids: list[str]) -> tuple[str, ...]:
    with_traps = sum(1 for count in entries.values() if count)
    notes = [
        f"{with_traps} of {quantity(len(entries), 'matrix', 'matrices')} with a trap: an eigenvalue that the "
        "entries in random order have above the edge of noise.",
        "Rows and columns count from 0: a row is an output, a column an input. The shuffle hangs on the weight's name.",
    ]
    if small:
        notes.append(
            f"{quantity(len(small), 'matrix', 'matrices')} with fewer than {SMALL} rows or columns: the edge of noise "
            "is uncertain there, and a trap is a suspicion."
        )
    if grids:
        count = quantity(len(grids), "matrix", "matrices")
        notes.append(f"{count} dequantised: a far entry may be the grid's and not the model's.")
    return (*notes, *(f"Not examined: {one}" for one in left))


TRAPS = Rule(
    name="traps",
    title="Traps and where they lie",
    reference="WeightWatcher 0.8, pull requests 345 to 365 (analyze_traps); arXiv 2602.02859",
    description="Names the row, column or entry behind each eigenvalue that the shuffled weight has above noise.",
    inputs="one checkpoint",
    value="traps",
    validated_on="The authors followed small networks as they trained; nothing was shown on language models, and it "
    "was not compared here.",
    compute=prescribe,
    options=(LEADING, LARGEST),
    weights=True,
)
