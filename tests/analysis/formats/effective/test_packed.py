"""Codes of a few bits beside scales, packed here as the tools' own code packs them, one code after the other."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.analysis.formats.effective.files import analysed, opened, skipped


def stream(codes: np.ndarray[Any, Any], bits: int) -> Tensor:
    """Rows of codes as words of 32 bits, the least significant bits first."""
    rows = []
    for row in codes.tolist():
        whole = sum(int(code) << (bits * place) for place, code in enumerate(row))
        words = -(-len(row) * bits // 32)
        rows.append([(whole >> (32 * place)) % 2**32 for place in range(words)])
    return torch.from_numpy(np.array(rows, np.uint32).view(np.int32))


def draw(outputs: int, inputs: int, groups: int, bits: int) -> tuple[Any, Any, Any]:
    """Codes (out, in), zero points and scales (out, groups)."""
    random = np.random.default_rng(bits)
    q = random.integers(0, 2**bits, (outputs, inputs))
    zeros = random.integers(1, 2**bits, (outputs, groups))
    scales = random.uniform(0.01, 0.05, (outputs, groups)).astype(np.float32)
    return q, zeros, scales


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("version", ["gptq", "gptq_v2"])
@pytest.mark.parametrize("ordered", [True, False])
def test_gptq(bits: int, version: str, ordered: bool, tmp_path: Path) -> None:
    q, zeros, scales = draw(32, 64, 4, bits)
    group = np.arange(64) // 16 if ordered else np.random.default_rng(0).permutation(np.arange(64) // 16)
    wanted = (q - zeros[:, group]) * scales[:, group]
    tensors = {
        "h.0.q.qweight": stream(q, bits).T, "h.0.q.scales": torch.from_numpy(scales.T.copy()),
        "h.0.q.qzeros": stream(zeros.T - (version == "gptq"), bits), "h.0.q.g_idx": torch.from_numpy(group).int(),
        "h.0.q.bias": torch.zeros(32),
    }  # fmt: skip
    found = opened(tmp_path, tensors, {"quantization_config": {"checkpoint_format": version}})
    assert analysed(found) == {"h.0.q.weight": (32, 64)}
    np.testing.assert_allclose(found.read("h.0.q.qweight").numpy(), wanted, rtol=1e-5, atol=1e-6)
    assert skipped(found)["h.0.q.qzeros"] == "the zero points of the quantised weight h.0.q.weight"
    step = found.step("h.0.q.qweight")
    assert step == pytest.approx(float(np.sqrt((scales.astype(float) ** 2).mean())))
    (info,) = (info for info in found.tensors if info.skip is None)
    assert info.made == f"dequantised from GPTQ: {bits} bits, groups of 16"


def test_gptq_without_an_order_of_the_inputs(tmp_path: Path) -> None:
    q, zeros, scales = draw(32, 64, 4, 4)
    tensors = {
        "q.qweight": stream(q, 4).T,
        "q.scales": torch.from_numpy(scales.T.copy()),
        "q.qzeros": stream(zeros.T - 1, 4),
    }
    group = np.arange(64) // 16
    found = opened(tmp_path, tensors)
    np.testing.assert_allclose(found.read("q.qweight"), (q - zeros[:, group]) * scales[:, group], rtol=1e-5, atol=1e-6)


def test_awq(tmp_path: Path) -> None:
    q, zeros, scales = draw(32, 64, 4, 4)
    order = [0, 2, 4, 6, 1, 3, 5, 7]

    def packed(codes: np.ndarray[Any, Any]) -> Tensor:
        """(rows, out) as WQLinear_GEMM packs them."""
        words = np.zeros((len(codes), codes.shape[1] // 8), np.uint32)
        for column in range(words.shape[1]):
            for place, offset in enumerate(order):
                words[:, column] |= codes[:, column * 8 + offset].astype(np.uint32) << np.uint32(4 * place)
        return torch.from_numpy(words.view(np.int32))

    tensors = {"q.qweight": packed(q.T), "q.qzeros": packed(zeros.T), "q.scales": torch.from_numpy(scales.T.copy())}
    found = opened(tmp_path, tensors)
    group = np.arange(64) // 16
    assert analysed(found) == {"q.weight": (32, 64)}
    np.testing.assert_allclose(found.read("q.qweight"), (q - zeros[:, group]) * scales[:, group], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
@pytest.mark.parametrize("experts", [0, 2])
def test_mlx(bits: int, experts: int, tmp_path: Path) -> None:
    q, zeros, scales = draw(32 * max(experts, 1), 64, 2, bits)
    biases = -zeros * scales
    wanted = q * np.repeat(scales, 32, 1) + np.repeat(biases, 32, 1)
    shape = (experts, 32, -1) if experts else (32, -1)
    tensors = {
        "q.weight": stream(q, bits).view(torch.uint32).reshape(shape),
        "q.scales": torch.from_numpy(scales).reshape(shape),
        "q.biases": torch.from_numpy(biases.astype(np.float32)).reshape(shape),
    }
    said = {"group_size": 64, "bits": 4, "q": {"group_size": 32, "bits": bits}}
    found = opened(tmp_path, tensors, {"quantization": said})
    np.testing.assert_allclose(found.read("q.weight").numpy(), wanted.reshape(*shape[:-1], 64), rtol=1e-4, atol=1e-5)


def test_mlx_without_its_config_is_listed(tmp_path: Path) -> None:
    q, _, scales = draw(32, 64, 2, 4)
    held = torch.from_numpy(scales)
    found = opened(tmp_path, {"q.weight": stream(q, 4).view(torch.uint32), "q.scales": held, "q.biases": held.clone()})
    assert analysed(found) == {}
    assert "give the model's config.json" in skipped(found)["q.weight"]
    assert "quantised weight" in skipped(found)["q.biases"]


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("symmetric", [True, False])
def test_compressed_tensors(bits: int, symmetric: bool, tmp_path: Path) -> None:
    q, zeros, scales = draw(32, 64, 4, bits)
    tensors = {
        "q.weight_packed": stream(q, bits), "q.weight_scale": torch.from_numpy(scales),
        "q.weight_shape": torch.tensor([32, 64]),
    }  # fmt: skip
    if not symmetric:
        tensors["q.weight_zero_point"] = stream(zeros.T, bits).T
    found = opened(
        tmp_path, tensors, {"quantization_config": {"config_groups": {"g": {"weights": {"num_bits": bits}}}}}
    )
    group = np.arange(64) // 16
    wanted = (q - (2 ** (bits - 1) if symmetric else zeros[:, group])) * scales[:, group]
    assert analysed(found) == {"q.weight": (32, 64)}
    np.testing.assert_allclose(found.read("q.weight_packed"), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("side", ["qweight", "qzeros", "scales"])
def test_parts_that_contradict_each_other_are_listed_and_never_multiplied(side: str, tmp_path: Path) -> None:
    q, zeros, scales = draw(32, 64, 4, 4)
    tensors = {
        "q.qweight": stream(q, 4).T,
        "q.scales": torch.from_numpy(scales.T.copy()),
        "q.qzeros": stream(zeros.T, 4),
    }
    tensors[f"q.{side}"] = tensors[f"q.{side}"][:, :-1]
    found = opened(tmp_path, tensors)
    assert analysed(found) == {}
    assert skipped(found)["q.qweight"] == "packed quantised weight (GPTQ or AWQ): its values need unpacking first"


def gptq(**changes: Tensor) -> dict[str, Tensor]:
    q, zeros, scales = draw(32, 64, 4, 4)
    tensors = {
        "qweight": stream(q, 4).T, "scales": torch.from_numpy(scales.T.copy()), "qzeros": stream(zeros.T - 1, 4),
        "g_idx": torch.arange(64).int() // 16,
    }  # fmt: skip
    return {f"q.{leaf}": tensor for leaf, tensor in {**tensors, **changes}.items()}


@pytest.mark.parametrize(
    "order",
    [torch.full((64,), 4), torch.full((64,), -5), torch.full((64,), 2**31 - 1), torch.zeros(63), torch.rand(64)],
)
def test_an_order_that_names_groups_which_are_not_there_is_listed(order: Tensor, tmp_path: Path) -> None:
    kind = order.dtype if order.dtype == torch.float32 and len(order) == 64 else torch.int32
    found = opened(tmp_path, gptq(g_idx=order.to(kind)))
    assert analysed(found) == {}
    assert "GPTQ or AWQ" in skipped(found)["q.qweight"]


def test_groups_that_do_not_divide_the_inputs(tmp_path: Path) -> None:
    """Three groups of 24 for 64 inputs, the last one shorter: the config says it, or else nothing does."""
    q, zeros, scales = draw(32, 64, 3, 4)
    tensors = {
        "q.qweight": stream(q, 4).T, "q.scales": torch.from_numpy(scales.T.copy()), "q.qzeros": stream(zeros.T - 1, 4)
    }  # fmt: skip
    group = np.arange(64) // 24
    wanted = (q - zeros[:, group]) * scales[:, group]
    (tmp_path / "said").mkdir()
    found = opened(tmp_path / "said", tensors, {"quantization_config": {"group_size": 24, "bits": 4}})
    np.testing.assert_allclose(found.read("q.qweight"), wanted, rtol=1e-5, atol=1e-6)
    assert analysed(opened(tmp_path, tensors)) == {}


@pytest.mark.parametrize("said", [{"bits": 3}, {"bits": 10**30}, {"bits": "four"}, {"bits": [4]}])
def test_bits_that_lie_are_listed(said: dict[str, Any], tmp_path: Path) -> None:
    found = opened(tmp_path, gptq(), {"quantization_config": said})
    assert analysed(found) == {}


@pytest.mark.parametrize("size", [10**30, -1, 0, True, "x", 63])
def test_a_group_size_that_lies_is_not_taken(size: Any, tmp_path: Path) -> None:
    """Of GPTQ the shapes say it; MLX needs it, and is listed."""
    (tmp_path / "mlx").mkdir()
    q, _, scales = draw(32, 64, 2, 4)
    held = torch.from_numpy(scales)
    tensors = {"q.weight": stream(q, 4).view(torch.uint32), "q.scales": held, "q.biases": held.clone()}
    assert analysed(opened(tmp_path / "mlx", tensors, {"quantization": {"bits": 4, "group_size": size}})) == {}
    wanted = opened(tmp_path, gptq()).read("q.qweight")
    found = opened(tmp_path, gptq(), {"quantization_config": {"group_size": size}})
    assert torch.equal(found.read("q.qweight"), wanted)


@pytest.mark.parametrize("shape", [[2**40, 64], [-32, 64], [32, 65], [32, 0]])
def test_a_shape_that_lies_is_listed(shape: list[int], tmp_path: Path) -> None:
    q, _, scales = draw(32, 64, 4, 4)
    tensors = {"q.weight_packed": stream(q, 4), "q.weight_scale": torch.from_numpy(scales),
               "q.weight_shape": torch.tensor(shape)}  # fmt: skip
    assert analysed(opened(tmp_path, tensors)) == {}
