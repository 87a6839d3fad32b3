"""The answer on a family: one word, a sentence, the key numbers and the findings."""

from collections.abc import Sequence
from functools import cached_property

from analysis.diagnostic import Finding, Severity, Summary
from analysis.findings.wording import two_places
from analysis.outcome import Outcome
from analysis.width_scaling.family import Scaling
from analysis.width_scaling.law import STEADY, WIDTH_EXPONENT
from analysis.width_scaling.trajectory import Moment
from frontend import numbers
from frontend.verdict import Kpi

ANSWERS = {Outcome.PASS: "Yes.", Outcome.WARN: "Nearly.", Outcome.FAIL: "No."}
IN_PARTS = "Not for every matrix."


class AnswerView:
    """What the fits say as a whole; `moments` are the steps of one run, where the family is that."""

    def __init__(self, summary: Summary, fits: Scaling, moments: Sequence[Moment]) -> None:
        self.summary, self.fits, self.moments = summary, fits, moments

    @property
    def findings(self) -> Sequence[Finding]:
        return self.summary.findings

    @cached_property
    def words(self) -> tuple[str, str]:
        """Whether settings transfer in a word or a few, and how σ₁ changes from the narrowest model to the widest.

        A kind of matrix that fails is not outweighed by the others. No word where another optimizer than AdamW trained
        it: that σ₁ has to stay the same is of its rule.
        """
        pairs = self.fits.overall.pairs if self.fits.overall else ()
        widths = [setting.width for setting in self.fits.family.settings]
        if self.moments or not pairs or min(widths) == max(widths) or self.fits.family.other_optimizers:
            return "", self.summary.headline
        pair = pairs[-1]
        change = f"From width {min(widths):g} to {max(widths):g} σ₁ of the matrices changes by a factor of"
        fails = pair.transfer is not Outcome.FAIL and any(one.severity is Severity.BAD for one in self.findings)
        word = IN_PARTS if fails else ANSWERS[pair.transfer]
        return word, f"{change} {two_places(pair.measured)}. {self.summary.headline}"

    @cached_property
    def kpis(self) -> list[Kpi]:
        return self._over_steps() if self.moments else self._over_widths()

    def _over_steps(self) -> list[Kpi]:
        last = self.moments[-1]
        return [
            Kpi("σ₁ at the last step, first is 1", two_places(last.sigma)),
            Kpi("norm of the matrices", two_places(last.norm)),
            *_kpi("effective learning rate η / ‖W‖", last.rate),
        ]

    def _over_widths(self) -> list[Kpi]:
        fit = self.fits.overall.fit if self.fits.overall else None
        exponents = [kind.fit.exponent for kind in self.fits.matrices if kind.fit.exponent]
        agree = sum(one.agrees(WIDTH_EXPONENT) is not False for one in exponents)
        steps = [one for setting in self.fits.family.settings if (one := setting.steps_eta_lambda) is not None]
        exponent, drift = (fit.exponent, fit.drift) if fit else (None, None)
        gap = "largest gap between spectra, should be below 0.05"
        steady = f"lowest steps · η · λ, should be {STEADY:g}"
        return [
            *_kpi("exponent of d, law says 0.75", exponent.value if exponent else None, "width_exponent"),
            *_kpi("drift of σ₁, rule says 0", drift.value if drift else None, "width_drift", True),
            *([Kpi("kinds of matrix agree", str(agree), f"of {len(exponents)}")] if exponents else []),
            *_kpi(gap, self.fits.shape_gap, "top_singular_value.shape_gap"),
            *([Kpi(steady, numbers.short(min(steps)), term="steady")] if steps else []),
        ]


def _kpi(title: str, value: float | None, term: str = "", sign: bool = False) -> list[Kpi]:
    return [] if value is None else [Kpi(title, two_places(value, sign), term=term)]
