"""One weight in several models: its largest singular values, the width that its shape tells, and its class."""

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.diagnostic import Measurement, Request, measure
from analysis.diagnostics import requests
from analysis.diagnostics.top_singular_value.diagnostic import POINTS, TOP_SINGULAR_VALUE, shape, widths_of
from analysis.linalg.spectrum import decompose
from analysis.weight import Weight
from tests.analysis.diagnostics.battery import randn, weight


def family(role: str, *matrices: Tensor) -> list[Weight]:
    return [weight(matrix, f"layers.0.{role}.weight", role) for matrix in matrices]


def measured(role: str, *matrices: Tensor, **options: bool) -> Measurement:
    return measure(Request(TOP_SINGULAR_VALUE, TOP_SINGULAR_VALUE.settings(options)), family(role, *matrices))


def test_it_is_numpys() -> None:
    matrices = [randn(3 * d, d, seed=d) for d in (16, 32, 64)]
    found = measured("up", *matrices)
    said = [float(np.linalg.svd(matrix.numpy(), compute_uv=False)[0]) for matrix in matrices]
    assert found.curves["sigma"] == pytest.approx(said, rel=1e-6)
    assert found.curves["rms"] == pytest.approx([float(matrix.square().mean().sqrt()) for matrix in matrices])
    assert found.curves["widths"].tolist() == [16.0, 32.0, 64.0]
    squares = [float(matrix.square().sum()) for matrix in matrices]
    assert found.curves["stable_rank"] == pytest.approx(
        [n / s**2 for n, s in zip(squares, said, strict=True)], rel=1e-5
    )
    assert found.values["exponent"] == pytest.approx(float(np.polyfit(np.log([16, 32, 64]), np.log(said), 1)[0]))
    assert found.values["measured_ratio"] == pytest.approx(said[2] / said[0])


def test_noise_grows_with_the_root_of_the_width() -> None:
    """The largest singular value of a Gaussian d × d matrix is about 2 √d: exponent 0.5."""
    found = measured("q", *(randn(d, d, seed=d) for d in (64, 128, 256)))
    assert found.values["exponent"] == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("role", "sides", "wanted", "kind"),
    [
        ("q", [(8, 16), (8, 32)], [16, 32], "matrix"),
        ("o", [(16, 8), (32, 8)], [16, 32], "matrix"),
        ("down", [(16, 48), (32, 96)], [16, 32], "matrix"),
        ("embedding", [(50, 16), (50, 32)], [16, 32], "vector"),
        ("position", [(16, 9), (32, 9)], [16, 32], "vector"),
        ("head", [(50, 16), (50, 32)], [16, 32], "head"),
        ("router", [(4, 16), (4, 32)], [16, 32], "vector"),
        ("other", [(4, 16), (8, 32)], [8, 16], "matrix"),
        ("other", [(16, 3), (32, 3)], [16, 32], "vector"),
        ("other", [(16, 3), (16, 3)], [3, 3], "matrix"),
    ],
)
def test_widths_and_classes(role: str, sides: list[tuple[int, int]], wanted: list[int], kind: str) -> None:
    matrices = [randn(*side) for side in sides]
    assert widths_of(family(role, *matrices)) == pytest.approx(wanted)
    assert measured(role, *matrices).values["kind_class"] == kind


def test_quantiles_only_where_asked() -> None:
    matrices = [randn(40, 40), randn(80, 80)]
    plain, asked = measured("q", *matrices), measured("q", *matrices, quantiles=True)
    assert plain.values["shape_gap"] is None
    assert "median_sigma" not in plain.curves
    medians = [float(np.median(np.linalg.svd(matrix.numpy(), compute_uv=False))) for matrix in matrices]
    assert asked.curves["median_sigma"] == pytest.approx(medians, rel=1e-5)
    assert len(asked.curves["shape"]) == 2 * POINTS
    assert asked.values["shape_gap"] == pytest.approx(0.05, abs=0.05)


def test_the_shape_of_a_line_is_a_line() -> None:
    spectrum = decompose(torch.diag(torch.linspace(2.0, 1.0, 65).double())[None])
    assert shape(spectrum) == pytest.approx(np.linspace(1.0, 0.5, POINTS))
    found = measured("q", torch.diag(torch.linspace(2, 1, 33)), torch.diag(torch.linspace(8, 4, 129)), quantiles=True)
    assert found.values["shape_gap"] == pytest.approx(0.0, abs=1e-6)


def test_a_zero_weight_has_no_exponent() -> None:
    found = measured("q", randn(8, 8), torch.zeros(16, 16))
    assert found.values["exponent"] is None
    assert found.note == "the weight is zero in one of the models"
    assert found.curves["sigma"][1] == 0.0


def test_no_full_decomposition_unless_asked() -> None:
    values = torch.arange(1.0, 601.0).pow(-0.5)
    found = family("q", *(torch.diag(values * scale) for scale in (1.0, 2.0)))
    one = measure(Request(TOP_SINGULAR_VALUE, TOP_SINGULAR_VALUE.settings({})), found)
    assert one.values["method"] == "krylov"
    assert one.values["measured_ratio"] == pytest.approx(2.0, rel=1e-9)
    assert not any("spectrum" in vars(weight) for weight in found)


def test_a_comparison_does_not_ask_for_it() -> None:
    for count in (1, 2, 5):
        assert TOP_SINGULAR_VALUE not in [request.diagnostic for request in requests(None, count)]
