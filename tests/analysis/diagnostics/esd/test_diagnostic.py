"""The spectrum's columns on weights whose spectrum is known."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.diagnostic import Measurement, Request, Scalar, measure
from analysis.diagnostics.esd.diagnostic import CURVE_POINTS, ESD
from analysis.weight import Weight, WeightInfo
from tests.analysis.diagnostics.battery import weightwatcher


def measured(slices: Tensor, role: str = "up", **options: Scalar) -> Measurement:
    count, rows, columns = slices.shape
    weight = Weight(WeightInfo("w", "w", rows, columns, count, role, 0), slices)
    return measure(Request(ESD, ESD.settings(options)), (weight,))


def diagonal(eigenvalues: np.ndarray) -> Tensor:
    return torch.diag(torch.from_numpy(np.sqrt(eigenvalues)))[None]


def pareto(alpha: float, size: int) -> np.ndarray:
    return np.sort(np.random.default_rng(1).pareto(alpha - 1.0, size) + 1.0)


def randn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def number(value: Scalar) -> float:
    assert isinstance(value, float)
    return value


def test_a_diagonal_power_law_is_found() -> None:
    x = pareto(3.0, 600)
    values = measured(diagonal(x)).values
    alpha = number(values["alpha"])
    assert abs(alpha - 3.0) < 3.0 * number(values["sigma"])
    assert values["num_evals"] == 600
    assert values["lambda_max"] == values["xmax"] == pytest.approx(x[-1], rel=1e-12)
    assert values["num_pl_spikes"] == np.count_nonzero(x >= number(values["xmin"]) * (1 - 1e-9))
    assert values["alpha_weighted"] == pytest.approx(alpha * math.log10(x[-1]), rel=1e-9)
    assert values["log_alpha_norm"] == pytest.approx(math.log10(np.sum(x**alpha)), rel=1e-9)
    assert (values["small_n"], values["low_confidence"], values["warning"]) == (False, False, "")


@pytest.mark.parametrize(
    ("size", "small_n", "low"), [(8, True, True), (19, True, True), (20, False, True), (49, False, True)]
)
def test_few_eigenvalues_are_said(size: int, small_n: bool, low: bool) -> None:
    values = measured(diagonal(pareto(2.5, size))).values
    assert values["alpha"] is not None
    assert (values["small_n"], values["low_confidence"]) == (small_n, low)


@pytest.mark.parametrize(
    ("slices", "note"),
    [
        (randn(1, 2, 384), "2 eigenvalues; a tail needs 8"),
        (randn(1, 1, 50), "1 eigenvalue; a tail needs 8"),
        (torch.zeros(1, 30, 20), "the matrix is zero"),
        (torch.eye(40)[None], "its eigenvalues are equal up to the rounding of their type, so there is no tail"),
        (torch.ones(1, 30, 20), "only 1 of 20 eigenvalues are above the cut; a tail needs 8"),
    ],
)
def test_no_fit_is_none_with_the_reason(slices: Tensor, note: str) -> None:
    found = measured(slices)
    assert found.note == note
    fit = ("alpha", "sigma", "D", "xmin", "num_pl_spikes", "alpha_weighted", "small_n", "low_confidence", "warning")
    assert {found.values[column] for column in fit} == {None}
    assert found.values["num_evals"] == min(slices.shape[1:])
    assert list(found.curves) == ["eigenvalues"]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("fix", ["none", "clip_xmax", "xmin_peak"])
def test_equal_singular_values_have_no_exponent_in_any_type(dtype: torch.dtype, fix: str) -> None:
    """Rounding spreads them a little, and 1 / that spread is no exponent."""
    orthogonal = torch.linalg.qr(randn(128, 128)).Q
    single = measured(orthogonal.to(dtype)[None], fix_fingers=fix)
    assert single.values["alpha"] is single.values["alpha_hill"] is single.values["warning"] is None
    assert single.note == "its eigenvalues are equal up to the rounding of their type, so there is no tail"


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_ties_are_no_tail_of_their_own(dtype: torch.dtype) -> None:
    """σ is 2 or 1: the equal ones at the top have no slope."""
    u, v = (torch.linalg.qr(torch.randn(128, 128, generator=torch.Generator().manual_seed(i))).Q for i in (1, 2))
    tied = u @ torch.diag(torch.tensor([2.0, 1.0]).repeat_interleave(64)) @ v
    alpha = measured(tied.to(dtype)[None]).values["alpha"]
    assert alpha is None or number(alpha) < 40.0


@pytest.mark.parametrize(
    "slices",
    [
        torch.cat([randn(48, 256), torch.zeros(80, 256)])[None],
        (randn(64, 1) @ randn(1, 256))[None],
        torch.full((1, 64, 64), 0.3),
    ],
    ids=["dead rows", "rank 1", "constant"],
)
def test_hill_does_not_fit_the_rounding_of_lost_ranks(slices: Tensor) -> None:
    assert measured(slices).values["alpha_hill"] is None


def test_leaving_all_out_is_said() -> None:
    found = measured(randn(1, 60, 40), leave_out=10_000)
    assert found.note == "leave_out leaves 0 of 40 eigenvalues; a tail needs 8"


def test_the_cut_is_relative_and_weightwatchers_absolute() -> None:
    """A LoRA-sized matrix: all its eigenvalues are below WeightWatcher's 1e-5."""
    small = randn(1, 60, 60) * 2.0**-13
    ours, theirs = measured(small), measured(small, compat="weightwatcher")
    large = measured(small * 2.0**13)
    assert ours.values["alpha"] == pytest.approx(large.values["alpha"], rel=1e-9)
    assert ours.values["D"] == pytest.approx(large.values["D"], rel=1e-9)
    assert theirs.values["alpha"] is None
    assert theirs.note == "only 0 of 60 eigenvalues are above the cut; a tail needs 8"


