"""Adapters of kohya, LyCORIS, diffusers and MLX, compared with formulas written out in NumPy."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from analysis.diagnostics import requests
from analysis.engine.comparison import compare
from analysis.errors import CheckpointError, MissingShard
from analysis.formats import open_checkpoint

M, N, R = 12, 8, 3
Q = "lora_unet_mid_0_to_q"
BASE = {
    "mid.0.to_q.weight": torch.randn(M, N), "mid.0.conv.weight": torch.randn(M, N, 3, 3),
    "mid.0.to_q.bias": torch.randn(M),
}  # fmt: skip


def randn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape) + sum(shape)))


def change(
    folder: Path, tensors: dict[str, Tensor], name: str = "mid.0.to_q.weight", metadata: dict[str, str] | None = None,
    config: dict[str, Any] | None = None, base: dict[str, Tensor] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The row of one weight, with the norm of its update beside the base's."""
    (folder / "base").mkdir()
    save_file(base or BASE, folder / "base" / "model.safetensors")
    (folder / "lora").mkdir()
    save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "lora" / "a.safetensors", metadata
    )
    if config is not None:
        (folder / "lora" / "adapter_config.json").write_text(json.dumps(config))
    checkpoints = [open_checkpoint([folder / part]) for part in ("base", "lora")]
    assert checkpoints[1].kind == "adapter"
    report = compare(checkpoints, requests({"update": {}}, 2), ["base", "lora"])
    (row,) = [row for row in report.tables[0].rows if row.weight.name == name]
    assert row.measurement.note is None, row.measurement.note
    return dict(row.measurement.values)


def size(update: Any, base: Tensor = BASE["mid.0.to_q.weight"]) -> float:
    return float(np.linalg.norm(np.asarray(update, np.float64)) / np.linalg.norm(base.double().numpy()))


