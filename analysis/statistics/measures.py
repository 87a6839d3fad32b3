"""Numbers that a spectrum alone gives: entropies, effective ranks, logarithms that may not exist.

The ordering that always holds, by the monotony of Rényi's entropies (orders ∞, 2, 1, and the flatter shares of σ, 0):
stable rank ≤ participation ratio ≤ effective rank of λ ≤ effective rank of σ ≤ rank.
"""

import math

import numpy as np

from analysis.runtime.shapes import Float64

SMOOTHING = 1e-10  # WeightWatcher adds it to every share of its entropy, and to the rank


def log10(value: float) -> float | None:
    """The base-10 logarithm; None for 0, whose logarithm JSON cannot carry."""
    return math.log10(value) if value > 0.0 else None


def log_power_sum(eigenvalues: Float64[np.ndarray, " k"], power: float) -> float:
    """log₁₀ Σ λ^power of ascending eigenvalues, the largest above 0 and drawn out so that no power overflows."""
    largest = float(eigenvalues[-1])
    return power * math.log10(largest) + math.log10(math.fsum((eigenvalues / largest) ** power))


def effective_rank(amounts: Float64[np.ndarray, " k"]) -> float:
    """exp(-Σ p ln p) of the shares p of non-negative amounts, zeros left out: 1 to how many are not 0.

    Roy and Vetterli, EUSIPCO 2007, equation 4, of singular values; of eigenvalues it is the flatter λ variant.
    """
    share = amounts / math.fsum(amounts)
    share = share[share > 0.0]
    return math.exp(-math.fsum(share * np.log(share)))


def participation_ratio(eigenvalues: Float64[np.ndarray, " k"]) -> float:
    """(Σλ)² / Σλ²: 1 where one eigenvalue has it all, k where all are equal."""
    return math.fsum(eigenvalues) ** 2 / math.fsum(np.square(eigenvalues))


def energy_rank(eigenvalues: Float64[np.ndarray, " k"], share: float) -> int:
    """The fewest of the ascending eigenvalues, largest first, whose sum reaches that share of the whole."""
    energy = np.cumsum(eigenvalues[::-1])
    return min(int(np.searchsorted(energy, share * energy[-1])) + 1, len(energy))


def normalised_entropy(eigenvalues: Float64[np.ndarray, " k"], rank: int) -> float | None:
    """-Σ p ln p / ln(rank) of the shares p of the eigenvalues, smoothed as in WeightWatcher; None below rank 2."""
    if rank < 2:
        return None
    share = eigenvalues / math.fsum(eigenvalues) + SMOOTHING
    return -math.fsum(share * np.log(share)) / math.log(rank + SMOOTHING)
