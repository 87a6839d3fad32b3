"""How many directions of an update a rule keeps, from its singular values alone.

k counts the kept directions, 1 ≤ k ≤ min(K, most), and 0 where the update is zero. `energy` is PEFT's
`_find_cutoff_index` (peft.tuners.lora.conversion); `frobenius`, `nuclear` and `ratio` are kohya's sv_fro, sv_cumulative
and sv_ratio (sd-scripts at 48d368fa, networks/resize_lora.py) without the direction that its `rank_resize` adds.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.errors import UnreachableTarget
from analysis.findings.wording import quantity
from analysis.runtime.shapes import Float64

Values = Float64[np.ndarray, " k"]
DEFAULTS = {"energy": 0.9, "frobenius": 0.9, "nuclear": 0.9, "ratio": 10.0}


@dataclass(frozen=True)
class Spectrum:
    """The singular values of ΔW, descending, scaling included; m + n; and how many of them are above rounding."""

    values: Values
    sides: int
    firm: int

    @property
    def energy(self) -> float:
        return float(np.square(self.values).sum())


def count(values: Values, rule: str, value: float) -> int:
    """The k of a rule that looks at one module; 0 where all values are 0.

    >>> count(np.array([2.0, 1.0, 0.1]), "ratio", 2.0)
    2
    """
    if not len(values) or values[0] <= 0.0:
        return 0
    match rule:
        case "ratio":
            return int(np.count_nonzero(values >= values[0] / value))
        case "nuclear":
            return _least(np.cumsum(values), value)
        case "frobenius":
            return _least(np.cumsum(np.square(values)), value**2)
        case _:
            return _least(np.cumsum(np.square(values)), value)


def _least(sums: Values, share: float) -> int:
    """The least k whose sum is the share of all or more."""
    return min(int(np.searchsorted(sums, share * sums[-1])) + 1, len(sums))


def above_noise(values: Values, rows: int, columns: int) -> int:
    """Those above the hard threshold for unknown noise, ω(β) · median (Gavish and Donoho, arXiv 1305.5870, III).

    ω(β) ≈ 0.56 β³ - 0.95 β² + 1.82 β + 1.43 with β = K / max(m, n), the authors' approximation.
    """
    beta = min(rows, columns) / max(rows, columns)
    omega = 0.56 * beta**3 - 0.95 * beta**2 + 1.82 * beta + 1.43
    return int(np.count_nonzero(values > omega * float(np.median(values))))


def budget(spectra: Mapping[str, Spectrum], parameters: float, most: int) -> dict[str, int]:
    """The k of each module for so many parameters in all: the directions with the most s² / (m + n) first.

    Within a module s falls, so that its choice is always its first k; up to one direction no other choice with as many
    parameters leaves a smaller squared error. Raises UnreachableTarget where it is less than one direction a module.
    """
    minimum = sum(spectrum.sides for spectrum in spectra.values() if spectrum.firm)
    if parameters < minimum:
        raise UnreachableTarget(
            f"a budget of {parameters:,.0f} parameters is less than one direction for each of "
            f"{quantity(len(spectra), 'module')}, which takes {minimum:,}: raise the budget"
        )
    counts = dict.fromkeys(spectra, 0)
    total = 0
    for _, name in _by_worth(spectra, most):
        if total + spectra[name].sides > parameters:
            break
        total += spectra[name].sides
        counts[name] += 1
    return counts


def _by_worth(spectra: Mapping[str, Spectrum], most: int) -> Sequence[tuple[float, str]]:
    worths = [
        (-(float(value) ** 2) / spectrum.sides, name)
        for name, spectrum in spectra.items()
        for value in spectrum.values[: min(spectrum.firm, most)]
    ]
    return sorted(worths, key=lambda worth: worth[0])


def facts(spectrum: Spectrum, kept: int) -> dict[str, float | int | None]:
    """What a module keeps: its share of ‖ΔW‖², the relative error, the parameters, and s₁ / s_k."""
    energy, values = spectrum.energy, spectrum.values
    share = float(np.square(values[:kept]).sum()) / energy if energy > 0.0 else 0.0
    return {
        "energy_kept": share,
        "relative_error": math.sqrt(max(0.0, 1.0 - share)) if energy > 0.0 else 0.0,
        "parameters": kept * spectrum.sides,
        "first_over_last": float(values[0] / values[kept - 1]) if kept and values[kept - 1] > 0.0 else None,
    }
