"""Spectrum's layers against as many drawn layers of each type, in a short fine-tune of these layers alone."""

from collections import defaultdict
from collections.abc import Collection
from pathlib import Path
from statistics import fmean

import torch

from analysis.prescriptions.naming import type_of
from examples.prescriptions.files import prescribe
from examples.prescriptions.subject import Subject
from examples.prescriptions.trials import Trial

RULE, OTHER = "Spectrum", "random"
FRACTION = 0.25
DRAWS = 1  # lists for each seed, whose mean is compared


def trials(subject: Subject, out: Path) -> list[Trial]:
    record = prescribe("trainable", subject.path, out / "trainable", fraction=FRACTION)
    drawn = [draw(record["entries"], record["chosen"], seed) for seed in range(DRAWS)]
    scores = {
        RULE: subject.tune(record["chosen"]),
        OTHER: fmean(subject.tune(names) for names in drawn),
    }
    return [Trial(f"{FRACTION:.0%} of each type", scores, "doubt" in record)]


def draw(names: Collection[str], chosen: Collection[str], seed: int) -> list[str]:
    """As many of each type as were chosen of it."""
    types: dict[str | None, list[str]] = defaultdict(list)
    for name in names:
        types[type_of(name)].append(name)
    random = torch.Generator().manual_seed(seed)
    found = []
    for kind in sorted(types, key=str):
        count = sum(type_of(name) == kind for name in chosen)
        found += [types[kind][i] for i in torch.randperm(len(types[kind]), generator=random)[:count].tolist()]
    return found
