"""The numbers of every golden matrix, by scipy and torch where they know them, and planted outliers."""

import pytest
import torch
from scipy.stats import kurtosis

from analysis.errors import NotFinite
from analysis.prescriptions.quantisation.measures import measure_entries
from analysis.prescriptions.quantisation.rounding import int8
from tests.analysis.prescriptions.golden import model, told

GOLDEN = told()["quantisation"]
NAMES = {"int4_group32": "int4_group", "int4_error_top8_share": "error_top_share"}


@pytest.mark.parametrize("name", GOLDEN["rows"])
def test_the_golden_numbers(name: str) -> None:
    matrix = model().checkpoints[0].read(name)
    found = measure_entries(matrix, GOLDEN["group"], 8)
    wanted = {NAMES.get(key, key): value for key, value in GOLDEN["rows"][name].items()}
    assert {key: found[key] for key in wanted if key in found} == pytest.approx(
        {key: value for key, value in wanted.items() if key in found}, rel=1e-4
    )
    assert len(wanted.keys() & found.keys()) == 9
    assert found["kurtosis"] == pytest.approx(kurtosis(matrix.double().numpy().ravel(), fisher=False))


def test_an_outlier_column_shows_in_its_column_alone() -> None:
    matrix = torch.randn(64, 96, generator=torch.Generator().manual_seed(0))
    plain = measure_entries(matrix, 32, 4)
    matrix[:, 7] *= 20.0
    found = measure_entries(matrix, 32, 4)
    assert float(found["row_peak"] or 0) > 1.5 * float(plain["row_peak"] or 0)
    assert found["column_peak"] == pytest.approx(plain["column_peak"], rel=0.2)
    assert float(found["int4_group"] or 0) > 1.2 * float(plain["int4_group"] or 0)


def test_zeros_have_no_shape_and_nan_is_refused() -> None:
    found = measure_entries(torch.zeros(4, 5), 4, 2)
    assert (found["kurtosis"], found["mu_incoherence"], found["row_peak"], found["int4_group"]) == (
        None,
        None,
        None,
        0.0,
    )
    with pytest.raises(NotFinite):
        measure_entries(torch.full((2, 2), torch.nan), 4, 2)


def test_the_bound_on_outputs_is_the_ratio_of_the_largest_singular_values() -> None:
    matrix = torch.randn(48, 80, generator=torch.Generator().manual_seed(1))
    found = measure_entries(matrix, 32, 4)
    error = int8(matrix) - matrix
    wanted = float(torch.linalg.matrix_norm(error, 2) / torch.linalg.matrix_norm(matrix, 2))
    assert found["int8_output_bound"] == pytest.approx(wanted, rel=1e-4)
    assert 0.0 < wanted < 0.05
    assert "int8_output_bound" not in measure_entries(matrix, 32, 0)
    assert measure_entries(torch.zeros(4, 5), 4, 2)["int8_output_bound"] is None
