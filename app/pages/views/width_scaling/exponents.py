"""The table of exponents: what the fits say of each kind of weight."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from analysis.findings.wording import two_places
from analysis.width_scaling.family import MATRIX, Kind, Scaling
from analysis.width_scaling.law import WIDTH_EXPONENT, Estimate
from frontend import numbers
from frontend.palette import Look, look
from frontend.states import Look as Sign

AGREES, ABOVE, BELOW = (
    Sign("tick", "good", "agrees with 0.75"), Sign("triangle", "warn", "above the law"),
    Sign("triangle", "warn", "below the law"),
)  # fmt: skip
BAND = (132.0, 0.0, 2.0 * WIDTH_EXPONENT)  # pixels, and the exponents at its ends
OVERALL = "all matrices"


@dataclass(frozen=True, slots=True)
class Band:
    """An estimate with its interval on a track whose middle is the law, in pixels."""

    dot: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Line:
    """What the fits say of one kind of weight."""

    look: Look | None  # None where it is of all matrices
    title: str
    of_law: bool  # whether the law speaks of it
    exponent: str
    band: Band | None
    interval: str
    drift: str
    of_ratio: str
    reading: Sign | None


class ExponentsView:
    def __init__(self, fits: Scaling) -> None:
        self.fits = fits

    @cached_property
    def lines(self) -> Sequence[Line]:
        overall = [make_line(self.fits.overall, OVERALL)] if self.fits.overall else []
        return [*map(make_line, self.fits.kinds), *overall]

    @property
    def has_own_ratio(self) -> bool:
        return any(kind.fit.ratio for kind in self.fits.kinds)


def make_line(kind: Kind, title: str = "") -> Line:
    """The line of a kind of weight; with a title, of all matrices."""
    exponent, drift, ratio = kind.fit.exponent, kind.fit.drift, kind.fit.ratio
    ends = exponent.widest if exponent else None
    return Line(
        look=None if title else look(kind.layers.role),
        title=title or look(kind.layers.role).title,
        of_law=kind.layers.kind == MATRIX,
        exponent=numbers.ABSENT if exponent is None else two_places(exponent.value),
        band=None if exponent is None else _band(exponent),
        interval=f"{two_places(ends[0])} to {two_places(ends[1])}" if ends else numbers.ABSENT,
        drift=numbers.ABSENT if drift is None else two_places(drift.value, sign=True),
        of_ratio=numbers.ABSENT if ratio is None else two_places(ratio.value),
        reading=_reading(exponent),
    )


def _band(estimate: Estimate) -> Band:
    width, low, high = BAND
    ends = estimate.widest or [estimate.value] * 2
    places = [max(0.0, min(width, width * (x - low) / (high - low))) for x in (estimate.value, *ends)]
    return Band(*(round(x, 1) for x in places))


def _reading(estimate: Estimate | None) -> Sign | None:
    if estimate is None or (agrees := estimate.agrees(WIDTH_EXPONENT)) is None:
        return None
    return AGREES if agrees else ABOVE if estimate.value > WIDTH_EXPONENT else BELOW
