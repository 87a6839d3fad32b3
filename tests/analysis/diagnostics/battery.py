"""What the tests of several diagnostics share."""

import contextlib
import io
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from analysis.diagnostic import Diagnostic, Measurement, Request, Row, Scalar, Summary, Table, groups, measure
from analysis.weight import Factors, Weight, WeightInfo


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


LAYERS = (  # of all-MiniLM-L6-v2: square, long, with traps, never trained
    "encoder.layer.0.attention.self.query.weight",
    "encoder.layer.3.attention.output.dense.weight",
    "encoder.layer.2.intermediate.dense.weight",
    "encoder.layer.2.output.dense.weight",
    "pooler.dense.weight",
)


def weightwatcher(minilm: Path, **options: bool | str) -> dict[str, tuple[Weight, Mapping[str, Any]]]:
    """A few weights of MiniLM, each with what WeightWatcher says of it."""
    state = {name: tensor for name, tensor in load_file(minilm).items() if name in LAYERS}
    model = nn.Module()
    for name, matrix in state.items():
        layer = nn.Linear(matrix.shape[1], matrix.shape[0], bias=False)
        layer.weight.data = matrix
        model.add_module(name.replace(".", "/"), layer)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        import weightwatcher as ww

        logging.getLogger("weightwatcher").setLevel(logging.CRITICAL)
        np.random.seed(0)
        said = ww.WeightWatcher(model=model).analyze(**options).to_dict("records")
    found = {row["longname"].replace("/", "."): row for row in said}
    assert found.keys() == set(LAYERS)
    return {name: (weight(matrix, name), found[name]) for name, matrix in state.items()}


def low_rank(base: Weight, left: Tensor, right: Tensor) -> Weight:
    """The base with the update left · right, and the factors beside it, as an adapter gives them."""
    return Weight(base.info, base.slices + left @ right, base, Factors(left, right))


def changed(base: Weight, slices: Tensor) -> Weight:
    """A stored tuned weight of that base."""
    return Weight(base.info, slices if slices.ndim == 3 else slices[None], base)


def compared(diagnostic: Diagnostic, *tuned: Weight, **options: Scalar) -> Measurement:
    """The tuned weights beside the base that they know."""
    assert tuned[0].base is not None
    return measure(Request(diagnostic, diagnostic.settings(options)), (tuned[0].base, *tuned))


def comparison(
    diagnostic: Diagnostic, models: Sequence[Sequence[Weight]], *names: str, **options: Scalar
) -> tuple[Table, Summary]:
    """The table of several tuned models, each a list of tuned weights of the same bases, and its summary."""
    wanted = [group[1:] for group in groups(diagnostic.scope, 1 + len(models))]
    rows = [
        Row(weights[0].info, (0, *chosen), compared(diagnostic, *weights, **options))
        for chosen in wanted
        for weights in zip(*(models[place - 1] for place in chosen), strict=True)
    ]
    found = Table(diagnostic, tuple(rows), names)
    return found, diagnostic.summarise(found)
