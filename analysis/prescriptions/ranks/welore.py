"""One threshold for all layers of a checkpoint, below which normalised singular values are cut (WeLore).

Jaiswal et al., arXiv 2407.11239; VITA-Group/WeLore `utils.py::adaptive_rank_pruning`. The published thresholds come
from two LLaMA-2 models, and the normalisation hangs on one value, σ₁.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.errors import OptionError
from analysis.runtime.shapes import Float64

Values = Float64[np.ndarray, " _"]  # as long as the smaller side of its layer

MIN_RATIO = 0.4999  # share of directions cut above which a layer counts as low-rank: the authors' scripts


@dataclass(frozen=True, slots=True)
class Cut:
    """The threshold and what it cuts of each layer, in the layers' order."""

    threshold: float
    cuts: tuple[int, ...]  # singular values below it, 0 to K - 1 for thresholds up to 1
    reduction: float  # Σ cut / Σ K


def normalise(values: Values) -> Values:
    """(s - s_K)/(s₁ - s_K) of singular values in any order: 1 for the largest, 0 for the smallest.

    All 1 where all are equal: then none is weaker than another, and none is cut.
    """
    low, high = float(values.min()), float(values.max())
    return np.ones(len(values)) if high == low else (values - low) / (high - low)


def cut_below(spectra: Sequence[Values], threshold: float) -> Cut:
    """How many normalised singular values of each layer are below the threshold, 0 to 1."""
    cuts = tuple(int((normalise(values) < threshold).sum()) for values in spectra)
    return Cut(threshold, cuts, sum(cuts) / sum(map(len, spectra)))


def cut_share(spectra: Sequence[Values], share: float) -> Cut:
    """The least threshold that cuts at least this share of all singular values, so that Σ cut / Σ K = share.

    Equal normalised values fall together. The threshold lies in the middle of the gap above the last one cut, where
    rounding decides nothing. Raises OptionError where each layer would have to lose its strongest direction too.
    """
    all_values = np.sort(np.concatenate([normalise(values) for values in spectra]))
    count = math.ceil(share * len(all_values) - 1e-9)
    if count <= 0:
        return cut_below(spectra, 0.0)
    larger = all_values[all_values > all_values[count - 1]]
    if not len(larger):
        limit = int((all_values < 1.0).sum()) / len(all_values)
        raise OptionError(f"target={share:g}: at most {limit:.4g} of all directions can be cut; choose a lower target")
    return cut_below(spectra, (float(all_values[count - 1]) + float(larger[0])) / 2.0)


def is_low_rank(cut: int, count: int, min_ratio: float = MIN_RATIO) -> bool:
    """Whether more than `min_ratio` of a layer's directions are cut: WeLore then factors it (a low-rank component)."""
    return cut / count > min_ratio


def low_rank_layers(cut: Cut, spectra: Mapping[str, Values], min_ratio: float = MIN_RATIO) -> dict[str, int]:
    """The layers that are low-rank, each with the rank that is left, K - cut, at least 1."""
    pairs = zip(spectra.items(), cut.cuts, strict=True)
    return {name: len(s) - count for (name, s), count in pairs if is_low_rank(count, len(s), min_ratio)}
