"""Predicted times: of whole weights and of a first look."""

import pytest

from analysis.diagnostics.first_look.cost import measure_slowness, predict, usable_cores
from analysis.weight import TensorInfo


def square(side: int, skip: str | None = None) -> TensorInfo:
    return TensorInfo(f"w{side}", (side, side), "float32", 4 * side**2, "q", 0, skip)


def test_a_first_look_at_large_weights_is_predicted_to_be_far_shorter() -> None:
    found = predict([square(4096)], 1.0, 1)
    assert found.exact > 10 * found.first_look
    small = predict([square(256)], 1.0, 1)
    assert small.exact == small.first_look


def test_it_grows_with_the_slowness_and_falls_with_the_cores() -> None:
    one = predict([square(2048)], 1.0, 1)
    assert predict([square(2048)], 2.0, 1).exact == pytest.approx(2 * one.exact)
    assert predict([square(2048)], 1.0, 4).exact == pytest.approx(one.exact / 4)
    assert predict([square(2048, "a bias")], 1.0, 1).exact == 0.0


def test_this_machine_is_measured() -> None:
    assert 0.05 <= measure_slowness() < 1000.0
    assert usable_cores() >= 1
