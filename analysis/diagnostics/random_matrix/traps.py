"""A weight against its own entries in random order: what stays above noise then is a trap, a few entries far too large.

Martin and Mahoney call them correlation traps: shuffling leaves no structure but the sizes of the entries.
"""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

import numpy as np

from analysis.diagnostic import Scalar
from analysis.linalg.spectrum import blocks, decompose
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float, Float64
from analysis.statistics import marchenko_pastur
from analysis.statistics.marchenko_pastur import Law
from analysis.statistics.shuffling import Entries, entries, jensen_shannon, largest, replicas_for, shuffles
from analysis.weight import Weight


def against_noise(
    weight: Weight, eigenvalues: Float64[np.ndarray, " k"], factor: float, compatible: bool, replicas: int
) -> dict[str, Scalar]:
    """What the entries in random order would have, by their variance, and by shuffling them that many times.

    The ascending eigenvalues have the factor in them. Compatible: as WeightWatcher does it.
    """
    of = entries(weight)
    if of.variance == 0.0:
        return {"replicas": 0}
    law = marchenko_pastur.noise(weight.info.rows, weight.info.columns, of.variance * factor)
    shares = np.ones(1) if compatible else variances(weight) / of.variance
    own = eigenvalues[None] if compatible else np.square(weight.spectrum.slices) * factor
    num_above = _count_above(own, law.cut * shares)
    values: dict[str, Scalar] = {"num_above_random": num_above, "rand_bulk_max": law.edges[1], "replicas": 0}
    return values | measure_shuffles(weight, eigenvalues, of, law, compatible, replicas) if replicas else values


def measure_shuffles(
    weight: Weight, eigenvalues: Float64[np.ndarray, " k"], of: Entries, law: Law, compatible: bool, wanted: int
) -> dict[str, Scalar]:
    """The first replica is decomposed, of the others only the top is."""
    unit = law.variance  # the entries are scaled to variance 1, so that no square leaves float32
    centre = 0.0 if compatible else of.mean
    replicas = shuffles(weight, centre, math.sqrt(of.variance), replicas_for(weight, wanted))
    first = decompose(next(replicas))
    noise_values = first.eigenvalues * unit
    bulk = marchenko_pastur.fit(noise_values, weight.info.rows, weight.info.columns, compatible)
    cut = bulk.cut if compatible and bulk is not None else law.cut
    cuts = np.full(1, cut) if compatible else law.cut / law.variance * variances(weight) * (law.variance / of.variance)
    tops = [np.square(first.slices) * unit, *(_tops(slices) * unit for slices in replicas)]
    if compatible:
        tops = [np.sort(top, axis=None)[None] for top in tops]
    peaks, traps = [float(top.max()) for top in tops], [float(_count_above(top, cuts)) for top in tops]
    peak = fmean(peaks)
    values: dict[str, Scalar] = {
        "num_traps": fmean(traps),
        "num_traps_sd": stdev(traps) if len(traps) > 1 else None,
        "max_rand_eval": peak,
        "max_rand_eval_sd": _spread(peaks),
        "rand_distance": jensen_shannon(eigenvalues, noise_values),
        "ww_softrank": peak / float(eigenvalues[-1]),
        "ww_maxdist": float(eigenvalues[-1]) - peak,
        "rand_sigma_mp": bulk.sigma if bulk is not None and (compatible or bulk.fits) else None,
        "replicas": len(tops),
    }
    return values | ({"rand_bulk_max": bulk.law.edges[1]} if compatible and bulk is not None else {})


def variances(weight: Weight) -> Float64[np.ndarray, " s"]:
    """Of the entries of each slice: positions of a trained kernel differ in size; a pooled one takes that for traps."""
    return np.array([_variance(slice_) for slice_ in weight.slices])


def _variance(matrix: Float[Tensor, "m n"]) -> float:
    """About the mean, a block of rows at a time: a whole matrix in float64 would be another copy of it."""
    mean = math.fsum(float(block.sum(dtype=torch.float64)) for block in blocks(matrix[None])) / matrix.numel()
    squares = (float((block.double() - mean).square().sum()) for block in blocks(matrix[None]))
    return math.fsum(squares) / matrix.numel()


def _count_above(eigenvalues: Float64[np.ndarray, "s k"], cuts: Float64[np.ndarray, " s"]) -> int:
    """How many eigenvalues are above the cut of their slice."""
    return int(np.count_nonzero(eigenvalues > cuts[:, None]))


def _tops(slices: Float[Tensor, "s m n"]) -> Float64[np.ndarray, "s k"]:
    """The largest eigenvalues of each slice."""
    return np.stack([largest(matrix[None]) for matrix in slices])


def _spread(values: Sequence[float]) -> float | None:
    """The standard deviation, by way of shares of the largest: squares of eigenvalues may leave float64."""
    if len(values) < 2:
        return None
    return max(values) * stdev(value / max(values) for value in values)
