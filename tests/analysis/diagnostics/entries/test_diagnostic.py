"""The measurement of one weight: numbers that NumPy gives too, and what each kind of weight is called."""

import math

import numpy as np
import pytest
import torch

from analysis.diagnostics.entries.diagnostic import ENTRIES
from tests.analysis.diagnostics.battery import measured, randn


def test_sizes_are_numpys() -> None:
    matrix = 0.03 * randn(90, 60)
    matrix[7, 11] = 1.5
    found = measured(ENTRIES, matrix).values
    values = matrix.double().numpy()
    rms = math.sqrt(np.square(values).mean())
    assert found["rms"] == pytest.approx(rms)
    assert found["largest"] == pytest.approx(1.5 / rms)
    assert (found["largest_row"], found["largest_column"]) == (7, 11)
    rest = np.sort(np.abs(np.concatenate([values[7], values[:, 11]])))
    assert found["isolation"] == pytest.approx(1.5 / rest[-3])  # the largest is in both lines
    assert (found["dtype"], found["stored_as"], found["rank"]) == ("float32", "float32", 60)


def test_repeats() -> None:
    matrix = randn(64, 200)
    matrix[[1, 2]] = matrix[0].clone()
    matrix[5] = 0.0
    matrix[:, [8, 9]] = 0.0
    found = measured(ENTRIES, matrix).values
    assert (found["equal_rows"], found["zero_rows"], found["zero_columns"], found["equal_columns"]) == (2, 1, 2, 0)
    assert found["zeros"] == pytest.approx((200 + 2 * 63) / (64 * 200))
    assert found["levels_128"] is not None
    assert found["grid"] == ""


def test_states() -> None:
    assert measured(ENTRIES, randn(64, 64)).values["state"] == "random"
    assert measured(ENTRIES, torch.eye(64)).values["state"] == "identity"
    assert measured(ENTRIES, torch.zeros(64, 64)).values["state"] == "zero"
    assert measured(ENTRIES, randn(64, 4) @ randn(4, 64)).values["state"] == ""


def test_what_is_not_finite_is_counted_and_nothing_else_said() -> None:
    matrix = randn(30, 30)
    matrix[2, 3], matrix[4, 5] = math.nan, math.inf
    found = measured(ENTRIES, matrix)
    assert str(found.note).endswith("2 of 900 values are NaN or infinite")
    assert set(found.values.values()) == {None}


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_any_scale(scale: float) -> None:
    plain, scaled = measured(ENTRIES, randn(64, 48)).values, measured(ENTRIES, randn(64, 48) * scale).values
    assert scaled["rms"] == pytest.approx(scale * float(plain["rms"] or 0.0), rel=1e-6)
    for name in ("kurtosis", "largest", "num_above_random", "random_D", "line_spread", "state"):
        assert scaled[name] == pytest.approx(plain[name], rel=1e-5) if name != "state" else scaled[name] == plain[name]
