"""One weight measured by WeightWatcher too, column by column: a check that needs no trust in our own code.

WeightWatcher is slow to import and an optional dependency, so it is imported where it is asked.
"""

import contextlib
import io
import logging
import math
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from torch import Tensor, nn

from analysis.diagnostic import Scalar, measure
from analysis.diagnostics import requests
from analysis.errors import NoReference
from analysis.weight import Weight

SETTINGS: Mapping[str, Mapping[str, Scalar]] = {  # under which both are to agree: docs/weightwatcher.md
    "esd": {"compat": "weightwatcher", "conv_norm": 0.5},
    "norms": {"conv_norm": 0.5},
}
# column -> the relative difference up to which the two agree: of the same spectrum 1e-9, of a fit 1e-6
TOLERANCES: Mapping[str, Mapping[str, float]] = {
    "esd": {
        "alpha": 1e-6, "sigma": 1e-6, "D": 1e-6, "xmin": 1e-6, "xmax": 1e-9, "alpha_weighted": 1e-6,
        "log_alpha_norm": 1e-6, "num_evals": 0.0, "num_pl_spikes": 0.0, "lambda_max": 1e-9,
    },
    "norms": {
        "norm": 1e-9, "log_norm": 1e-9, "spectral_norm": 1e-9, "log_spectral_norm": 1e-9, "stable_rank": 1e-9,
        "entropy": 1e-9, "matrix_rank": 0.0, "rank_loss": 0.0, "weak_rank_loss": 0.0, "sv_max": 1e-9,
    },
}  # fmt: skip
LOWEST_TOLERANCE = 1e-6  # WeightWatcher's own cut of small singular values, as tests and benchmarks set it


@dataclass(frozen=True, slots=True)
class Compared:
    """A column of both. `agrees` is None where one of the two has no value."""

    diagnostic: str
    column: str
    ours: float | None
    theirs: float | None
    agrees: bool | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def find_version() -> str:
    """The installed version. Raises NoReference where there is none."""
    try:
        return version("weightwatcher")
    except PackageNotFoundError:
        raise NoReference(
            "WeightWatcher is not installed where the worker runs. "
            "Install it with `pip install 'eigenscope[reference]'`."
        ) from None


def compare(weight: Weight) -> list[Compared]:
    """Every column that both have, measured under WeightWatcher's settings.

    Raises TensorError, and NoReference where WeightWatcher is not installed or leaves the weight out.
    """
    theirs = _run_weightwatcher(_layer_of(weight.slices.float().cpu()))
    found = []
    for request in requests(SETTINGS):
        ours = measure(request, (weight,)).values
        for column, tolerance in TOLERANCES[request.diagnostic.name].items():
            pair = _finite(ours.get(column)), _finite(theirs.get(column))
            found.append(Compared(request.diagnostic.name, column, *pair, agree(*pair, tolerance)))
    return found


def agree(ours: float | None, theirs: float | None, tolerance: float) -> bool | None:
    """Whether two values are the same up to a relative difference; None where one is absent.

    >>> agree(1.0, 1.0 + 1e-12, 1e-9), agree(3.0, 4.0, 0.0), agree(None, 1.0, 0.0)
    (True, False, None)
    """
    if ours is None or theirs is None:
        return None
    return math.isclose(ours, theirs, rel_tol=tolerance, abs_tol=1e-12)


def _layer_of(slices: Tensor) -> nn.Module:
    """A layer with this weight: linear, or of one matrix, or a convolution with a kernel position for each slice."""
    count, rows, columns = slices.shape
    if count == 1:
        layer: nn.Module = nn.Linear(columns, rows, bias=False)
        layer.weight = nn.Parameter(slices[0], requires_grad=False)
    else:
        layer = nn.Conv2d(columns, rows, (count, 1), bias=False)
        layer.weight = nn.Parameter(slices.permute(1, 2, 0)[..., None].contiguous(), requires_grad=False)
    return layer


def _run_weightwatcher(layer: nn.Module) -> Mapping[str, Any]:
    find_version()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        import weightwatcher

        logging.getLogger("weightwatcher").setLevel(logging.CRITICAL)
        table = weightwatcher.WeightWatcher(model=nn.Sequential(layer)).analyze(tolerance=LOWEST_TOLERANCE)
    rows: list[Mapping[str, Any]] = table.to_dict("records")
    if not rows:
        raise NoReference("WeightWatcher leaves this weight out: it has too few rows or columns.")
    return rows[0]


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)  # type: ignore[arg-type]  # numpy's numbers too
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
