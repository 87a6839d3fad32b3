"""8-bit numbers with scales, against torch's own conversions."""

from pathlib import Path

import pytest
import torch

from tests.analysis.formats.effective.files import analysed, opened, skipped


def fp8(*shape: int) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(*shape).to(torch.float8_e4m3fn)


def blocks(scale: torch.Tensor, rows: int, columns: int, shape: tuple[int, ...]) -> torch.Tensor:
    return scale.repeat_interleave(rows, -2).repeat_interleave(columns, -1)[..., : shape[-2], : shape[-1]]


@pytest.mark.parametrize(
    ("name", "shape", "scale", "rows", "columns"),
    [
        ("weight_scale_inv", (200, 300), (2, 3), 128, 128),
        ("weight_scale", (40, 30), (), 40, 30),
        ("weight_scale", (40, 30), (1,), 40, 30),
        ("weight_scale", (40, 30), (40, 1), 1, 30),
        ("weight_scale", (40, 30), (40,), 1, 30),
        ("scale_weight", (40, 30), (1,), 40, 30),
        ("scale", (256, 128), (2, 1), 128, 128),
        ("weight_scale", (8, 96), (8, 3), 1, 32),
        ("weight_scale_inv", (3, 256, 128), (3, 2, 1), 128, 128),
        ("weight_scale", (3, 20, 10), (3, 1, 1), 20, 10),
    ],
)  # fmt: skip
def test_fp8_times_its_scales(
    name: str, shape: tuple[int, ...], scale: tuple[int, ...], rows: int, columns: int, tmp_path: Path
) -> None:
    q, s = fp8(*shape), torch.rand(scale) + 0.1
    found = opened(tmp_path, {"l.0.up.weight": q, f"l.0.up.{name}": s, "l.0.up.input_scale": torch.tensor(0.5)})
    wide = s.reshape(()) if s.numel() == 1 else blocks(s[:, None] if s.ndim == 1 else s, rows, columns, shape)
    torch.testing.assert_close(found.read("l.0.up.weight"), q.float() * wide)
    assert list(analysed(found)) == ["l.0.up.weight"]
    assert skipped(found)[f"l.0.up.{name}"] == "the scales of the quantised weight l.0.up.weight"
    assert skipped(found)["l.0.up.input_scale"] == "a scale of activations, no weight"


def test_fp8_without_scales_is_what_it_says(tmp_path: Path) -> None:
    q = fp8(20, 30)
    found = opened(tmp_path, {"mlp.0.weight": q})
    assert torch.equal(found.read("mlp.0.weight"), q.float())
    assert found.step("mlp.0.weight") is None


def test_a_block_that_the_config_states(tmp_path: Path) -> None:
    q, s = fp8(96, 96), torch.rand(2, 2) + 0.1
    config = {"quantization_config": {"weight_block_size": [48, 48]}}
    found = opened(tmp_path, {"a.weight": q, "a.weight_scale_inv": s}, config)
    torch.testing.assert_close(found.read("a.weight"), q.float() * blocks(s, 48, 48, (96, 96)))


def test_scales_that_fit_no_blocks_are_listed(tmp_path: Path) -> None:
    found = opened(tmp_path, {"big.weight": fp8(256, 128), "big.scale": torch.rand(16, 32)})
    assert analysed(found) == {}
    assert skipped(found)["big.weight"] == "quantised (float8_e4m3fn): its scales, 16 × 32, fit no blocks in use"
    assert skipped(found)["big.scale"] == "the scales of the quantised weight big.weight"


def test_int8_with_zero_points(tmp_path: Path) -> None:
    q = torch.randint(-128, 128, (6, 5), dtype=torch.int8)
    s, z = torch.rand(6, 1) + 0.1, torch.randint(-3, 3, (6, 1), dtype=torch.int8)
    found = opened(tmp_path, {"a.weight": q, "a.weight_scale": s, "a.weight_zero_point": z})
    torch.testing.assert_close(found.read("a.weight"), (q.float() - z.float()) * s)
    assert found.step("a.weight") == pytest.approx(float(s.double().square().mean().sqrt()))
