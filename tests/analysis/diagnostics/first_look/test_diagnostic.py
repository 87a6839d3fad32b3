"""A first look beside the exact one."""

import pytest
import torch
from torch import Tensor

from analysis.diagnostic import Measurement, Request, measure
from analysis.diagnostics import requests
from analysis.diagnostics.first_look import diagnostic as module
from analysis.diagnostics.first_look.diagnostic import FIRST_LOOK, GOAL, WHOLE
from analysis.weight import Weight, WeightInfo
from tests.analysis.examples import randn


def weight(matrix: Tensor, unfit: str = "") -> Weight:
    rows, columns = matrix.shape
    return Weight(WeightInfo("w", "w", rows, columns, 1, "q", 0, unfit=unfit), matrix[None])


def look(matrix: Tensor, unfit: str = "") -> Measurement:
    return measure(Request(FIRST_LOOK, FIRST_LOOK.settings({})), (weight(matrix, unfit),))


@pytest.fixture(scope="module")
def large() -> Tensor:
    return randn(WHOLE, WHOLE + 300) * torch.linspace(0.2, 2.0, WHOLE)[:, None]


def test_norms_are_exact_and_the_largest_singular_value_lies_in_its_interval(large: Tensor) -> None:
    values = look(large).values
    (norms,) = requests({"norms": {}})
    exact = measure(norms, (weight(large),)).values
    assert values["look"] == "first"
    assert values["squared_norm"] == pytest.approx(exact["norm"], rel=1e-12)
    low, high, top = (float(each or 0.0) for each in (values["sigma_low"], values["sigma_high"], exact["sv_max"]))
    assert low * (1.0 - 1e-9) <= top <= high
    assert high <= low * (1.0 + GOAL)
    rank = float(exact["stable_rank"] or 0.0)
    assert float(values["stable_rank_low"] or 0.0) <= rank <= float(values["stable_rank_high"] or 0.0) * (1.0 + 1e-9)


def test_the_exponent_of_all_of_it_lies_in_the_interval_of_a_few_windows(large: Tensor) -> None:
    values = look(large).values
    (farms,) = requests({"farms": {}})
    alpha = float(measure(farms, (weight(large),)).values["alpha_farms"] or 0.0)
    assert float(values["alpha_windows_low"] or 9.0) <= alpha <= float(values["alpha_windows_high"] or 0.0)


def test_a_small_matrix_is_decomposed() -> None:
    matrix = randn(300, 200)
    values = look(matrix).values
    assert values["look"] == "exact"
    assert values["sigma_low"] == values["sigma_high"] == pytest.approx(float(torch.linalg.svdvals(matrix.double())[0]))
    (farms,) = requests({"farms": {}})
    assert values["alpha_windows"] == measure(farms, (weight(matrix),)).values["alpha_farms"]
    assert values["alpha_windows_low"] == values["alpha_windows_high"]


def test_no_column_is_one_of_the_exact_diagnostics() -> None:
    others = {column.name for request in requests({name: {} for name in ("esd", "norms", "farms")})
              for column in request.diagnostic.columns}  # fmt: skip
    assert others.isdisjoint(column.name for column in FIRST_LOOK.columns)


def test_a_weight_whose_tail_says_nothing_has_the_rest() -> None:
    found = look(randn(300, 200), "an embedding")
    assert found.note == "an embedding"
    assert found.values["alpha_windows"] is None
    assert found.values["sigma_low"] is not None


def test_nothing_is_decomposed_whole(large: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Weight, "spectrum", property(lambda self: pytest.fail("it was")))
    monkeypatch.setattr(module, "_whole", None)
    assert look(large).values["look"] == "first"
