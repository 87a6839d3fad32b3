"""A weight with its entries shuffled: what is left of its spectrum when all order is taken from it.

Shuffling keeps the sizes of the entries and destroys how they lie. The spectrum is then that of noise, unless a few
entries are so large that they make singular values by themselves. The shuffles hang on the weight's name alone, so that
a report can be repeated anywhere.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.linalg.kernels import add_inner_products, eigenvalues, mirror
from analysis.linalg.lanczos import ritz_values
from analysis.linalg.spectrum import block_size, blocks
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float, Float32, Float64, UInt8
from analysis.weight import Weight

SHUFFLED = 1 << 25  # entries in all replicas of a weight, beyond the two that a spread needs
NARROW = 1 << 20  # entries up to which one shuffle of all is fastest: in float64, which NumPy moves faster than float32
BUCKETS, CHUNK = 256, 1 << 18  # beyond: parts that fit in the caches, and entries that are dealt to them at a time
FULL = 512  # eigenvalues up to which finding all is as fast as finding the largest
STEPS = 64  # of Lanczos: the largest of 4,096 eigenvalues of noise, the hardest case, is then good to 1e-5


@dataclass(frozen=True, slots=True)
class Entries:
    """The mean and the variance of a weight's entries."""

    mean: float
    variance: float  # 0 where all are equal


def entries(weight: Weight) -> Entries:
    """Of a finite weight; a variance below rounding counts as none."""
    count = weight.slices.numel()
    sums = (block.sum(dim=(1, 2), dtype=torch.float64) for block in blocks(weight.slices))  # which copies in float64
    mean = math.fsum(value for block in sums for value in block.tolist()) / count
    square = weight.spectrum.squared_norm / count
    variance = square - mean * mean
    return Entries(mean, variance if variance > 1e-12 * square else 0.0)


def replicas_for(weight: Weight, wanted: int) -> int:
    """As many as wanted, and fewer, but no less than two, of a large weight: its largest eigenvalue hardly varies."""
    return min(wanted, max(2, SHUFFLED // weight.slices.numel()))


def seed_of(weight: Weight) -> int:
    """A seed from the weight's name, the same on every machine."""
    return int.from_bytes(hashlib.sha256(weight.info.name.encode(errors="surrogatepass")).digest()[:8])


def shuffles(weight: Weight, centre: float, scale: float, count: int) -> Iterator[Float[Tensor, "s m n"]]:
    """(W - centre) / scale, shuffled: each slice of a convolution by itself. In float32 unless stored in float64.

    Beside the weight there is one copy of a large one: what was given is gone when the next is asked for.
    """
    generator = np.random.default_rng(seed_of(weight))
    wide = weight.slices.dtype == torch.float64
    dtype = torch.float64 if wide or weight.slices[0].numel() <= NARROW else torch.float32
    buffer = torch.empty(weight.slices.shape, dtype=dtype)
    flat = buffer.flatten(1).numpy()  # (s, mn), the same memory
    for _ in range(count):
        if dtype == torch.float64:
            buffer.copy_(weight.slices)
            for entries in flat:
                generator.shuffle(entries)
        else:
            for matrix, entries in zip(weight.slices, flat, strict=True):
                deal(matrix, entries, generator)
        flat -= centre
        flat /= scale
        yield buffer.to(weight.slices.device, torch.float64 if wide else torch.float32)


def deal(matrix: Float[Tensor, "m n"], into: Float32[np.ndarray, " p"], generator: np.random.Generator) -> None:
    """The entries in random order, every order as likely as any other; one shuffle of all would leave the caches.

    Each goes to a random bucket, and each bucket is shuffled by itself (Rao 1961; Sandelius 1962).
    """
    seed = int(generator.integers(1 << 63))
    counts = sum(np.bincount(labels, minlength=BUCKETS) for _, labels in _deal(matrix, seed))
    ends = np.cumsum(counts)
    places = ends - counts
    for entries, labels in _deal(matrix, seed):
        sizes = np.bincount(labels, minlength=BUCKETS)
        parts = np.split(entries[np.argsort(labels, kind="stable")], np.cumsum(sizes)[:-1])
        for place, part in zip(places, parts, strict=True):
            into[place : place + len(part)] = part
        places += sizes
    for bucket in np.split(into, ends[:-1]):
        values = bucket.astype(np.float64)
        generator.shuffle(values)
        bucket[:] = values


def _deal(
    matrix: Float[Tensor, "m n"], seed: int
) -> Iterator[tuple[Float32[np.ndarray, " p"], UInt8[np.ndarray, " p"]]]:
    """Some entries at a time, with a bucket for each; the same whenever asked for with this seed."""
    generator = np.random.default_rng(seed)
    for rows in torch.split(matrix, max(1, CHUNK // matrix.shape[1])):
        yield rows.to("cpu", torch.float32).flatten().numpy(), generator.integers(0, BUCKETS, rows.numel(), np.uint8)


def largest(slices: Float[Tensor, "s m n"]) -> Float64[np.ndarray, " p"]:
    """The largest eigenvalues of the Gram matrices, ascending: all where they are few, else those that Lanczos finds.

    The Gram matrix is formed in the slices' own precision, which the largest eigenvalues bear.
    """
    tall = slices if slices.shape[1] >= slices.shape[2] else slices.mT
    group_size = max(1, block_size(tall) // tall.shape[2] ** 2)  # Gram matrices that fit in a block
    tops = torch.cat([_tops(_inner_products(some)) for some in torch.split(tall, group_size)])
    ascending: Float64[np.ndarray, " p"] = np.sort(tops.cpu().numpy())
    return ascending


def _inner_products(tall: Float[Tensor, "s n k"]) -> Float64[Tensor, "s k k"]:
    lower = tall.new_zeros(len(tall), tall.shape[2], tall.shape[2])
    add_inner_products(lower, tall)
    return lower.to(torch.float64)


def _tops(lower: Float64[Tensor, "s k k"]) -> Float64[Tensor, " p"]:
    if lower.shape[1] <= FULL:
        return eigenvalues(lower).flatten()
    return torch.cat([ritz_values(mirror(gram), STEPS) for gram in lower])


def jensen_shannon(one: Float64[np.ndarray, " k"], other: Float64[np.ndarray, " k"]) -> float:
    """√ of the Jensen-Shannon divergence, in nats, of two ascending spectra taken as shares of their sums: 0 to 0.833.

    WeightWatcher's distance: it compares eigenvalue with eigenvalue by rank, not density with density.
    """
    p, q = one / one.sum(), other / other.sum()
    middle = (p + q) / 2.0
    return math.sqrt(max(0.0, (_divergence(p, middle) + _divergence(q, middle)) / 2.0))


def _divergence(p: Float64[np.ndarray, " k"], q: Float64[np.ndarray, " k"]) -> float:
    is_positive = p > 0.0
    return math.fsum(p[is_positive] * np.log(p[is_positive] / q[is_positive]))
