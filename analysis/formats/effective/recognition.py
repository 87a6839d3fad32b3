"""All kinds of effective weights, in the order in which they are looked for, and their values."""

from collections.abc import Mapping
from itertools import chain

import numpy as np

from analysis.formats.effective import (
    bitsandbytes,
    grouped,
    integers,
    left,
    microscaled,
    packed,
    reparametrised,
    scaled,
    sparse,
)
from analysis.formats.effective.numbers import numbers
from analysis.formats.effective.records import Array, Effective, Formula, Recognised, Settings, Tensors

FORMULAS: Mapping[str, Formula] = {
    **reparametrised.FORMULAS, **packed.FORMULAS, **bitsandbytes.FORMULAS, **scaled.FORMULAS,
    **microscaled.FORMULAS, **sparse.FORMULAS, **grouped.FORMULAS, **integers.FORMULAS,
}  # fmt: skip


def recognise(tensors: Tensors, settings: Settings) -> Recognised:
    """What the tensors of a checkpoint make up. `settings`: what its config says of the quantisation."""
    weights: dict[str, Effective] = {}
    used_names: set[str] = set()
    names: set[str] = set()
    for entry in chain(
        reparametrised.find(tensors),
        packed.find_gptq_and_awq(tensors, settings),
        packed.find_mlx(tensors, settings),
        packed.find_compressed(tensors, settings),
        bitsandbytes.find(tensors, settings),
        microscaled.find(tensors, settings),
        sparse.find(tensors),
        grouped.find(tensors),
        integers.find(tensors),
        scaled.find(tensors, settings),
    ):
        parts = {entry.tensor, *entry.parts.values(), *entry.reasons}
        if parts.isdisjoint(used_names) and entry.weight not in names:
            weights[entry.tensor] = entry
            used_names |= parts
            names.add(entry.weight)
    rest = {**left.find(tensors), **reparametrised.unknown(tensors)}
    reasons = {name: reason for name, reason in rest.items() if name not in used_names}
    for entry in weights.values():
        reasons |= entry.reasons
    return Recognised(weights, reasons)


def values(made: Effective, tensors: Tensors) -> Array:
    """The weight's values: float32, or float64 where its parts are."""
    array = FORMULAS[made.formula].values(made, lambda part: numbers(tensors[made.parts[part]]))
    dtype = np.float64 if array.dtype == np.float64 else np.float32
    return np.ascontiguousarray(array, dtype).reshape(made.shape)


def grid_step(made: Effective, tensors: Tensors) -> float | None:
    """The step of the grid on which the values lie, as its root mean square; None where there is no grid."""
    step = FORMULAS[made.formula].step
    if step is None or not made.quantised:
        return None
    steps = step(made, lambda part: numbers(tensors[made.parts[part]]))
    return float(np.sqrt(np.square(np.asarray(steps, np.float64)).mean())) if steps.size else None
