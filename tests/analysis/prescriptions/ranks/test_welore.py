import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from analysis.errors import OptionError
from analysis.prescriptions.ranks.welore import cut_below, cut_share, is_low_rank, low_rank_layers, normalise

Spectra = Mapping[str, NDArray[np.float64]]
GOLDEN = Path(__file__).parents[3] / "golden" / "prescriptions"
CASES = json.loads((GOLDEN / "prescriptions.json").read_text())["welore"]["cases"]


@pytest.fixture(scope="module")
def spectra() -> Any:
    weights = load_file(GOLDEN / "model.safetensors")
    names = CASES[0]["pruned"]
    return {name: np.linalg.svd(weights[f"{name}.weight"].astype(float), compute_uv=False) for name in names}


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["threshold"]))
def test_the_authors_numbers(spectra: Spectra, case: Mapping[str, Any]) -> None:
    found = cut_below(list(spectra.values()), case["threshold"])
    near = [np.abs(normalise(values) - case["threshold"]).min() < 1e-5 for values in spectra.values()]
    expected = list(case["pruned"].values())
    assert [a for a, b in zip(found.cuts, near, strict=True) if not b] == [
        a for a, b in zip(expected, near, strict=True) if not b
    ]
    assert found.reduction == pytest.approx(case["reduction"], abs=2e-3)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.5, 0.9])
def test_the_threshold_cuts_the_share_that_is_asked_for(spectra: Spectra, share: float) -> None:
    values = list(spectra.values())
    found = cut_share(values, share)
    total = sum(map(len, values))
    assert sum(found.cuts) == int(np.ceil(share * total - 1e-9))
    assert found.reduction == pytest.approx(share, abs=1 / total)
    assert all(cut < len(s) for cut, s in zip(found.cuts, values, strict=True))


def test_a_share_that_would_take_the_strongest_directions_is_refused(
    spectra: Spectra,
) -> None:
    values = list(spectra.values())
    most = 1 - len(values) / sum(map(len, values))
    assert cut_share(values, most - 1e-9).reduction == pytest.approx(most)
    with pytest.raises(OptionError, match=f"target=1: at most {most:.4g} of all directions can be cut"):
        cut_share(values, 1.0)
    assert cut_share(values, float(f"{most:.4g}") - 1e-4).reduction < 1.0  # the advice holds


def test_scale_and_order_of_a_layer_change_nothing(spectra: Spectra) -> None:
    values = list(spectra.values())
    shuffled = [1e3 * s[::-1] for s in values]
    assert cut_below(values, 0.26).cuts == cut_below(shuffled, 0.26).cuts


def test_equal_singular_values_are_not_cut() -> None:
    assert normalise(np.full(5, 2.0)).tolist() == [1.0] * 5
    assert cut_below([np.full(5, 2.0), np.array([4.0, 1.0])], 0.5).cuts == (0, 1)


def test_one_layer_only() -> None:
    assert cut_share([np.array([4.0, 3.0, 2.0, 1.0])], 0.5).cuts == (2,)


def test_low_rank_layers_lose_more_than_the_ratio() -> None:
    spectra = {"a": np.array([9.0, 1.0, 0.5, 0.1]), "b": np.array([4.0, 3.5, 3.2, 1.0])}
    cut = cut_below(list(spectra.values()), 0.2)
    assert cut.cuts == (3, 1)
    assert low_rank_layers(cut, spectra) == {"a": 1}
    assert low_rank_layers(cut, spectra, 0.0) == {"a": 1, "b": 3}
    assert is_low_rank(2, 4)
    assert not is_low_rank(2, 4, 0.5)
