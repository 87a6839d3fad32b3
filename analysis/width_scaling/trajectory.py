"""Steps of one training run, seen as a family of one width: do its weights grow, and what does that do to the steps?

What a normalisation follows does the same at every scale, so only the direction of such a weight counts, and a step
turns it by about η/‖W‖ where steps do not depend on the gradient's size, as in Adam. Where ‖W‖ grows, this effective
learning rate falls, whatever the schedule says (Lyle et al., NeurIPS 2024, arXiv 2407.01800: Normalize-and-Project).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.diagnostic import Finding, Severity
from analysis.findings.widths import WIDTH_PACE
from analysis.findings.wording import percent
from analysis.width_scaling.family import MATRIX, Family

FALLEN = 0.5  # of the effective learning rate at the first step looked at: ours


@dataclass(frozen=True, slots=True)
class Moment:
    """A model of the run beside the first: geometric means over all matrices, 1 where nothing changed."""

    at: int  # its place in the family
    step: float
    sigma: float  # σ₁ over that at the first step
    norm: float  # ‖W‖ over that at the first step
    rate: float | None  # η/‖W‖ over that at the first step; None where an η is not known


def trajectory(family: Family) -> list[Moment]:
    """The models by their steps; none where they are of several widths, or their steps are not known and distinct."""
    steps = [setting.step for setting in family.settings]
    matrices = [layers for layers in family.layers if layers.kind == MATRIX]
    if len({setting.width for setting in family.settings}) > 1 or None in steps or len(set(steps)) < len(steps):
        return []
    if not matrices:
        return []
    order = sorted(range(len(steps)), key=lambda at: steps[at] or 0.0)
    sigma, norm = (
        np.exp(np.log(np.concatenate([layers.curve(name) for layers in matrices])).mean(axis=0))
        for name in ("sigma", "rms")
    )
    first, rates = order[0], [setting.learning_rate for setting in family.settings]
    moments = []
    for at in order:
        growth, rate, began = float(norm[at] / norm[first]), rates[at], rates[first]
        effective = None if rate is None or began is None else rate / began / growth
        moments.append(Moment(at, steps[at] or 0.0, float(sigma[at] / sigma[first]), growth, effective))
    return moments


def in_words(moments: Sequence[Moment]) -> str:
    """What became of the run from its first step to its last."""
    first, last = moments[0], moments[-1]
    rate = "" if last.rate is None else f"; the effective learning rate η/‖W‖ by a factor of {last.rate:.3g}"
    return (
        f"From step {first.step:g} to {last.step:g} σ₁ changes by a factor of {last.sigma:.3g} and the norm of the "
        f"matrices by {last.norm:.3g}{rate}."
    )


def losing_pace(moments: Sequence[Moment]) -> Iterator[Finding]:
    """Where growing weights have taken more than half of the effective learning rate."""
    if not moments or moments[-1].norm * FALLEN <= 1.0:
        return
    last = moments[-1]
    text = f"Weights grow: at step {last.step:g} the same η turns them by {percent(1.0 / last.norm)} of what it did"
    why = (
        f"Their norm is {last.norm:.3g} times that at step {moments[0].step:g}, and what a normalisation follows is "
        "turned by η/‖W‖ in a step. Weight decay, or weights projected back to their norm, would keep the pace."
    )
    evidence = {"norm": last.norm, "rate": last.rate, "doublings": math.log2(last.norm)}
    yield Finding(Severity.WARN, text, why, (), evidence, WIDTH_PACE)
