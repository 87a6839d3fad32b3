"""Types of arrays with their shapes: jaxtyping's in tests, the arrays' alone elsewhere."""

import subprocess
import sys

import jaxtyping

from analysis.runtime import shapes

ELSEWHERE = """
import sys
import numpy as np
from analysis.runtime.shapes import Float64, Shaped
assert Float64[np.ndarray, "m n"] is np.ndarray
from analysis.runtime.pytorch import Tensor
assert Shaped[Tensor | np.ndarray, "..."] == Tensor | np.ndarray
sys.exit("jaxtyping" in sys.modules)
"""


def test_calls_are_checked_in_tests() -> None:
    assert (shapes.Float64, shapes.Shaped, shapes.Bool) == (jaxtyping.Float64, jaxtyping.Shaped, jaxtyping.Bool)


def test_elsewhere_they_are_the_arrays_and_jaxtyping_is_not_imported() -> None:
    assert subprocess.run([sys.executable, "-c", ELSEWHERE], check=False).returncode == 0
