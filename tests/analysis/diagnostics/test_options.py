import numpy as np
import pytest
import torch

from analysis.diagnostic import Options
from analysis.diagnostics.options import CONV_NORM, conv_factor, flatness, single
from analysis.errors import OptionError
from analysis.linalg import rounding
from analysis.statistics.power_law import FLAT
from analysis.weight import Weight, WeightInfo


@pytest.mark.parametrize(
    ("role", "slices", "factor"), [("conv", 9, 0.5), ("conv", 1, 0.5), ("embedding", 16, 0.5), ("up", 1, 1.0)]
)
def test_the_factor_is_for_convolutions(role: str, slices: int, factor: float) -> None:
    """A 1 × 1 convolution is one as well, and so is a patch embedding."""
    weight = Weight(WeightInfo("w", "w", 2, 3, slices, role, None), torch.zeros(slices, 2, 3))
    assert conv_factor(weight, Options({"conv_norm": 0.5})) == factor


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), "half"])
def test_it_takes_positive_numbers(value: object) -> None:
    with pytest.raises(OptionError):
        CONV_NORM.check(value)


def test_weightwatcher_knows_no_rounding() -> None:
    slices = torch.zeros(1, 30, 20, dtype=torch.bfloat16)
    weight = Weight(WeightInfo("w", "w", 30, 20, 1, "up", None), slices)
    assert flatness(weight, Options({"compat": "none"})) == rounding.flat(slices)
    assert flatness(weight, Options({"compat": "weightwatcher"})) == FLAT


def test_a_curve_stays_within_float32() -> None:
    """Largest float32: (2 - 2⁻²³) · 2¹²⁷."""
    found = single(np.array([-1e300, 0.0, 1.5, 1e300]))
    assert found.dtype == np.float32
    assert found.tolist() == [-(2 - 2**-23) * 2.0**127, 0.0, 1.5, (2 - 2**-23) * 2.0**127]
