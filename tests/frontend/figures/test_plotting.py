import doctest

import pytest

from frontend.figures import plotting
from tests.frontend.examples import DIAGNOSTIC


def test_power_of_ten() -> None:
    assert [plotting.power_of_ten(k) for k in (-8, -2, 0, 3, 12)] == ["10⁻⁸", "0.01", "1", "1000", "10¹²"]
    assert doctest.testmod(plotting).failed == 0


@pytest.mark.parametrize(("low", "high", "labels"), [(-2.2, 1.1, ["0.01", "0.1", "1", "10"]), (0.1, 0.9, [])])
def test_a_log_axis_names_the_powers_inside_it(low: float, high: float, labels: list[str]) -> None:
    axis = plotting.log_axis("size", low, high)
    assert (axis["ticktext"], axis["range"]) == (labels, [low, high])
    assert len(plotting.log_axis("size", -40.0, 40.0)["ticktext"]) <= 7


def test_a_title_has_its_unit() -> None:
    assert plotting.title_of(DIAGNOSTIC.column("steepness")) == "β (dB)"
    assert (plotting.title_of("size"), plotting.title_of(None)) == ("size", "")


@pytest.mark.parametrize(("along", "across"), [("y", "x"), ("x", "y")])
def test_a_usual_band_lies_across_the_other_axis(along: str, across: str) -> None:
    band, *ends = plotting.usual_band(DIAGNOSTIC.column("steepness"), "y" if along == "y" else "x")
    assert (band[f"{along}0"], band[f"{along}1"], band[f"{across}ref"]) == (2.0, 6.0, "paper")
    assert [(end[f"{along}0"], end[f"{along}1"]) for end in ends] == [(2.0, 2.0), (6.0, 6.0)]
    assert plotting.usual_band(DIAGNOSTIC.column("doubt")) == []
