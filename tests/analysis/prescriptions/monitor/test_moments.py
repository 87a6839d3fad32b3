"""Moments of an optimizer: ranks of momentum and update, and no number that means a weight."""

from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.formats.pytorch.optimizer import read_optimizer
from analysis.prescriptions.monitor.moments import measure_moment, read_moments


def state_of(**moments: torch.Tensor) -> dict[str, object]:
    flat = {name: torch.ones(5) for name in moments}
    return {"state": {0: {"step": torch.tensor(3.0), **moments}, 1: flat}, "param_groups": [{"params": [0, 1]}]}


def test_adam_has_a_momentum_and_an_update(tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(0)
    momentum = torch.randn(20, 2, generator=random) @ torch.randn(2, 30, generator=random)
    square = torch.rand(20, 30, generator=random)
    torch.save(state_of(exp_avg=momentum, exp_avg_sq=square), tmp_path / "optimizer.pt")
    found = list(read_moments(read_optimizer(tmp_path / "optimizer.pt"), {}))
    assert [(one.parameter, one.what) for one in found] == [("parameter 0", "exp_avg"), ("parameter 0", "update")]
    assert found[0].metrics["energy_rank"] <= 2
    assert found[1].metrics == pytest.approx(
        measure_moment((momentum / (square.sqrt() + 1e-8)).double().numpy()), rel=1e-5
    )


def test_sgd_has_a_momentum_only_and_names_are_used(tmp_path: Path) -> None:
    torch.save(state_of(momentum_buffer=torch.randn(6, 5)), tmp_path / "optimizer.pt")
    (found,) = read_moments(read_optimizer(tmp_path / "optimizer.pt"), {0: "w.weight"})
    assert (found.parameter, found.what) == ("w.weight", "momentum_buffer")


def test_closed_forms() -> None:
    one = measure_moment(np.outer(np.ones(10), np.ones(8)))
    assert (one["stable_rank"], one["energy_rank"]) == pytest.approx((1.0, 1.0))
    assert measure_moment(np.eye(10))["stable_rank"] == pytest.approx(10.0)
    assert measure_moment(np.eye(10))["energy_rank_share"] == pytest.approx(0.9)
    assert measure_moment(np.zeros((3, 2))) == {"norm": 0.0}
    assert measure_moment(np.full((3, 2), np.nan)) == {}
    random = np.random.default_rng(0).normal(size=(60, 50))
    assert measure_moment(random)["alpha_hill_median"] > 1.0
    assert "alpha_hill_median" not in measure_moment(np.random.default_rng(0).normal(size=(5, 5)))
