"""Norms and ranks against closed forms and numpy."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from analysis.diagnostic import Measurement, Request, Row, Scalar, Severity, Table, measure
from analysis.diagnostics.norms import NORMS
from analysis.weight import Weight, WeightInfo


def info(slices: Tensor, role: str = "up") -> WeightInfo:
    count, rows, columns = slices.shape
    return WeightInfo("w", "w", rows, columns, count, role, 0)


def measured(slices: Tensor, role: str = "up", **options: Scalar) -> Measurement:
    return measure(Request(NORMS, NORMS.settings(options)), (Weight(info(slices, role), slices),))


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_diagonal_matrix_by_hand() -> None:
    """σ = 4, 2, 2, so λ = 16, 4, 4."""
    values = measured(torch.diag(torch.tensor([2.0, 4.0, 2.0]))[None]).values
    share, flat = np.array([16, 4, 4]) / 24, np.array([4, 2, 2]) / 8
    expected = {
        "norm": 24.0, "log_norm": math.log10(24.0), "spectral_norm": 16.0, "log_spectral_norm": math.log10(16.0),
        "sv_max": 4.0, "sv_min": 2.0, "stable_rank": 1.5, "participation_ratio": 24.0**2 / (256 + 16 + 16),
        "erank_lam": math.exp(-np.sum(share * np.log(share))), "erank_s": math.exp(-np.sum(flat * np.log(flat))),
        "matrix_rank": 3, "rank_loss": 0, "weak_rank_loss": 0, "rank_90": 3, "rank_99": 3,
        "nuclear_norm": 8.0, "num_evals": 3,
    }  # fmt: skip
    assert {name: values[name] for name in expected} == pytest.approx(expected, rel=1e-13)
    assert values["entropy"] == pytest.approx(-np.sum(share * np.log(share)) / math.log(3), abs=1e-8)


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(1, 30), columns=st.integers(1, 30), rank=st.integers(1, 30), seed=st.integers(0, 10**6))
def test_equal_to_numpy_and_in_order(rows: int, columns: int, rank: int, seed: int) -> None:
    matrix = randn(rows, rank, seed=seed) @ randn(rank, columns, seed=seed + 1)
    values = {name: value for name, value in measured(matrix[None]).values.items() if isinstance(value, int | float)}
    array = matrix.numpy()
    assert values["norm"] == pytest.approx(np.linalg.norm(array) ** 2, rel=1e-12)
    assert values["spectral_norm"] == pytest.approx(np.linalg.norm(array, 2) ** 2, rel=1e-9)
    assert values["nuclear_norm"] == pytest.approx(np.linalg.norm(array, "nuc"), rel=1e-6)
    assert values["matrix_rank"] == np.linalg.matrix_rank(array) == min(rows, columns, rank)
    assert values["rank_loss"] == min(rows, columns) - values["matrix_rank"]
    chain = ["stable_rank", "participation_ratio", "erank_lam", "erank_s", "num_evals"]
    ordered = [1.0, *(values[name] for name in chain)]
    assert all(low <= high * (1 + 1e-9) for low, high in pairwise(ordered))


def test_a_zero_matrix_has_norms_but_no_logarithms() -> None:
    found = measured(torch.zeros(1, 5, 4))
    assert found.note == "the matrix is zero"
    zero = {"norm": 0.0, "spectral_norm": 0.0, "sv_max": 0.0, "sv_min": 0.0, "nuclear_norm": 0.0, "matrix_rank": 0}
    assert {name: found.values[name] for name in zero} == zero
    none = ("log_norm", "log_spectral_norm", "stable_rank", "erank_s", "participation_ratio", "entropy", "rank_90")
    assert {found.values[name] for name in none} == {None}
    assert found.values["rank_loss"] == 4


def test_entropy_of_rank_one_is_none() -> None:
    assert measured(torch.ones(1, 5, 4)).values["entropy"] is None


def test_the_rank_of_a_convolution_is_that_of_its_slices() -> None:
    slices = torch.stack([randn(6, 4), 1e-9 * randn(6, 4, seed=1), torch.zeros(6, 4)])
    values = measured(slices, "conv").values
    assert (values["matrix_rank"], values["rank_loss"], values["num_evals"]) == (8, 4, 12)


def test_conv_norm_scales_what_has_a_scale() -> None:
    slices = randn(9, 6, 4)
    one, half = measured(slices, "conv").values, measured(slices, "conv", conv_norm=0.25).values
    for name, factor in {
        "norm": 0.25,
        "spectral_norm": 0.25,
        "sv_max": 0.5,
        "sv_min": 0.5,
        "nuclear_norm": 0.5,
    }.items():
        assert half[name] == pytest.approx(float(one[name] or 0) * factor, rel=1e-13), name
    for name in ("stable_rank", "erank_s", "matrix_rank", "entropy"):
        assert half[name] == pytest.approx(one[name], rel=1e-13), name


def table(**matrices: Tensor) -> Table:
    rows = []
    for name, matrix in matrices.items():
        weight = replace(info(matrix[None], "other"), name=f"{name}.weight", depth=None)
        found = measure(Request(NORMS, NORMS.settings({})), (Weight(weight, matrix[None]),))
        rows.append(Row(weight, (0,), found))
    return Table(NORMS, tuple(rows))


def test_findings_name_what_is_dead() -> None:
    bad = randn(5, 5)
    bad[0, 0] = math.nan
    summary = NORMS.summarise(table(good=randn(5, 5), zero=torch.zeros(5, 5), low=randn(5, 2) @ randn(2, 5), nan=bad))
    assert [(finding.severity, finding.weights) for finding in summary.findings] == [
        (Severity.BAD, ("zero.weight",)),
        (Severity.BAD, ("nan.weight",)),
        (Severity.NOTE, ("low.weight",)),
    ]
    assert "2 of 5 directions" in summary.findings[2].why
    assert summary.headline.startswith("3 matrices measured. 2 of them lose rank.")
    assert summary.numbers["rank_deficient"] == 2


def test_a_sound_model_has_no_finding() -> None:
    summary = NORMS.summarise(table(good=randn(5, 5)))
    assert summary.findings == ()
    assert summary.headline.startswith("1 matrix measured. It has full rank in float64. Its stable rank is ")


def test_the_headline_holds_with_ties() -> None:
    headline = NORMS.summarise(table(one=torch.eye(5), other=torch.eye(5))).headline
    assert headline.endswith("At least half have a stable rank of 5.0 or more.")
