"""Which law a tail follows, on spectra that follow one."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.diagnostic import Severity
from analysis.diagnostics.tail_models import TAIL_MODELS, best_law
from analysis.statistics.alternatives import LawComparison
from tests.analysis.diagnostics.battery import blocks, measured, randn, summary


def with_eigenvalues(eigenvalues: Tensor) -> Tensor:
    u, v = (torch.linalg.qr(randn(400, 400, seed=seed).double()).Q for seed in (1, 2))
    matrix: Tensor = u @ torch.diag(eigenvalues.double().sqrt()) @ v.T
    return matrix


def cut_off(rate: float) -> Tensor:
    """400 quantiles of p(x) ∝ x^-2 e^(-rate x) from 1 on: an exact tail, without the luck of a draw."""
    x = np.exp(np.linspace(0.0, 9.0, 200_001))
    shares = np.cumsum(x**-2.0 * np.exp(-rate * x) * x)
    return torch.from_numpy(np.interp((np.arange(400) + 0.5) / 400, shares / shares[-1], x))


PARETO = with_eigenvalues(((torch.arange(400) + 0.5) / 400) ** (-1.0 / 1.5))
CUT = with_eigenvalues(cut_off(0.02))


def test_a_power_law_is_one() -> None:
    values = measured(TAIL_MODELS, PARETO).values
    assert values["best"] == "power law"
    assert values["alpha"] == pytest.approx(2.5, abs=0.1)
    assert float(values["R_exponential"] or 0.0) > 0.0
    assert float(values["p_truncated"] or 0.0) > 0.1


def test_a_tail_that_is_cut_off_is_seen() -> None:
    values = measured(TAIL_MODELS, CUT).values
    assert values["best"] == "truncated power law"
    assert values["alpha_truncated"] == pytest.approx(2.0, abs=0.15)
    assert values["Lambda"] == pytest.approx(0.02, rel=0.5)
    assert float(values["alpha_truncated"] or 9.0) < float(values["alpha"] or 0.0)


def test_few_eigenvalues_decide_nothing() -> None:
    assert measured(TAIL_MODELS, randn(30, 20)).values["best"] == "undecided"
    found = measured(TAIL_MODELS, randn(30, 5))
    assert found.values["best"] is None
    assert found.note == "5 eigenvalues; a tail needs 8"


def test_the_choice() -> None:
    def found(truncated: tuple[float, float, float], exponential: tuple[float, float, float]) -> str:
        other = LawComparison(0.5, 0.6, 1.0, 0.0)
        return best_law({
            "truncated": LawComparison(*truncated, 0.0), "exponential": LawComparison(*exponential, 0.0),
            "lognormal": other,
        })  # fmt: skip

    assert found((-1.0, 0.5, -0.2), (3.0, 0.01, 9.0)) == "power law"
    assert found((-1.0, 0.5, -0.2), (3.0, 0.2, 9.0)) == "undecided"
    assert found((-2.0, 0.02, -3.0), (3.0, 0.01, 9.0)) == "truncated power law"
    assert found((-2.0, 0.02, -3.0), (-2.0, 0.05, -3.5)) == "exponential"


def test_the_bootstrap_is_an_option_and_seeded() -> None:
    assert measured(TAIL_MODELS, PARETO).values["alpha_low"] is None
    one, other = (measured(TAIL_MODELS, PARETO, bootstrap=40).values for _ in range(2))
    assert one == other
    low, high = (float(one[column] or math.nan) for column in ("alpha_low", "alpha_high"))
    assert low < 2.5 < high


def test_no_scale_decides() -> None:
    one, other = (measured(TAIL_MODELS, PARETO * scale).values for scale in (1.0, 1e-20))
    for column in ("R_truncated", "R_exponential", "R_lognormal", "p_exponential", "alpha_truncated"):
        assert one[column] == pytest.approx(other[column], rel=1e-4, abs=1e-6)
    assert one["best"] == other["best"]


def test_no_law_is_called_a_law_twice() -> None:
    meanings = {column.name: column.meaning for column in TAIL_MODELS.columns}
    assert "to the truncated power law, standardised" in meanings["R_truncated"]
    assert "to the exponential law, standardised" in meanings["R_exponential"]


def test_what_is_said_of_a_model() -> None:
    said = summary(TAIL_MODELS, blocks([PARETO, CUT, CUT * 2.0, randn(30, 20), randn(3, 4)]))
    assert said.numbers["power_law"] == 1
    assert said.numbers["undecided"] == 1
    assert said.headline == (
        "1 of 4 tails are power laws by the data; 2 follow another law better, 1 cannot be told. "
        "1 other could not be judged (3 eigenvalues; a tail needs 8)."
    )
    texts = [finding.text for finding in said.findings]
    assert texts == [
        "MLP up projection (up_proj) of blocks 1 and 2: the tails are better described as truncated power law",
        "1 of 4 tails cannot be told from other laws",
        "1 matrix has no tail to compare",
    ]
    assert said.findings[0].severity is Severity.NOTE
