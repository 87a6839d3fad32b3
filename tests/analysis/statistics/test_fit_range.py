"""Which eigenvalues a fit sees, and the reasons for none."""

import numpy as np
import pytest

from analysis.statistics.fit_range import no_fit, reason_not_to_fit, usable_eigenvalues


def test_the_cut_is_relative_or_weightwatchers_absolute() -> None:
    values = np.array([0.0, 1e-14, 1e-11, 1e-5, 2e-5, 1.0])
    assert list(usable_eigenvalues(values, compatible=False)) == [1e-11, 1e-5, 2e-5, 1.0]
    assert list(usable_eigenvalues(values, compatible=True)) == [2e-5, 1.0]
    assert len(usable_eigenvalues(values * 1e-20, compatible=False)) == 4
    assert len(usable_eigenvalues(values * 1e-20, compatible=True)) == 0


@pytest.mark.parametrize(
    ("size", "least", "most", "said"),
    [
        (20, 8, 0, None),
        (20, 20, 20, None),
        (20, 21, 0, "20 eigenvalues; min_evals asks for 21"),
        (20, 8, 19, "20 eigenvalues; max_evals allows 19"),
        (5, 21, 0, None),  # too few for any fit, which no_fit says
    ],
)
def test_bounds_of_the_size(size: int, least: int, most: int, said: str | None) -> None:
    assert reason_not_to_fit(size, least, most) == said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros(9), "the matrix is zero"),
        (np.ones(9), "its eigenvalues are equal up to the rounding of their type, so there is no tail"),
        (np.arange(1.0, 6.0), "5 eigenvalues; a tail needs 8"),
        (np.array([0.0] * 7 + [1.0, 2.0]), "only 2 of 9 eigenvalues are above the cut; a tail needs 8"),
    ],
)
def test_reasons_for_no_fit(values: np.ndarray, said: str) -> None:
    assert no_fit(values, usable_eigenvalues(values, compatible=False)) == said


def test_what_was_left_out_is_not_blamed_on_the_cut() -> None:
    values = np.arange(1.0, 21.0)
    assert no_fit(values, values[:5], 15) == "leave_out leaves 5 of 20 eigenvalues; a tail needs 8"
    assert no_fit(values, values[:0], 20) == "leave_out leaves 0 of 20 eigenvalues; a tail needs 8"
    few = np.append(np.zeros(15), np.arange(1.0, 6.0))
    assert no_fit(few, few[15:18], 2) == "only 3 of 20 eigenvalues are above the cut; a tail needs 8"
