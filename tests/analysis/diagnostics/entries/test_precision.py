"""The narrowest type that holds the values is named, also where only the last of them needs more."""

import pytest
from torch import Tensor

from analysis.diagnostics.entries import precision
from tests.analysis.diagnostics.battery import randn


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (randn(1, 20, 30), "float32"),
        (randn(1, 20, 30).bfloat16().float(), "bfloat16"),
        (randn(1, 20, 30).half().float(), "float16"),
        (randn(1, 20, 30).double() * (1.0 + 2.0**-40), "float64"),
        (randn(1, 20, 30).double(), "float32"),
        (randn(1, 20, 30).bfloat16(), "bfloat16"),
        (1e-30 * randn(1, 20, 30), "float32"),
    ],
)
def test_the_narrowest_type(values: Tensor, kind: str) -> None:
    assert precision.stored_type(values) == kind


def test_every_value_counts() -> None:
    values = randn(2, 40, 50).bfloat16().float()
    assert precision.stored_type(values) == "bfloat16"
    values[1, 39, 49] += 2.0**-20
    assert precision.stored_type(values) == "float32"
