"""What has to be answered of a family before its numbers can be held against the law: as findings, first of all."""

from collections.abc import Iterator

from analysis.diagnostic import Finding, Severity
from analysis.findings.widths import WIDTH_FACTS
from analysis.findings.wording import short
from analysis.width_scaling.family import Family
from analysis.width_scaling.law import STEADY


def questions(family: Family) -> Iterator[Finding]:
    """Numbers that look like another kind of number than the law takes."""
    if family.asks_decay:
        yield _of_decay(family)
    if family.asks_rate:
        yield _of_rate(family)


def _of_decay(family: Family) -> Finding:
    known = [s for s in family.settings if s.weight_decay and s.learning_rate]
    decays = [s.weight_decay for s in known if s.weight_decay]
    low, high = short(min(decays)), short(max(decays))
    told = low if low == high else f"{low} to {high}"
    text = f"Is the weight decay ({told}) independent of the learning rate, w ← w − λ w?"
    why = (
        "As PyTorch's, w ← w − η λ w, numbers that small act on nothing"
        f"{_steps_in_words(family)}. If they are independent, say decay_form=independent (--independent-decay on the "
        "command line); if they are PyTorch's, decay_form=pytorch. Until then nothing is held against the law, and "
        "there is no recipe."
    )
    return Finding(Severity.WARN, text, why, (), {"largest_decay": max(decays)}, WIDTH_FACTS)


def _steps_in_words(family: Family) -> str:
    """How far from the steady state they would leave the model that is nearest to it."""
    known = [one for s in family.settings if (one := s.steps_eta_lambda) is not None]
    return (
        f": steps · η · λ would be {short(max(known))} at most, where {STEADY:g} is the steady state" if known else ""
    )


def _of_rate(family: Family) -> Finding:
    rate = family.settings[0].learning_rate or 0.0
    text = f"Is the learning rate of all widths, {short(rate)}, the one that the matrices got?"
    why = (
        "One number for all widths may be the base rate of μP, of which matrices get η · d₀/d. If so, give each model "
        "the rate of its matrices, and say parametrisation=mup; if all were trained with this one, "
        "parametrisation=standard. Until then a departure from the law is not called one."
    )
    return Finding(Severity.WARN, text, why, (), {"learning_rate": rate}, WIDTH_FACTS)
