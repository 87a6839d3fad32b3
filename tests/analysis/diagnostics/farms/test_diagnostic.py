"""FARMS against its authors' recorded numbers, and the bias that it removes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.diagnostics.farms.diagnostic import FARMS, PRESETS
from analysis.diagnostics.farms.exponents import FITS
from analysis.statistics import power_law
from tests.analysis.diagnostics.battery import measured, randn, weight

GOLDEN = Path(__file__).parents[3] / "golden"
RECORDED = json.loads((GOLDEN / "farms.json").read_text())


@pytest.fixture(scope="module")
def golden() -> dict[str, torch.Tensor]:
    with np.load(GOLDEN / "golden.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in RECORDED}


@pytest.mark.parametrize("name", RECORDED)
@pytest.mark.parametrize("setting", ["rows64_ops5", "rows100_ops10"])
@pytest.mark.parametrize("fit", ["hill", "ks"])
def test_equal_to_the_authors(golden: dict[str, torch.Tensor], name: str, setting: str, fit: str) -> None:
    """1e-6 of Hill's exponent and of the searched one, which the authors compute in float32."""
    rows, ops = (int(part.lstrip("rowsp")) for part in setting.split("_"))
    expected = RECORDED[name][f"{setting}_{fit}"]
    values = measured(FARMS, golden[name], side=rows, per_side=ops, fit=fit).values
    assert values["alpha_farms"] == pytest.approx(expected["alpha"], rel=1e-6)
    assert values["D"] == pytest.approx(expected["D"], abs=1e-6)
    assert values["num_evals"] == expected["eigenvalues"]


def test_noise_of_every_shape_has_one_exponent() -> None:
    """Gaussians 1:1, 2:1, 4:1, 256 columns: raw Hill 2.12, 2.69, 3.44 (published check), FARMS within 0.05."""
    found = [measured(FARMS, randn(256 * aspect, 256, seed=aspect)).values for aspect in (1, 2, 4)]
    assert [v["alpha_raw"] for v in found] == pytest.approx([2.12, 2.69, 3.44], abs=0.1)
    alphas = [float(v["alpha_farms"] or 0.0) for v in found]
    assert max(alphas) - min(alphas) < 0.05
    assert [v["aspect_bias"] for v in found] == pytest.approx([0.0, 0.57, 1.32], abs=0.1)
    assert found[0]["aspect_bias"] == 0.0
    assert [v["aspect"] for v in found] == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_do_not_mind_small_or_lying_matrices(preset: str) -> None:
    tall, lying = (measured(FARMS, m, preset=preset).values for m in (randn(90, 40), randn(90, 40).T))
    assert tall["alpha_farms"] is not None
    assert tall["alpha_farms"] == pytest.approx(lying["alpha_farms"], rel=1e-9)
    assert tall["window_short"] == 40


def test_the_authors_kernels_are_fitted_block_by_block() -> None:
    """Square blocks, the eigenvalues of all taps together, the mean of the exponents: by hand."""
    kernel = randn(9, 70, 30)
    values = measured(FARMS, weight(kernel, "conv.weight", "conv"), preset="image-classification").values
    each = []
    for start in (0, 30):
        pooled = np.linalg.svd(kernel[:, start : start + 30].double().numpy(), compute_uv=False) ** 2
        each.append(power_law.hill(np.sort(pooled.ravel())) or 0.0)
    assert values["alpha_farms"] == pytest.approx(sum(each) / 2, rel=1e-9)
    assert values["num_windows"] == 18
    pooled_all = measured(FARMS, weight(kernel, "conv.weight", "conv")).values
    assert pooled_all["alpha_farms"] == pytest.approx(values["alpha_farms"], abs=0.1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("fit", FITS)
def test_equal_singular_values_have_no_exponent(dtype: torch.dtype, fit: str) -> None:
    orthogonal = torch.linalg.qr(randn(128, 128)).Q.to(dtype)
    values = measured(FARMS, orthogonal, fit=fit, sweep=True).values
    assert values["alpha_farms"] is values["alpha_raw"] is None


def test_windows_of_lost_ranks_have_no_exponent() -> None:
    dead = torch.cat([randn(256, 48), torch.zeros(256, 80)], dim=1)
    for matrix in (dead, randn(256, 1) @ randn(1, 64), torch.full((64, 64), 0.3)):
        values = measured(FARMS, matrix).values
        assert values["alpha_farms"] is values["alpha_raw"] is values["windows_sd"] is None


def test_the_sweep_rises_with_the_aspect() -> None:
    found = measured(FARMS, randn(512, 64), sweep=True)
    aspects, alphas = found.curves["sweep_aspect"], found.curves["sweep_alpha"]
    assert list(aspects) == pytest.approx([1.0, 1.25, 1.5, 2.0, 3.0, 4.0])
    assert np.all(np.diff(alphas) > 0.0)
    assert alphas[0] == pytest.approx(found.values["alpha_farms"], rel=1e-5)
    assert measured(FARMS, randn(64, 64)).curves == {}


def test_an_aspect_may_be_given_either_way() -> None:
    one, other = (measured(FARMS, randn(200, 50), aspect=aspect).values for aspect in (2.0, 0.5))
    assert one == other
    assert one["window_aspect"] == 2.0


def test_zeros_have_no_exponent() -> None:
    found = measured(FARMS, torch.zeros(20, 30))
    assert found.values["alpha_farms"] is None
    assert found.values["aspect"] == 1.5
    assert found.note
