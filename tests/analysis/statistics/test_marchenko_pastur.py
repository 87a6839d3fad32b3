"""The law against closed forms and simulation, the fits against planted truths and WeightWatcher's recorded numbers."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import airy

from analysis.statistics.marchenko_pastur import (
    TRACY_WIDOM,
    Law,
    Values,
    distance,
    noise,
    robust,
    triangular_density,
    weightwatcher,
)

GOLDEN = Path(__file__).parents[2] / "golden"
Matrix = NDArray[np.float64]


def gaussian(rows: int, columns: int, seed: int) -> Matrix:
    """Entries of variance 1 / max(rows, columns): the eigenvalues have mean 1."""
    return np.random.default_rng(seed).standard_normal((rows, columns)) / math.sqrt(max(rows, columns))


def eigenvalues(matrix: Matrix) -> Values:
    squares: Values = np.linalg.svd(matrix, compute_uv=False)[::-1] ** 2
    return squares


def planted(rows: int, columns: int, singular: Values, seed: int) -> Matrix:
    """Noise and random directions with these singular values."""
    rng = np.random.default_rng(seed + 1000)
    left = np.linalg.qr(rng.standard_normal((rows, len(singular)))).Q
    right = np.linalg.qr(rng.standard_normal((columns, len(singular)))).Q
    spiked: Matrix = gaussian(rows, columns, seed) + (left * singular) @ right.T
    return spiked


# --- the law ---------------------------------------------------------------------------------------------------------


def test_the_edges_by_hand() -> None:
    assert Law(100, 400, 0.5).edges == pytest.approx((0.5 * 100.0, 0.5 * 900.0), rel=1e-14)
    assert noise(400, 100, 0.5) == Law(100, 400, 0.5)
    assert Law(64, 64, 1.0).edges == (0.0, 256.0)


@pytest.mark.parametrize("shape", [(10, 10), (10, 11), (10, 25), (10, 1000)])
def test_density_and_distribution_belong_together(shape: tuple[int, int]) -> None:
    """Both integrals by a fine sum: 1, and the mean N v; and the distribution is the integral of the density."""
    law = Law(*shape, 0.7)
    low, high = law.edges
    theta = (np.arange(200_000) + 0.5) / 200_000 * math.pi
    x = (low + high - (high - low) * np.cos(theta)) / 2.0
    pieces = law.density(x) * (high - low) / 2.0 * np.sin(theta) * math.pi / 200_000
    assert pieces.sum() == pytest.approx(1.0, rel=1e-9)
    assert (pieces * x).sum() == pytest.approx(law.mean, rel=1e-9)
    shares = np.cumsum(pieces)[::5000]
    assert law.cdf(x[::5000] + 1e-12) == pytest.approx(shares, abs=1e-5)
    assert law.density(np.array([low - 1e-3, high + 1e-3])) == pytest.approx([0.0, 0.0])


def test_square_matrices_have_a_quarter_circle() -> None:
    """σ = √λ has density √(4 - σ²)/π, whose distribution is (σ√(4 - σ²)/2 + 2 arcsin(σ/2))/π."""
    law = Law(50, 50, 1.0 / 50)
    s = np.linspace(0.05, 1.99, 40)
    expected = (s * np.sqrt(4.0 - s * s) / 2.0 + 2.0 * np.arcsin(s / 2.0)) / math.pi
    assert law.cdf(s * s) == pytest.approx(expected, abs=2e-7)
    assert law.cdf(np.array([-1.0, 0.0, 4.0, 9.0])) == pytest.approx([0.0, 0.0, 1.0, 1.0], abs=1e-12)


@given(small=st.integers(1, 300), longer=st.integers(0, 900), p=st.floats(0.001, 0.999))
def test_quantiles_invert_the_distribution(small: int, longer: int, p: float) -> None:
    law = Law(small, small + longer, 2.0)
    assert law.cdf(law.quantile(np.array([p])))[0] == pytest.approx(p, abs=1e-9)


def test_the_spectrum_of_noise_follows_the_law() -> None:
    found = eigenvalues(gaussian(300, 700, 5))
    assert distance(found, noise(300, 700, 1.0 / 700)) < 0.01
    assert distance(found, noise(300, 700, 1.2 / 700)) > 0.08
    assert distance(found[:0], noise(300, 700, 1.0)) == 1.0


def test_the_tracy_widom_quantile() -> None:
    """F₁(s) = det(1 - K) on (s, ∞), K(x, y) = Ai((x + y)/2)/2 (Ferrari and Spohn 2005), by quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    x = TRACY_WIDOM + (nodes + 1.0) * 8.0
    root = np.sqrt(weights * 8.0)
    kernel = airy((x[:, None] + x) / 2.0)[0] / 2.0
    assert np.linalg.det(np.eye(60) - root[:, None] * kernel * root) == pytest.approx(0.999, abs=2e-6)