def test_conv_norm_scales_kernel_slices_and_nothing_else() -> None:
    slices = randn(9, 20, 30)
    one, half = measured(slices, "conv").values, measured(slices, "conv", conv_norm=0.5).values
    assert half["lambda_max"] == pytest.approx(number(one["lambda_max"]) / 2, rel=1e-14)
    assert half["xmin"] == pytest.approx(number(one["xmin"]) / 2, rel=1e-12)
    assert half["alpha"] == pytest.approx(one["alpha"], rel=1e-9)
    matrix = randn(1, 20, 30)
    assert measured(matrix).values == measured(matrix, conv_norm=0.5).values


def test_curves_are_what_the_figures_need() -> None:
    found = measured(randn(1, 500, 400))
    assert np.all(np.diff(found.curves["eigenvalues"]) >= 0)
    assert len(found.curves["eigenvalues"]) == 400
    lengths = {len(found.curves[f"candidate_{what}"]) for what in ("xmin", "D", "alpha")}
    assert len(lengths) == 1
    assert lengths.pop() <= CURVE_POINTS + 1
    at = int(np.argmin(found.curves["candidate_D"]))
    assert found.curves["candidate_D"][at] == pytest.approx(found.values["D"], rel=1e-6)
    assert found.curves["candidate_alpha"][at] == pytest.approx(found.values["alpha"], rel=1e-6)


def test_eigenvalues_beyond_float32_still_draw() -> None:
    curve = measured(randn(1, 30, 30).double() * 1e60).curves["eigenvalues"]
    assert np.isfinite(curve).all()


def fingered() -> Tensor:
    """The eigenvalues of noise, and two somewhat above that the fit takes for a tail."""
    rng = np.random.default_rng(2)
    bulk = np.linalg.svd(rng.standard_normal((150, 300)), compute_uv=False)[::-1] ** 2
    return diagonal(np.sort(np.concatenate([bulk, 1.2 * bulk[-1] * np.exp(0.3 * rng.uniform(size=2))])))


def test_fingers_may_be_clipped() -> None:
    raw, clipped = measured(fingered()).values, measured(fingered(), fix_fingers="clip_xmax").values
    assert (raw["num_fingers"], raw["raw_alpha"]) == (None, None)
    fingers = clipped["num_fingers"]
    assert isinstance(fingers, int)
    assert fingers > 0
    assert clipped["raw_alpha"] == raw["alpha"]
    assert number(clipped["alpha"]) + 1.0 < number(raw["alpha"])
    assert number(clipped["xmax"]) < number(raw["xmax"]) == clipped["lambda_max"]
    by_hand = measured(fingered(), leave_out=fingers + 1).values
    for column in ("alpha", "xmin", "xmax", "D", "num_pl_spikes", "log_alpha_norm"):
        assert by_hand[column] == clipped[column]


@pytest.mark.parametrize("how", ["none", "clip_xmax", "xmin_peak", "xmin_peak_coded"])
def test_every_remedy_gives_a_fit_and_its_curve(how: str) -> None:
    found = measured(fingered(), fix_fingers=how)
    at = int(np.argmin(np.abs(found.curves["candidate_xmin"] - number(found.values["xmin"]))))
    assert found.curves["candidate_D"][at] == pytest.approx(number(found.values["D"]), rel=1e-6)
    assert measured(torch.zeros(1, 20, 20), fix_fingers=how).note == "the matrix is zero"


def test_a_peak_bounds_the_start_of_the_tail() -> None:
    free, near = measured(fingered()).values, measured(fingered(), fix_fingers="xmin_peak").values
    assert number(near["xmin"]) < number(free["xmin"])
    assert number(near["D"]) > number(free["D"])


def test_sizes_may_be_bounded() -> None:
    assert measured(randn(1, 30, 20), min_evals=21).note == "20 eigenvalues; min_evals asks for 21"
    assert measured(randn(1, 30, 20), max_evals=19).note == "20 eigenvalues; max_evals allows 19"
    assert measured(randn(1, 30, 20), max_evals=19).values["alpha"] is None
    assert measured(randn(1, 30, 20), min_evals=20, max_evals=20).values["alpha"] is not None
    assert measured(randn(1, 30, 20), leave_out=15).note == "leave_out leaves 5 of 20 eigenvalues; a tail needs 8"


def test_clipped_like_weightwatcher_live(minilm: Path) -> None:
    clipped = 0
    for name, (given, peer) in weightwatcher(minilm, fix_fingers="clip_xmax").items():
        values = measured(given.slices, fix_fingers="clip_xmax", compat="weightwatcher").values
        assert values["num_fingers"] == peer["num_fingers"], name
        assert values["alpha"] == pytest.approx(peer["alpha"], rel=1e-6), name
        assert values["raw_alpha"] == pytest.approx(peer["raw_alpha"], rel=1e-6), name
        clipped += peer["num_fingers"] > 0
    assert clipped
