"""Notes on layers that stand apart from their siblings in a number that is no fault by itself."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from analysis.diagnostic import Finding, Row, Severity
from analysis.findings.causes import SIBLINGS
from analysis.findings.siblings import find_apart
from analysis.findings.subjects import evidence, names, number, subject
from analysis.findings.wording import short

# how often such a note is right on models held back: benchmarks/truth/apart.py, docs/truth.md
WIDTH = 5.0  # robust spreads of the siblings
# differences that matter: of the roots of counts (9 and 25, 0 and 4), and of logarithms
COUNTS, SIZES = 2.0, math.log(2.0)


@dataclass(frozen=True, slots=True)
class Compared:
    """A column that siblings share, and how a row with more or less of it is called."""

    column: str
    more: str  # "has more eigenvalues above random"
    less: str
    is_count: bool


def apart_findings(rows: Sequence[Row], compared: Compared) -> Iterator[Finding]:
    """A note on each row that is far from the median of its siblings, of three or more with itself."""
    scale, far = (_root, COUNTS) if compared.is_count else (_log, SIZES)
    for outlier in find_apart(rows, _read_on_scale(compared.column, scale), WIDTH, far):
        words = compared.more if outlier.value > outlier.middle else compared.less
        middle = outlier.middle**2 if compared.is_count else math.exp(outlier.middle)
        text = f"{subject([outlier.row])} {words} than its siblings"
        own, usual = (short(size).removesuffix(".0") for size in (number(outlier.row, compared.column), middle))
        why = (
            f"{own}; the median of {outlier.siblings} others of its role and shape is {usual}. By itself that is no "
            "fault."
        )
        some = [outlier.row]
        yield Finding(Severity.NOTE, text, why, names(some), evidence(some, compared.column), SIBLINGS)


def _read_on_scale(column: str, scale: Callable[[float], float | None]) -> Callable[[Row], float | None]:
    def value(row: Row) -> float | None:
        found = number(row, column)
        return None if math.isnan(found) else scale(found)

    return value


def _root(value: float) -> float | None:
    """Counts scatter by a half on this scale, whatever their size."""
    return math.sqrt(value) if value >= 0.0 else None


def _log(value: float) -> float | None:
    return math.log(value) if value > 0.0 else None
