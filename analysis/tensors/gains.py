"""Gains of norms that are apart from those of the same norm in other blocks: all zero, or of another size.

Zero alone is no fault. Gains of norms that multiply by 1 + w start there (Gemma), and so do the last norm of a residual
branch (ResNet) and gates that are no norms (LayerScale, ReZero, adaLN). So only its siblings tell of a gain that it was
lost: a zero among gains that are not. Nothing here imports torch: the ingest child uses it too.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from analysis.names import parts
from analysis.names.roles import NORM

LEAVES = ("gamma", "scale", "gain", "g")  # what a gain is called where it is not called weight
FEWEST = 3  # gains of one norm over the blocks, itself included
FEW = 1 / 3  # share of them up to which zeros are a fault, and no choice
RATIO = 20.0  # of a root mean square to the nearest of its siblings, for a note alone: benchmarks/truth/gains.py
ALL_ZERO = "all of its values are 0, those of its siblings are not"  # in the reason of one that is not analysed
OF_SIBLINGS = " of its siblings' sizes"


def is_gain(name: str) -> bool:
    """Whether a vector of that name is a norm's gain; LayerScale and other gates are none.

    >>> is_gain("layers.0.norm1.weight"), is_gain("layer.0.LayerNorm.gamma"), is_gain("blocks.0.ls1.gamma")
    (True, True, False)
    """
    words = parts(name)
    module = words[-2] if words[-1] in LEAVES and len(words) > 1 else words[-1]
    return words[-1] != "bias" and "scale" not in module and NORM.search(module) is not None


def odd_gains(sizes: Mapping[str, float]) -> dict[str, float]:
    """The gains that are apart from their siblings, with the ratio to the nearest of these.

    `sizes` are root mean squares by name.
    """
    return {name: ratio for name, ratio in ratios(sizes).items() if not 1.0 / RATIO <= ratio <= RATIO}


def ratios(sizes: Mapping[str, float]) -> dict[str, float]:
    """Of each gain that has siblings the ratio to the nearest of these, 1 where it lies between two of them.

    0 for a zero among others that are not; zeros that may be meant, and what has no siblings, are left out.
    """
    families: dict[str, list[str]] = defaultdict(list)
    for name in sizes:
        families[_place(name)].append(name)
    return {name: ratio for family in families.values() for name, ratio in _compare(family, sizes)}


def _compare(family: Sequence[str], sizes: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    zeros = [name for name in family if sizes[name] == 0.0]
    others = [name for name in family if sizes[name] > 0.0]
    if len(family) >= FEWEST and len(zeros) <= FEW * len(family):
        yield from ((name, 0.0) for name in zeros)
    for name in others if len(others) >= FEWEST else ():
        rest = [sizes[one] for one in others if one != name]
        nearest = min(max(sizes[name], min(rest)), max(rest))
        yield name, sizes[name] / nearest


def describe_ratio(ratio: float) -> str:
    """What such a ratio says of a gain.

    >>> describe_ratio(0.0), describe_ratio(40.0)
    ('all of its values are 0, those of its siblings are not', "40 times the largest of its siblings' sizes")
    """
    if ratio == 0.0:
        return ALL_ZERO
    return f"{ratio:.3g} times the {'largest' if ratio > 1.0 else 'least'}{OF_SIBLINGS}"


def _place(name: str) -> str:
    """The name without the numbers of blocks and stages: what the same norm has in every block."""
    *above, module, leaf = ("", *name.split("."))
    return ".".join([re.sub(r"\d+", "#", ".".join(above)), module, leaf])
