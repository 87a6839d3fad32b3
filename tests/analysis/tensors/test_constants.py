"""Masks, waves and filter banks against formulas; and that no weight, random, trained or smooth, is taken for one."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from analysis.tensors.constants import REASONS, constant_kind

DTYPES = {"float64": np.float64, "float32": np.float32, "float16": np.float16}


def kind(values: NDArray[np.float64] | torch.Tensor, dtype: str = "float32", layer: bool = False) -> str:
    """What the values are taken for once they are stored in that type."""
    tensor = torch.as_tensor(values).to(getattr(torch, dtype))
    if dtype == "bfloat16":
        words = tensor.contiguous().view(torch.int16).numpy()
        return constant_kind(words, dtype, from_bfloat16, layer)
    stored = tensor.numpy()
    words = stored.view(f"i{stored.itemsize}")
    return constant_kind(words, dtype, lambda w: np.ascontiguousarray(w).view(DTYPES[dtype]).astype(np.float64), layer)


def from_bfloat16(words: NDArray[np.int16]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = torch.from_numpy(words.copy()).view(torch.bfloat16).double().numpy()
    return found


def sinusoids(length: int, width: int) -> NDArray[np.float64]:
    """Vaswani et al. 2017, section 3.5, with the sines before the cosines."""
    angles = np.arange(length)[:, None] * 10_000.0 ** (-np.arange(0, width, 2) / width)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


def window_mask() -> NDArray[np.float64]:
    """Swin's: 0 and -100 in 64 windows of 49."""
    mask = np.zeros((64, 49, 49))
    mask[:, :20, 20:] = mask[:, 20:, :20] = -100.0
    return mask


def mel_bank(filters: int = 40, bins: int = 201) -> NDArray[np.float64]:
    """Triangles at equal steps of mel = 2595 log10(1 + f / 700), from 0 to 8 kHz."""
    mels = np.linspace(0, 2595 * math.log10(1 + 8000 / 700), filters + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    hertz = np.linspace(0, 8000, bins)
    rise = (hertz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - hertz) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0, np.minimum(rise, fall))


def fourier_basis(size: int = 256) -> NDArray[np.float64]:
    """A windowed basis of cosines over sines, as a convolution's kernel: (2 · 129, 1, 256)."""
    turns = 2 * np.pi * np.outer(np.arange(size // 2 + 1), np.arange(size)) / size
    return (np.concatenate([np.cos(turns), -np.sin(turns)]) * np.hanning(size))[:, None]


TRIANGLES = [torch.tril(torch.ones(64, 64)), torch.triu(torch.full((1, 1, 32, 32), -math.inf), 1)]


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_masks(dtype: str) -> None:
    assert [kind(mask, dtype) for mask in TRIANGLES] == ["triangle", "triangle"]
    assert kind(window_mask(), dtype) == "mask"
    assert kind(torch.tril(torch.ones(64, 64)), dtype, layer=True) == "triangle"


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("start", [0, 1, 2])
def test_sinusoidal_positions(dtype: str, start: int) -> None:
    table = sinusoids(512, 384)[start:]
    assert kind(table, dtype) == "waves"
    assert kind(table[:, None], dtype) == "waves"  # (length, 1, width) of the PyTorch tutorial
    assert kind(table[:, :192], dtype) == "waves"  # one half: a rotary cache


def test_a_grid_of_positions_with_a_class_token() -> None:
    """ViT-MAE: a quarter each of sines and cosines of either coordinate on 14 × 14, after a row of zeros."""
    rows, columns = (part.ravel() for part in np.mgrid[:14, :14])
    table = sinusoids(14, 192)
    grid = np.concatenate([np.zeros((1, 384)), np.concatenate([table[columns], table[rows]], axis=1)])
    assert kind(grid) == "waves"


def test_fourier_bases_and_filter_banks() -> None:
    assert kind(fourier_basis()) == "waves"
    assert kind(mel_bank()) == "filters"
    assert kind(mel_bank().T) == "filters"


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("scale", [1.0, 0.02])
def test_weights_are_weights(dtype: str, scale: float) -> None:
    noise = torch.randn(300, 200, generator=torch.Generator().manual_seed(0)) * scale
    smooth = torch.cumsum(noise, 0) / 17  # positions that a training learned: neighbours are alike
    low = noise[:, :2] @ noise[:2] / scale
    uniform = torch.rand(64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    for weight in (noise, smooth, smooth + 0.01 * noise, low, noise.clamp(min=0), uniform, noise.sign() * scale):
        assert kind(weight, dtype) == ""


@pytest.mark.parametrize("share", [0.5, 0.8, 0.9, 0.97])
def test_pruned_weights_are_weights(share: float) -> None:
    """Zeros obey the recurrence of any wave."""
    weight = torch.randn(256, 256, generator=torch.Generator().manual_seed(0)) * 0.04
    bound = weight.abs().flatten().kthvalue(int(share * weight.numel())).values
    assert kind(weight * (weight.abs() > bound)) == ""


def test_smooth_positions_stay_a_weight() -> None:
    """Polynomials and slow waves along the rows, as learned tables of positions look, with some noise."""
    generator = torch.Generator().manual_seed(0)
    steps = torch.linspace(-1, 1, 256)[:, None]
    smooth = torch.cat([steps**power for power in range(1, 33)], dim=1) @ torch.randn(32, 64, generator=generator) / 20
    for dtype in ("float32", "bfloat16"):
        assert kind(smooth + 1e-3 * torch.randn(256, 64, generator=generator), dtype) == ""


def test_what_is_too_small_constant_or_zero_is_left_alone() -> None:
    for values in (torch.eye(3), torch.zeros(64, 64), torch.ones(64, 64), torch.full((64, 64), 0.3), torch.ones(64)):
        assert kind(values) == ""


@pytest.mark.parametrize("values", [np.eye(16), -0.5 * np.eye(8, 20), 3.0 * np.eye(20, 8)])
def test_multiples_of_the_identity(values: NDArray[np.float64]) -> None:
    assert kind(values, "float32") == "identity"
    assert kind(np.roll(values, 1, axis=0), "float32") == "mask"


def test_every_kind_has_its_reason() -> None:
    assert set(REASONS) == {"identity", "mask", "triangle", "waves", "filters"}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_zeros_of_both_signs_are_not_a_mask(dtype: str) -> None:
    """A pruned or zeroed layer: W * 0 has zeros with the signs of W."""
    zeros = torch.randn(64, 48, generator=torch.Generator().manual_seed(0)) * 0
    assert kind(zeros, dtype) == ""
    assert kind(torch.where(zeros.signbit(), zeros, torch.ones(64, 48)), dtype) == "mask"
