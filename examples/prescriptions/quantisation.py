"""The rule's ignore list against drawn lists of as many layers of the same types, all else rounded to int4.

Where no layer stands out as far as the rule asks, its own answer is that none is left out; its `ratio` is then lowered
until a tenth of the layers are listed, and the trial counts as doubted.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from torch import Tensor

from analysis.prescriptions.quantisation.rounding import int4
from examples.prescriptions.files import prescribe
from examples.prescriptions.subject import State, Subject
from examples.prescriptions.trainable import draw
from examples.prescriptions.trials import Trial

RULE, OTHER = "listed", "random"
SHARE = 10  # one layer in so many is listed
DRAWS = 5  # lists for each seed, whose mean is compared
GROUP = 128


def trials(subject: Subject, out: Path) -> list[Trial]:
    record = prescribe("quantisation", subject.path, out / "quantisation", top=0, group=GROUP)
    ratios = {name: row["over_type"] for name, row in record["details"].items() if row["over_type"] is not None}
    listed, doubted = record["chosen"], "doubt" in record
    if not listed:
        listed = sorted(ratios, key=lambda name: -ratios[name])[: max(1, len(ratios) // SHARE)]
    state = subject.state()

    def score(kept: Collection[str]) -> float:
        return subject.score(rounded(state, ratios, kept))

    drawn = [draw(ratios, listed, seed) for seed in range(DRAWS)]
    scores = {
        "unchanged": subject.score(state),
        "all rounded": score(()),
        RULE: score(listed),
        OTHER: fmean(score(names) for names in drawn),
    }
    return [Trial(f"{len(listed)} of {len(ratios)} layers", scores, doubted)]


def rounded(state: State, layers: Mapping[str, Any], kept: Collection[str]) -> dict[str, Tensor]:
    """The state with these layers at int4 in groups, but for those that are kept."""
    return {
        name: int4(tensor.float(), GROUP) if name in layers and name not in kept else tensor
        for name, tensor in state.items()
    }
