"""What an attention computes, whatever basis its heads are written in: the singular values of W_qᵀW_k and W_oW_v.

A head's queries may be multiplied by any invertible matrix where its keys are multiplied by the inverse's transpose,
and so may values and outputs: the function stays, the matrices do not, and these products do. GhostSpec
(arXiv 2511.06390) compares models by such products. Heads are pooled, so that their order does not count either.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from statistics import median

import numpy as np

from analysis.checkpoint import OpenCheckpoint
from analysis.errors import TensorError
from analysis.findings.wording import quantity
from analysis.prescriptions.lineage.likeness import SAME_SPECTRUM
from analysis.prescriptions.slices.attention import Projections, attentions, read_projections
from analysis.prescriptions.slices.maps import product_values
from analysis.runtime.shapes import Float64
from analysis.tensors.heads import group_of

Matrix = Float64[np.ndarray, "_ _"]
Values = Float64[np.ndarray, " _"]


@dataclass(frozen=True, slots=True)
class Invariants:
    """Of the attentions whose matrices are not near, medians over their products."""

    attentions: int
    distance: float  # √Σ(s - s⁰)²/√Σs⁰²; 0 for another basis, bfloat16 gives some 1e-4
    correlation: float | None  # Pearson's of ln s and ln s⁰, -1 to 1; high for unrelated models of one kind too

    @property
    def are_equal(self) -> bool:
        return self.distance <= SAME_SPECTRUM

    def sentence(self, candidate: str) -> str:
        correlation = "" if self.correlation is None else f"; correlation of their logarithms {self.correlation:.3f}"
        return (
            f"{candidate}: singular values of W_qᵀW_k and W_oW_v of {quantity(self.attentions, 'attention')} differ by "
            f"a median of {self.distance:.2g} of their size{correlation}. Another basis of the heads keeps them."
        )


def compare_invariants(base: OpenCheckpoint, model: OpenCheckpoint, far: Collection[str]) -> Invariants | None:
    """Of the attentions with a matrix that is not near (`far`, names of weights); None where nothing can be compared.

    Attentions are paired by their order, so that names may differ by a prefix.
    """
    pairs = list(zip(attentions(base).values(), attentions(model).values(), strict=False))
    distances, correlations, count = list[float](), list[float](), 0
    for ours, theirs in pairs:
        try:
            one, two = read_projections(base, ours), read_projections(model, theirs)
        except TensorError:
            continue
        if not {info.name for info, _ in (*one.whole.values(), *two.whole.values())} & set(far):
            continue
        before, after = products(one), products(two)
        common = [name for name in before if name in after and before[name].shape == after[name].shape]
        count += bool(common)
        distances += [distance(before[name], after[name]) for name in common]
        correlations += [r for name in common if (r := correlation(before[name], after[name])) is not None]
    if not distances:
        return None
    return Invariants(count, median(distances), median(correlations) if correlations else None)


def products(found: Projections) -> Mapping[str, Values]:
    """The singular values of "qk" and "ov", of all heads together, descending.

    Without a number of heads the whole projections are one, which holds for heads of any size.
    """
    parts = found.heads if all(found.heads.values()) else {role: [m] for role, (_, m) in found.whole.items()}
    values: dict[str, Values] = {}
    if parts.get("q") and parts.get("k") and (qk := _pooled(found, parts["q"], parts["k"])) is not None:
        values["qk"] = qk
    outputs = [matrix.T for matrix in parts.get("o", [])]
    if outputs and parts.get("v") and (ov := _pooled(found, outputs, parts["v"])) is not None:
        values["ov"] = ov
    return values


def _pooled(found: Projections, left: list[Matrix], right: list[Matrix]) -> Values | None:
    """None where a head's two factors do not fit: grouped heads of an unknown number."""
    whole = len(left) == len(right) or found.attention is None
    partners = [right[i if whole else group_of(i, found.attention)] for i in range(len(left))]  # type: ignore[arg-type]
    if any(one.shape[0] != two.shape[0] for one, two in zip(left, partners, strict=True)):
        return None
    return np.sort(np.concatenate([product_values(*pair) for pair in zip(left, partners, strict=True)]))[::-1]


def distance(base: Values, model: Values) -> float:
    size = float(np.linalg.norm(base))
    return float(np.linalg.norm(model - base)) / size if size > 0.0 else float(np.linalg.norm(model) > 0.0)


def correlation(base: Values, model: Values) -> float | None:
    """None where a logarithm does not exist or none differs."""
    kept = (base > 0.0) & (model > 0.0)
    if np.count_nonzero(kept) < 3:
        return None
    one, two = np.log(base[kept]), np.log(model[kept])
    return float(np.corrcoef(one, two)[0, 1]) if np.ptp(one) > 0.0 and np.ptp(two) > 0.0 else None
