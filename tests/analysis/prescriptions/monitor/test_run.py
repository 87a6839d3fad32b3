"""The checkpoints of a run: their sizes, the steps between them, and neighbours that are one file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.errors import WrongBase
from analysis.prescriptions.monitor.run import follow, repeated_checkpoints
from tests.analysis.prescriptions.golden import llama, members, save

UP = "model.layers.1.mlp.up_proj.weight"


def moved(base: dict[str, Tensor], times: float, seed: int = 1) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(seed)
    steps = {name: torch.randn(tensor.shape, generator=random) for name, tensor in base.items()}
    return {name: tensor + times * 0.01 * steps[name] if tensor.ndim > 1 else tensor for name, tensor in base.items()}


def paths(tmp_path: Path, *models: dict[str, Tensor]) -> list[Path]:
    return [save(model, tmp_path / f"step{at}.safetensors") for at, model in enumerate(models)]


def test_a_straight_run(tmp_path: Path) -> None:
    given = members(*paths(tmp_path, *(moved(llama(), float(at)) for at in range(4))))
    run = follow(given)
    assert len(run.tracks) == 23
    (track,) = [track for track in run.tracks if track.info.name == UP]
    assert "step_ratio" not in track.metrics[0]
    assert "cosine_with_step_before" not in track.metrics[1]
    assert track.metrics[3]["cosine_with_step_before"] == pytest.approx(1.0, abs=1e-3)
    step = moved(llama(), 1.0)[UP].double().numpy() - llama()[UP].double().numpy()
    expected = np.linalg.norm(step, 2) * np.sqrt(step.shape[1] / step.shape[0])
    assert track.metrics[1]["step_operator_norm"] == pytest.approx(expected, rel=1e-5)
    assert repeated_checkpoints(given, run) == []


def test_a_repeated_checkpoint_is_named(tmp_path: Path) -> None:
    given = members(*paths(tmp_path, llama(), moved(llama(), 1.0), moved(llama(), 1.0)))
    assert repeated_checkpoints(given, follow(given)) == [("step1", "step2")]
    changed = moved(llama(), 1.0) | {"model.layers.0.input_layernorm.weight": torch.full((64,), 2.0)}
    given = members(*paths(tmp_path, llama(), moved(llama(), 1.0), changed))
    assert repeated_checkpoints(given, follow(given)) == []


def test_gradients_have_no_steps(tmp_path: Path) -> None:
    run = follow(members(*paths(tmp_path, moved(llama(), 1.0), moved(llama(), 2.0))), gradients=True)
    assert all(set(track.metrics[1]) == set(track.metrics[0]) for track in run.tracks)
    assert all(track.initial == (None, None) for track in run.tracks)


def test_nan_is_left_out_and_named(tmp_path: Path) -> None:
    broken = llama() | {UP: torch.full(llama()[UP].shape, torch.nan)}
    run = follow(members(*paths(tmp_path, llama(), broken)))
    assert run.left == [f"{UP}: step1: 6,144 of 6,144 values are NaN or infinite"]
    assert len(run.tracks) == 22
    (alone,) = paths(tmp_path, broken)
    assert follow(members(alone)).left == [f"{UP}: 6144 of 6144 values are NaN or infinite"]


def test_models_of_no_common_tensor_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongBase):
        follow(members(*paths(tmp_path, {"a.weight": torch.ones(4, 3)}, {"a.weight": torch.ones(9, 2)})))
