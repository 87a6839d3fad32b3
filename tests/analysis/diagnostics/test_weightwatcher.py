"""Column by column against WeightWatcher 0.7.7, run live. docs/weightwatcher.md lists where we differ on purpose."""

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from analysis.diagnostic import Scalar, measure
from analysis.diagnostics import requests
from analysis.tensors.matrices import Header, describe, weights

GOLDEN = Path(__file__).parents[2] / "golden"
COMPATIBLE = requests({"esd": {"compat": "weightwatcher", "conv_norm": 0.5}, "norms": {"conv_norm": 0.5}})

CLOSE = (  # the same spectrum: 1e-9
    "norm", "log_norm", "spectral_norm", "log_spectral_norm", "sv_max", "stable_rank", "entropy", "lambda_max", "xmax",
)  # fmt: skip
FITTED = ("alpha", "sigma", "D", "xmin", "alpha_weighted", "log_alpha_norm")  # another kernel's eigenvalues: 1e-6
EQUAL = ("num_evals", "num_pl_spikes", "matrix_rank", "rank_loss", "weak_rank_loss", "warning")

Values = dict[str, dict[str, Scalar]]


def weightwatcher(layers: Mapping[str, nn.Module]) -> dict[str, Mapping[str, Any]]:
    """What WeightWatcher says of these layers, by name."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        import weightwatcher as ww

        logging.getLogger("weightwatcher").setLevel(logging.CRITICAL)
        model = nn.Module()
        for name, layer in layers.items():
            model.add_module(name.replace(".", "/"), layer)
        table = ww.WeightWatcher(model=model).analyze(tolerance=1e-6)
    return {row["longname"].replace("/", "."): row for row in table.to_dict("records")}


def linear(matrix: Tensor) -> nn.Module:
    layer = nn.Linear(matrix.shape[1], matrix.shape[0], bias=False)
    layer.weight.data = matrix
    return layer


def ours(state: Mapping[str, Tensor]) -> Values:
    headers = {name: Header(tuple(t.shape), str(t.dtype).removeprefix("torch."), t.nbytes) for name, t in state.items()}
    found: Values = {}
    for info in describe(headers):
        for weight in weights(info, state[info.name]):
            found[weight.info.name] = {}
            for request in COMPATIBLE:
                found[weight.info.name] |= measure(request, (weight,)).values
    return found


def compare(mine: Values, peer: Mapping[str, Mapping[str, Any]], leave_out: tuple[str, ...] = ()) -> None:
    for name, theirs in peer.items():
        for column in {*CLOSE, *FITTED, *EQUAL} - set(leave_out):
            value, expected = mine[name][column], theirs[column]
            if column in EQUAL:
                assert value == expected, (name, column)
            else:
                tolerance = 1e-9 if column in CLOSE else 1e-6
                assert value == pytest.approx(expected, rel=tolerance, abs=1e-12), (name, column)


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    with np.load(GOLDEN / "golden.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays}


def test_golden_matrices_live(golden: dict[str, Tensor]) -> None:
    peer = weightwatcher({name: linear(matrix) for name, matrix in golden.items()})
    assert peer.keys() == golden.keys()
    mine = ours(golden)
    compare(mine, peer)
    for name, theirs in peer.items():
        assert mine[name]["sv_min"] == pytest.approx(theirs["sv_min"], abs=1e-9 * theirs["sv_max"])


def test_golden_numbers_on_file(golden: dict[str, Tensor]) -> None:
    """The same of another machine; and the Hill exponent, which WeightWatcher does not have."""
    said = json.loads((GOLDEN / "golden.json").read_text())["matrices"]
    mine = ours(golden)
    compare(mine, {name: entry["weightwatcher"] for name, entry in said.items()}, ("lambda_max", "xmax"))
    for name, entry in said.items():
        assert mine[name]["alpha_hill"] == pytest.approx(entry["hill_alpha"], rel=1e-6)


def test_minilm_live(minilm: Path) -> None:
    """All 39 matrices of a real model that WeightWatcher analyses (it leaves out the one with two rows)."""
    state = {name: t for name, t in load_file(minilm).items() if t.ndim == 2 and t.is_floating_point()}
    peer = weightwatcher({name: linear(matrix) for name, matrix in state.items()})
    assert len(peer) == 39
    mine = ours(state)
    compare(mine, peer)
    for name, theirs in peer.items():
        assert mine[name]["sv_min"] == pytest.approx(theirs["sv_min"], abs=1e-9 * theirs["sv_max"])


def test_convolutions_live() -> None:
    """Pooled slices with WeightWatcher's factor of a half. Its sv_min is the largest of the slices' smallest."""
    torch.manual_seed(0)
    layers = {"a.conv": nn.Conv2d(24, 40, 3, bias=False), "b.conv": nn.Conv2d(40, 24, 3, bias=False)}
    peer = weightwatcher(layers)
    assert peer.keys() == layers.keys()
    state = {f"{name}.weight": layer.weight.detach() for name, layer in layers.items()}
    mine = {name.removesuffix(".weight"): values for name, values in ours(state).items()}
    compare(mine, peer)
    smallest = [torch.linalg.svdvals(m.double()).min() for m in layers["a.conv"].weight.detach().flatten(2).unbind(2)]
    assert mine["a.conv"]["sv_min"] == pytest.approx(float(min(smallest)) * 0.5**0.5, rel=1e-7)
    assert peer["a.conv"]["sv_min"] == pytest.approx(float(max(smallest)) * 0.5**0.5, rel=1e-5)


def test_where_weightwatcher_fails_we_say_none() -> None:
    """Weights a thousandth the size: WeightWatcher keeps no eigenvalue, reports -1 and calls it over-trained."""
    matrix = torch.randn(64, 64, generator=torch.Generator().manual_seed(0)) * 1e-4
    (theirs,) = weightwatcher({"small": linear(matrix)}).values()
    assert (theirs["alpha"], theirs["warning"]) == (-1, "over-trained")
    compatible = ours({"small": matrix})["small"]
    assert (compatible["alpha"], compatible["warning"]) == (None, None)