@pytest.mark.parametrize(("rows", "columns"), [(20, 20), (20, 90), (60, 80)])
def test_noise_passes_the_cut_once_in_a_thousand(rows: int, columns: int) -> None:
    rng = np.random.default_rng(2)
    tops = np.linalg.svd(rng.standard_normal((4000, rows, columns)), compute_uv=False)[:, 0] ** 2
    passed = np.count_nonzero(tops > noise(rows, columns, 1.0).cut)
    assert 0 <= passed <= 12  # 4 expected; 12 or fewer in 99.97 of 100


# --- the robust fit --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "columns"), [(384, 384), (384, 1536), (192, 256), (64, 64)])
def test_pure_noise_is_all_bulk(rows: int, columns: int) -> None:
    bulk = robust(eigenvalues(gaussian(rows, columns, 3)), rows, columns)
    assert bulk is not None
    assert (bulk.spikes, bulk.inside, bulk.fits) == (0, min(rows, columns), True)
    assert bulk.sigma == pytest.approx(1.0, abs=1e-9)  # the mean of all eigenvalues, when none is left out
    assert bulk.distance < 0.002 + 3.0 / min(rows, columns)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.2])
@pytest.mark.parametrize(("rows", "columns"), [(384, 384), (1536, 384), (256, 192)])
def test_planted_spikes_are_found_and_the_noise_too(rows: int, columns: int, share: float) -> None:
    """Spikes from 1.5 to 8 times the strength at which one leaves the bulk, (M/N)^¼ (Baik, Ben Arous, Péché 2005)."""
    small, large = sorted((rows, columns))
    count = round(share * small)
    strengths = (small / large) ** 0.25 * np.exp(np.random.default_rng(4).uniform(math.log(1.5), math.log(8.0), count))
    matrix = planted(rows, columns, strengths, 6)
    bulk = robust(eigenvalues(matrix), rows, columns)
    assert bulk is not None
    assert bulk.fits
    assert abs(bulk.spikes - count) <= 1 + 0.05 * count
    assert bulk.law.variance * large == pytest.approx(1.0, abs=0.035)


def test_a_fifth_of_equal_weak_spikes_does_not_hide_itself() -> None:
    """The trap of fits by the mean: many spikes just beyond the bulk raise the mean until all are inside."""
    bulk = robust(eigenvalues(planted(384, 384, np.full(77, 2.5), 1)), 384, 384)
    assert bulk is not None
    assert bulk.fits
    assert abs(bulk.spikes - 77) <= 2
    assert bulk.law.variance * 384 == pytest.approx(1.0, abs=0.05)


def test_one_huge_outlier_is_one_spike() -> None:
    bulk = robust(eigenvalues(planted(200, 150, np.array([1e6]), 2)), 200, 150)
    assert bulk is not None
    assert (bulk.spikes, bulk.fits) == (1, True)
    assert bulk.law.variance * 200 == pytest.approx(1.0, abs=0.03)
    assert bulk.sigma < 1e-4  # of all the weight's size, noise holds next to nothing


@pytest.mark.parametrize(("degrees", "most"), [(3.0, 20), (5.0, 3)])
def test_heavy_tailed_entries_keep_their_bulk(degrees: float, most: int) -> None:
    """Student's t: for finite variance the bulk is that of the law, with a few spikes from the largest entries."""
    matrix = np.random.default_rng(8).standard_t(degrees, (384, 768)) / math.sqrt(768 * degrees / (degrees - 2.0))
    bulk = robust(eigenvalues(matrix), 384, 768)
    assert bulk is not None
    assert bulk.fits
    assert bulk.spikes <= most
    assert bulk.law.variance * 768 == pytest.approx(1.0, abs=0.12)


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_a_power_law_spectrum_has_no_bulk(power: float) -> None:
    """Singular values k^-power: a median fit calls a tenth to half of them spikes of a bulk that is not there."""
    bulk = robust(np.sort(np.arange(1.0, 385.0) ** (-2.0 * power)), 384, 384)
    assert bulk is not None
    assert not bulk.fits