A, B = randn(R, N), randn(M, R)
PRODUCT = (B @ A).numpy()
LORA: dict[str, tuple[dict[str, Tensor], float]] = {
    "kohya with alpha": ({f"{Q}.lora_down.weight": A, f"{Q}.lora_up.weight": B, f"{Q}.alpha": torch.tensor(1.5)}, 0.5),
    "kohya without": ({f"{Q}.lora_down.weight": A, f"{Q}.lora_up.weight": B}, 1.0),
    "diffusers, old": ({"unet.mid.0.to_q.lora.down.weight": A, "unet.mid.0.to_q.lora.up.weight": B}, 1.0),
    "diffusers, older": ({"mid.0.processor.to_q_lora.down.weight": A, "mid.0.processor.to_q_lora.up.weight": B}, 1.0),
    "diffusers, with alphas": (
        {"unet.mid.0.to_q.lora_A.weight": A, "unet.mid.0.to_q.lora_B.weight": B,
         "unet.mid.0.to_q.alpha": torch.tensor(6)},
        2.0,
    ),
    "ComfyUI": ({"diffusion_model.mid.0.to_q.lora_A.weight": A, "diffusion_model.mid.0.to_q.lora_B.weight": B}, 1.0),
    "a 1 × 1 convolution for a linear layer": (
        {f"{Q}.lora_down.weight": A[:, :, None, None], f"{Q}.lora_up.weight": B[:, :, None, None]}, 1.0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LORA)
def test_lora(case: str, tmp_path: Path) -> None:
    tensors, scale = LORA[case]
    row = change(tmp_path, tensors)
    assert row["relative_norm"] == pytest.approx(size(scale * PRODUCT), rel=1e-5)
    assert row["available_rank"] == R


def test_diffusers_says_alpha_in_the_file(tmp_path: Path) -> None:
    tensors = {"unet.mid.0.to_q.lora_A.weight": A, "unet.mid.0.to_q.lora_B.weight": B}
    metadata = {"lora_adapter_metadata": json.dumps({"unet.r": R, "unet.lora_alpha": 12})}
    assert change(tmp_path, tensors, metadata=metadata)["relative_norm"] == pytest.approx(size(4 * PRODUCT), rel=1e-5)


def test_mlx_says_its_scale_and_stores_the_transposes(tmp_path: Path) -> None:
    tensors = {"mid.0.to_q.lora_a": A.T, "mid.0.to_q.lora_b": B.T}
    row = change(tmp_path, tensors, config={"lora_parameters": {"rank": R, "scale": 10.0}})
    assert row["relative_norm"] == pytest.approx(size(10 * PRODUCT), rel=1e-5)


def test_lora_of_a_convolution_with_a_core(tmp_path: Path) -> None:
    name, down, mid, up = "lora_unet_mid_0_conv", randn(R, N, 1, 1), randn(R, R, 3, 3), randn(M, R, 1, 1)
    tensors = {f"{name}.lora_down.weight": down, f"{name}.lora_mid.weight": mid, f"{name}.lora_up.weight": up}
    wanted = np.einsum("or,rskl,si->oikl", up[:, :, 0, 0], mid, down[:, :, 0, 0])
    row = change(tmp_path, tensors, "mid.0.conv.weight")
    assert row["relative_norm"] == pytest.approx(size(wanted, BASE["mid.0.conv.weight"]), rel=1e-5)


def test_loha(tmp_path: Path) -> None:
    a1, b1, a2, b2 = randn(M, R), randn(R, N), randn(M, R) + 1, randn(R, N) - 1
    tensors = dict(
        zip([f"{Q}.hada_{part}" for part in ("w1_a", "w1_b", "w2_a", "w2_b")], (a1, b1, a2, b2), strict=True)
    )
    row = change(tmp_path, tensors | {f"{Q}.alpha": torch.tensor(1.0)})
    wanted = (a1.numpy() @ b1.numpy()) * (a2.numpy() @ b2.numpy()) / R
    assert row["relative_norm"] == pytest.approx(size(wanted), rel=1e-5)


@pytest.mark.parametrize("whole", [True, False])
def test_lokr(whole: bool, tmp_path: Path) -> None:
    w1, a, b = randn(3, 2), randn(4, 2), randn(2, 4)
    tensors = {"lycoris_mid_0_to_q.lokr_w1": w1, "lycoris_mid_0_to_q.alpha": torch.tensor(1.0)}
    if whole:  # nothing is a product, so that alpha scales nothing
        tensors["lycoris_mid_0_to_q.lokr_w2"] = a @ b
    else:
        tensors |= {"lycoris_mid_0_to_q.lokr_w2_a": a, "lycoris_mid_0_to_q.lokr_w2_b": b}
    row = change(tmp_path, tensors)
    wanted = np.kron(w1.numpy(), a.numpy() @ b.numpy()) * (1.0 if whole else 0.5)
    assert row["relative_norm"] == pytest.approx(size(wanted), rel=1e-5)


def test_a_whole_difference(tmp_path: Path) -> None:
    tensors = {
        f"{Q}.diff": randn(M, N),
        f"{Q}.diff_b": randn(M),
        "lora_unet_mid_0_conv.lora_down.weight": randn(R, N, 3, 3),
    }
    tensors["lora_unet_mid_0_conv.lora_up.weight"] = randn(M, R, 1, 1)
    assert change(tmp_path, tensors)["relative_norm"] == pytest.approx(size(randn(M, N)), rel=1e-5)


@pytest.mark.parametrize("by_output", [True, False])
def test_dora(by_output: bool, tmp_path: Path) -> None:
    base = BASE["mid.0.to_q.weight"].double().numpy()
    lengths = torch.rand(M if by_output else N) + 1
    tensors = {f"{Q}.lora_down.weight": A, f"{Q}.lora_up.weight": B, f"{Q}.alpha": torch.tensor(float(R))}
    tensors[f"{Q}.dora_scale"] = lengths[:, None] if by_output else lengths[None]
    tuned = base + PRODUCT
    axis = 1 if by_output else 0
    norms = np.linalg.norm(tuned, axis=axis, keepdims=True)
    scale = lengths.numpy()[:, None] if by_output else lengths.numpy()[None]
    row = change(tmp_path, tensors)
    assert row["relative_norm"] == pytest.approx(size(tuned * scale / norms - base), rel=1e-5)


def test_the_same_module_in_two_parts_of_the_base_is_not_guessed(tmp_path: Path) -> None:
    base = {
        "unet.mid.0.to_q.weight": randn(M, N),
        "other.mid.0.to_q.weight": randn(M, N),
        "mid.1.to_q.weight": randn(M, N),
    }
    tensors = {f"{Q}.lora_down.weight": A, f"{Q}.lora_up.weight": B}
    with pytest.raises(CheckpointError, match="could be any of"):
        change(tmp_path, tensors, "unet.mid.0.to_q.weight", base=base)


def test_factors_that_do_not_say_their_scale_need_their_config(tmp_path: Path) -> None:
    save_file({"layers.0.q.lora_A.weight": A, "layers.0.q.lora_B.weight": B}, tmp_path / "a.safetensors")
    with pytest.raises(MissingShard):
        open_checkpoint([tmp_path / "a.safetensors"])
