"""What the tests of several diagnostics share."""

from collections.abc import Sequence

import torch
from torch import Tensor

from analysis.diagnostic import Diagnostic, Measurement, Request, Row, Scalar, Summary, Table, measure
from analysis.weight import Weight, WeightInfo


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def weight(
    slices: Tensor, name: str = "layers.0.mlp.up_proj.weight", role: str = "up", depth: int | None = 0
) -> Weight:
    """A weight of a matrix, or of the slices of a kernel."""
    stacked = slices if slices.ndim == 3 else slices[None]
    count, rows, columns = stacked.shape
    return Weight(WeightInfo(name, name, rows, columns, count, role, depth), stacked)


def measured(diagnostic: Diagnostic, given: Tensor | Weight, **options: Scalar) -> Measurement:
    one = given if isinstance(given, Weight) else weight(given)
    return measure(Request(diagnostic, diagnostic.settings(options)), (one,))


def table(diagnostic: Diagnostic, weights: Sequence[Weight], **options: Scalar) -> Table:
    return Table(diagnostic, tuple(Row(w.info, (0,), measured(diagnostic, w, **options)) for w in weights))


def summary(diagnostic: Diagnostic, weights: Sequence[Weight], **options: Scalar) -> Summary:
    return diagnostic.summarise(table(diagnostic, weights, **options))


def blocks(matrices: Sequence[Tensor], role: str = "up") -> list[Weight]:
    """The same kind of weight in block after block."""
    return [weight(m, f"layers.{i}.mlp.{role}_proj.weight", role, i) for i, m in enumerate(matrices)]
