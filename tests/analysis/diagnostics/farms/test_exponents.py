"""Exponents by every fit, on samples of known exponent."""

import numpy as np
import pytest

from analysis.diagnostics.farms.exponents import FITS, fit_of
from analysis.statistics import power_law


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


@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize("alpha", [2.5, 4.0])
def test_every_fit_finds_the_exponent_of_a_pareto_sample(name: str, alpha: float) -> None:
    """Their densest place is their start, where a search by the peak begins as well."""
    x = np.sort(np.random.default_rng(0).pareto(alpha - 1.0, 4000) + 1.0)
    found = fit_of(name)(x)
    assert found is not None
    assert found.alpha == pytest.approx(alpha, rel=0.06)
    assert found.D < 0.05


@pytest.mark.parametrize("name", FITS)
def test_what_is_equal_up_to_the_rounding_of_a_type_is_none(name: str) -> None:
    x = np.sort(1.0 + 1e-3 * np.random.default_rng(0).uniform(size=60))
    assert fit_of(name)(x) is not None
    assert fit_of(name, flat=2e-3)(x) is None


@pytest.mark.parametrize("name", FITS)
def test_nothing_to_fit_is_none(name: str) -> None:
    for values in (
        np.zeros(50),
        np.ones(50),
        np.arange(1.0, 6.0),
        np.geomspace(1e-34, 1e-31, 50) + (np.arange(50) > 44),
    ):
        assert fit_of(name)(values) is None
