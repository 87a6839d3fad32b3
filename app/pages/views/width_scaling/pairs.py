"""The narrowest model compared with each wider one: ratios of σ₁, by kind of weight."""

import math
from dataclasses import dataclass
from functools import cached_property

from analysis.findings.wording import two_places
from analysis.outcome import Outcome
from analysis.width_scaling.family import Scaling
from analysis.width_scaling.law import Pair
from app.pages.views.width_scaling.exponents import OVERALL, Line, make_line
from frontend import numbers, states


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    css: str
    sign: str
    title: str


class PairsView:
    """`itself`: the ratios as they are, in place of their quotient with the law's."""

    def __init__(self, fits: Scaling, itself: bool) -> None:
        self.fits, self.itself = fits, itself

    @property
    def _positions(self) -> list[int]:
        """The model that the pairs start from, and those wider: for the law, of those that it speaks of."""
        family = self.fits.family
        lawful = not self.itself and family.lawful[0] != family.narrowest
        return family.lawful if lawful else [family.narrowest, *family.wider]

    @cached_property
    def wider(self) -> list[tuple[str, str]]:
        """The wider models: width, and the name."""
        family = self.fits.family
        return [(f"{family.settings[index].width:g}", family.names[index]) for index in self._positions[1:]]

    @property
    def narrowest(self) -> str:
        return f"{self.fits.family.settings[self._positions[0]].width:g}"

    @cached_property
    def lines(self) -> list[tuple[Line, list[Cell]]]:
        """The measured ratio of σ₁ over the law's, or as it is, of each kind in each wider model."""
        kinds = [(kind, "") for kind in self.fits.matrices]
        kinds += [(self.fits.overall, OVERALL)] if self.fits.overall else []
        return [
            (make_line(kind, title), [self._cell(pair) for pair in (kind.pairs if self.itself else kind.checked)])
            for kind, title in kinds
        ]

    def _cell(self, pair: Pair) -> Cell:
        law = None if self.itself else pair.log_ratio
        if law is None and not self.itself:
            return Cell(numbers.ABSENT, "", "", "needs η and λ of both models, λ above 0")
        outcome = pair.transfer if law is None or pair.law is None else pair.law
        sign = "" if outcome is Outcome.PASS else outcome.symbol
        text = two_places(pair.measured if law is None else math.exp(law))
        return Cell(text, f"r-{states.outcome(outcome).css}", sign, f"{outcome}: {_describe(pair)}")


def _describe(pair: Pair) -> str:
    prediction = "" if pair.predicted is None else f"; the law predicts {two_places(pair.predicted)}"
    return f"measured {two_places(pair.measured)}{prediction}"