def test_uneven_rows_are_no_single_bulk() -> None:
    rng = np.random.default_rng(3)
    bulk = robust(eigenvalues(gaussian(384, 1536, 1) * np.exp(0.7 * rng.standard_normal((384, 1)))), 384, 1536)
    assert bulk is not None
    assert not bulk.fits


def test_slices_are_pooled() -> None:
    found = np.sort(np.concatenate([eigenvalues(planted(60, 80, np.array([4.0, 5.0]), seed)) for seed in range(9)]))
    bulk = robust(found, 60, 80)
    assert bulk is not None
    assert (bulk.spikes, bulk.fits) == (18, True)
    assert bulk.law.small == pytest.approx(58.0)
    assert bulk.law.variance * 80 == pytest.approx(1.0, abs=0.03)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(2, 60),
    columns=st.integers(2, 60),
    exponent=st.integers(-300, 300),
    zeros=st.floats(0.0, 1.0),
    seed=st.integers(0, 10**6),
)
def test_any_spectrum_ends_well_at_any_scale(rows: int, columns: int, exponent: int, zeros: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = eigenvalues(gaussian(rows, columns, seed)) * np.exp(rng.standard_normal(min(rows, columns)) * 2.0)
    found[rng.random(len(found)) < zeros] = 0.0
    found = np.sort(found)
    one, other = robust(found, rows, columns), robust(found * 2.0**exponent, rows, columns)
    assert (one is None) == (found[-1] == 0.0)
    if one is not None and other is not None:
        assert one.spikes + one.inside == len(found)
        assert 0.0 <= one.distance <= 1.0
        assert one.spikes == other.spikes
        assert one.sigma == pytest.approx(other.sigma, rel=1e-9)


@pytest.mark.parametrize("fit", [robust, weightwatcher])
def test_nothing_in_zeros(fit: object) -> None:
    assert callable(fit)
    assert fit(np.zeros(20), 20, 30) is None


def test_equal_eigenvalues_are_no_bulk() -> None:
    bulk = robust(np.ones(50), 50, 60)
    assert bulk is not None
    assert not bulk.fits


# --- WeightWatcher's fit ---------------------------------------------------------------------------------------------

RECORDED = json.loads((GOLDEN / "golden.json").read_text())["matrices"]


@pytest.mark.parametrize("name", RECORDED)
def test_equal_to_weightwatchers_recorded_fits(name: str) -> None:
    with np.load(GOLDEN / "golden.npz") as arrays:
        matrix = arrays[name].astype(np.float64)
    found, expected = weightwatcher(eigenvalues(matrix), *matrix.shape), RECORDED[name]["weightwatcher"]
    assert found is not None
    assert found.sigma == pytest.approx(expected["sigma_mp"], abs=1e-4)
    assert found.spikes == expected["num_spikes"]
    assert found.law.edges == pytest.approx((expected["bulk_min"], expected["bulk_max"]), rel=2e-4, abs=1e-12)


def test_the_density_estimate_by_its_definition() -> None:
    values = np.sort(np.random.default_rng(1).exponential(1.0, 50))
    at = np.linspace(-0.2, 5.0, 77)
    direct = np.maximum(0.0, 1.0 - np.abs(at[:, None] - values) / 0.1).sum(axis=1) / (50 * 0.1)
    assert triangular_density(values, at) == pytest.approx(direct, abs=1e-9)


def test_weightwatchers_fit_may_admit_nothing() -> None:
    """Long matrix, most eigenvalues near 0: the lower edge would have to lie below the peak at 0."""
    found = np.sort(np.concatenate([np.full(90, 1e-9), np.linspace(1.0, 5.0, 10)]))
    assert weightwatcher(found, 100, 150) is None
