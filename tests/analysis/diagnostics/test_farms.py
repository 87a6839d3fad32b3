"""FARMS against its authors' recorded numbers, and the bias that it removes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis import power_law
from analysis.diagnostic import Measurement, Row, Scalar, Severity, Table
from analysis.diagnostics.farms import FARMS, PRESETS, fit_of
from tests.analysis.diagnostics.battery import blocks, measured, randn, summary, weight

GOLDEN = Path(__file__).parents[2] / "golden"
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


def test_the_distance_of_hills_exponent() -> None:
    x = np.sort(np.random.default_rng(0).pareto(1.5, 301) + 1.0)
    found, law = fit_of("hill")(x), power_law.candidates(x)
    assert found is not None
    assert found.alpha == pytest.approx(float(law.alphas[150]), rel=1e-12)
    assert pytest.approx(law.distance(150), rel=1e-12) == found.D


def test_very_many_eigenvalues_are_thinned_for_a_search() -> None:
    x = np.sort(np.random.default_rng(0).pareto(1.5, 50_000) + 1.0)
    found = fit_of("ks")(x)
    assert found is not None
    assert found.alpha == pytest.approx(2.5, abs=0.1)


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


def test_what_is_said_of_a_model() -> None:
    """Eight square layers and one long one of the same noise: it is the shape; a heavy one stands out."""
    heavy = torch.from_numpy(np.random.default_rng(0).standard_t(1.5, (96, 96))).float()
    square = [randn(96, 96, seed=seed) for seed in range(8)]
    said = summary(FARMS, [*blocks(square), *blocks([randn(400, 96, seed=9)], "down"), *blocks([heavy], "gate")])
    texts = [(finding.severity, finding.text) for finding in said.findings]
    assert (Severity.NOTE, "The shape raises α of MLP down in block 0") in texts
    assert (Severity.NOTE, "MLP gate in block 0 has heavier tails than the rest") in texts
    assert said.numbers["shaped"] == 1
    assert not any("up" in text for _, text in texts)


def test_a_verdict_that_is_one_on_the_shape() -> None:
    """With a search, 2 to 6 is the healthy range, and a long matrix may leave it by its shape alone."""
    values: dict[str, Scalar] = {
        "alpha_farms": 5.1, "alpha_raw": 8.2, "aspect_bias": 3.1, "windows_sd": 0.2, "aspect": 4.0, "num_evals": 999,
    }  # fmt: skip
    info = blocks([randn(64, 16)])[0].info
    for fit, ending in (
        ("ks", "Its raw exponent alone would call it under-trained, that of the windows healthy."),
        ("hill", "Compare it by α FARMS."),
    ):
        (found,) = FARMS.summarise(Table(FARMS, (Row(info, (0,), Measurement(values | {"fit": fit})),))).findings
        assert found.why.endswith(ending)
        assert "α 8.2 raw, 5.1 by windows of one shape, so 43% of what it is above 1 comes from its 4.0:1" in found.why
