"""Grids that quantisers leave are found with their unit and steps, and trained or random values lie on none."""

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.diagnostics.entries import grid
from analysis.diagnostics.entries.grid import Grid
from analysis.diagnostics.entries.precision import ROUNDOFF, stored_type
from analysis.diagnostics.entries.samples import Lines
from tests.analysis.diagnostics.battery import randn

FLOAT32 = ROUNDOFF["float32"]


def symmetric(values: Tensor, steps: int, dim: int | None) -> Tensor:
    scale = (values.abs().max() if dim is None else values.abs().amax(dim, keepdim=True)) / steps
    return (values / scale).round() * scale


def by_groups(values: Tensor, size: int, steps: int) -> Tensor:
    groups = values.reshape(-1, size)
    low, high = groups.amin(1, keepdim=True), groups.amax(1, keepdim=True)
    step = (high - low) / steps
    return (((groups - low) / step).round() * step + low).reshape(values.shape)


@pytest.mark.parametrize(
    ("made", "of", "steps"),
    [
        (symmetric(randn(48, 200), 127, None), "tensor", 254),
        (symmetric(randn(48, 200), 127, 1), "row", 254),
        (symmetric(randn(200, 48), 127, 0), "column", 254),
        (symmetric(randn(48, 200), 7, 1), "row", 14),
        (by_groups(randn(48, 256), 128, 15), "group of 128", 15),
        (by_groups(randn(48, 256), 64, 15), "group of 64", 15),
        (by_groups(randn(48, 256), 32, 15), "group of 32", 15),
        (randn(64, 64).sign(), "tensor", 1),
    ],
)
def test_even_grids(made: Tensor, of: str, steps: int) -> None:
    found = grid.grid(made, FLOAT32)
    assert found is not None
    assert found.of == of
    assert 0.9 * steps <= found.steps <= steps  # what is looked at need not hold both ends
    assert found.bits == {1: 1, 14: 4, 15: 4, 254: 8}[steps]


def test_a_codebook_that_is_not_even() -> None:
    codes = torch.erfinv(torch.linspace(-0.9, 0.9, 16))  # quantiles of a normal law, as in NF4
    codes = codes / codes.abs().max()
    groups = randn(48, 256).reshape(-1, 64)
    size = groups.abs().amax(1, keepdim=True)
    made = codes[((groups / size)[..., None] - codes).abs().argmin(-1)] * size
    found = grid.grid(made.reshape(48, 256), FLOAT32)
    assert found is not None
    assert found.of == "group of 64"
    assert found.bits == 4


def test_blocks_that_reach_past_the_ends_of_rows() -> None:
    """Neighbours in the order of the file share a scale, whatever the width: 288 is four and a half blocks of 64."""
    made = by_groups(randn(64, 288), 64, 15)
    found = grid.grid(made, FLOAT32)
    assert found is not None
    assert (found.of, found.steps) == ("group of 64", 15)


def test_a_coarse_grid_that_was_rounded_to_halves() -> None:
    made = symmetric(randn(48, 256), 7, 1).bfloat16()
    found = grid.grid(made, ROUNDOFF["bfloat16"])
    assert found is not None
    assert found.bits == 4


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_pruned_values_lie_on_no_grid(seed: int, share: float) -> None:
    values = randn(64, 288, seed=seed)
    bound = values.abs().flatten().kthvalue(int(share * values.numel())).values
    for kind in ("float32", "bfloat16", "float16"):
        stored = (values * (values.abs() > bound)).to(getattr(torch, kind))
        assert grid.grid(stored, ROUNDOFF[kind]) is None


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", [(48, 200), (16, 32), (300, 20), (8, 1000)])
def test_values_of_chance_lie_on_no_grid(shape: tuple[int, int], seed: int) -> None:
    values = randn(*shape, seed=seed)
    for given, kind in ((values, "float32"), (values.bfloat16(), "bfloat16"), (values.half(), "float16")):
        assert grid.grid(given, ROUNDOFF[kind]) is None
    assert grid.grid(values * (values.abs() > 1.0), FLOAT32) is None  # pruned


def test_steps_need_enough_values() -> None:
    assert grid.steps(np.array([0.0, 1.0, 2.0]), FLOAT32) is None
    assert grid.steps(np.full(40, 3.0), FLOAT32) is None
    assert grid.steps(np.tile([0.0, 1.0, 3.0], 20), FLOAT32) == 3
    assert Grid("row", 255).bits == 8


def test_floats_of_eight_bits_show_in_few_entries() -> None:
    values = randn(40, 64)
    scaled = (values / values.abs().max() * 448.0).to(torch.float8_e4m3fn).float() / 448.0
    for made in (0.3 * scaled, values.to(torch.float8_e5m2).float()):
        found = grid.grid(made, ROUNDOFF[stored_type(made[None])])
        assert found is not None
        assert found.of == "tensor"
        assert found.bits in (7, 8)


def test_floats_of_four_bits_are_four_bits_and_not_pruned() -> None:
    """Their groups' scales are powers of two, so that the whole tensor has few values as well."""
    codes = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0])
    groups = (randn(64, 96) * torch.linspace(0.1, 2.0, 64)[:, None]).reshape(-1, 32)
    size = torch.exp2(torch.floor(torch.log2(groups.abs().amax(1, keepdim=True))) - 2.0)
    made = (codes[((groups / size).abs()[..., None] - codes).abs().argmin(-1)] * groups.sign() * size).reshape(64, 96)
    found = grid.grid(made, ROUNDOFF[stored_type(made[None])])
    assert found is not None
    assert found.of.startswith("group")
    assert found.bits == 4
    assert not found.is_even  # and so nothing is said of its zeros


def test_whole_numbers_are_codes_though_halves_hold_them() -> None:
    codes = (randn(64, 64) / 3.5 * 127.0).round().clamp(-127, 127)
    assert stored_type(codes[None]) == "bfloat16"
    found = grid.grid(codes, ROUNDOFF["bfloat16"])
    assert found is not None
    assert (found.of, found.bits) == ("tensor", 8)


def test_most_lines_on_a_grid_are_enough_and_nine_tenths_are_needed() -> None:
    """Where the lines that lie on none stand last, first, or among the others."""
    on, off = symmetric(randn(200, 64), 7, 1).numpy(), randn(200, 64, seed=1).numpy()
    for misses, found in ((18, 14), (25, None)):
        for places in (slice(0, misses), slice(200 - misses, 200), slice(0, 200, 200 // misses)):
            lines = on.copy()
            lines[places] = off[places]
            assert grid.even(Lines(lines), FLOAT32) == found
    assert grid.even(Lines(np.zeros((30, 64), np.float32)), FLOAT32) is None  # none of them varies
