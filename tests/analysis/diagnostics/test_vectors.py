"""Leading vectors against numpy's SVD and planted places."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.diagnostics import vectors
from analysis.diagnostics.vectors import VECTORS, participation, singular_vectors
from analysis.linalg import lanczos
from analysis.linalg.kernels import eigenvectors
from tests.analysis.diagnostics.battery import blocks, measured, randn, summary, weight


def test_participation_by_hand() -> None:
    shares = np.array([[1.0, 0.25, 0.5], [0.0, 0.25, 0.5], [0.0, 0.25, 0.0], [0.0, 0.25, 0.0]])
    assert participation(shares) == pytest.approx([0.25, 1.0, 0.5])


@pytest.mark.parametrize("shape", [(60, 40), (40, 60), (50, 50)])
def test_equal_to_numpys_svd(shape: tuple[int, int]) -> None:
    matrix = randn(*shape).double()
    left, right = singular_vectors(matrix, 6)
    u, _, vt = np.linalg.svd(matrix.numpy())
    assert np.abs((u[:, :6] * left).sum(axis=0)) == pytest.approx(np.ones(6), abs=1e-9)
    assert np.abs((vt[:6].T * right).sum(axis=0)) == pytest.approx(np.ones(6), abs=1e-9)


def test_a_large_matrix_is_not_decomposed_in_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    decomposed = []

    def counted(matrix: Tensor) -> tuple[Tensor, Tensor]:
        decomposed.append(len(matrix))
        return eigenvectors(matrix)

    monkeypatch.setattr(lanczos, "eigenvectors", counted)
    matrix = randn(900, 600)
    left, _ = singular_vectors(matrix, 4)
    assert decomposed == [vectors.STEPS]
    exact = torch.linalg.svd(matrix.double()).U[:, :4].numpy()
    assert np.abs((left * exact).sum(axis=0)) == pytest.approx(np.ones(4), abs=1e-9)


def test_large_matrices_go_by_lanczos_and_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = randn(300, 200) + 10.0 * randn(300, 8, seed=1) @ torch.diag(torch.arange(1.0, 9.0)) @ randn(8, 200, seed=2)
    whole = measured(VECTORS, matrix, leading=8).values
    monkeypatch.setattr(vectors, "FULL", 100)
    monkeypatch.setattr(vectors, "STEPS", 60)
    assert measured(VECTORS, matrix, leading=8).values == pytest.approx(whole, rel=1e-6)


def test_vectors_of_noise_spread_over_a_third() -> None:
    values = measured(VECTORS, randn(900, 700)).values
    for side in ("left", "right"):
        assert values[f"{side}_participation"] == pytest.approx(1.0 / 3.0, abs=0.05)
        assert float(values[f"{side}_peak"] or 1.0) < 4.0 * math.log(900) / 700


def test_a_planted_row_and_column_are_named() -> None:
    matrix = randn(80, 60)
    matrix[17] *= 30.0
    values = measured(VECTORS, matrix).values
    assert values["left_peak_at"] == 17
    assert values["left_participation"] == pytest.approx(1.0 / 80.0, rel=0.05)
    assert float(values["left_peak"] or 0.0) > 0.95
    matrix = randn(80, 60)
    matrix[:, 41] *= 30.0
    assert measured(VECTORS, matrix).values["right_peak_at"] == 41


def test_the_mark_of_the_figure_is_on_its_curve() -> None:
    """A weak direction on one output: neither the first nor the last of the leading vectors."""
    left, right = torch.linalg.qr(randn(80, 2, seed=1)).Q, torch.linalg.qr(randn(60, 3, seed=2)).Q
    matrix = 0.1 * randn(80, 60) + 40.0 * left[:, :1] @ right[:, :1].T + 20.0 * left[:, 1:] @ right[:, 1:2].T
    matrix[17] += 30.0 * right[:, 2]
    found = measured(VECTORS, matrix, leading=5)
    assert found.values["left_least_at"] == 2
    for figure in (figure for figure in VECTORS.figures if "x0" in figure.parts):
        x, y = (found.curves[figure.parts[axis]] for axis in ("x", "y"))
        at = list(x).index(found.values[figure.parts["x0"]])
        assert y[at] == pytest.approx(found.values[figure.parts["y0"]], rel=1e-6)


def test_a_kernel_shows_its_strongest_slice() -> None:
    kernel = randn(9, 40, 30)
    kernel[4, 3] *= 20.0
    values = measured(VECTORS, weight(kernel, "conv.weight", "conv")).values
    assert values["left_peak_at"] == 3
    assert values["vectors"] == 10


def test_no_more_vectors_than_the_rank() -> None:
    found = measured(VECTORS, randn(30, 2) @ randn(2, 20, seed=1))
    assert found.values["vectors"] == 2
    assert list(found.curves["order"]) == [1.0, 2.0]
    assert measured(VECTORS, torch.zeros(9, 9)).note == "the matrix is zero"


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_no_scale_matters(scale: float) -> None:
    one, other = measured(VECTORS, randn(40, 30)).values, measured(VECTORS, randn(40, 30) * scale).values
    assert one == pytest.approx(other, rel=1e-4)


def test_what_is_said_of_a_model() -> None:
    local = randn(80, 60)
    local[17] *= 30.0
    said = summary(VECTORS, blocks([randn(80, 60), local, randn(2, 60)]))
    assert [finding.text for finding in said.findings] == [
        "MLP up projection (up_proj) of block 1 has a leading vector on a single output"
    ]
    assert said.findings[0].evidence["left_peak_at"] == 17
    assert said.headline == "1 of 3 matrices have a leading vector on a single output or input."
    assert summary(VECTORS, blocks([randn(80, 60)])).findings == ()
