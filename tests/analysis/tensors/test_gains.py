"""Gains that were lost are told beside their siblings; those that are zero by design are not."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from analysis.diagnostic import Finding, Severity
from analysis.diagnostics import requests
from analysis.engine.single import analyze
from analysis.formats import open_checkpoint
from analysis.tensors.gains import is_gain, odd_gains, ratios

BLOCKS, WIDTH = 6, 64
Tensors = dict[str, Tensor]


def said(tensors: Mapping[str, Tensor], folder: Path) -> list[Finding]:
    save_file(dict(tensors), folder / "a.safetensors")
    report = analyze(open_checkpoint([folder / "a.safetensors"]), requests({"entries": {}}))
    findings = report.summaries["entries"].findings
    return [finding for finding in findings if finding.cause is not None and finding.cause.name == "gain"]


def draw(*shape: int, middle: float = 0.0, spread: float = 0.1) -> Tensor:
    return middle + spread * torch.randn(*shape)


def decoder(middle: float) -> Tensors:
    """Blocks with two norms each, whose gains lie about a middle, and the last norm."""
    torch.manual_seed(0)
    gains = {
        f"model.layers.{at}.{name}.weight": draw(WIDTH, middle=middle)
        for at in range(BLOCKS)
        for name in ("input_layernorm", "post_attention_layernorm")
    }
    matrices = {f"model.layers.{at}.mlp.up_proj.weight": draw(WIDTH, WIDTH) for at in range(BLOCKS)}
    return gains | matrices | {"model.norm.weight": draw(WIDTH, middle=middle)}


def zero(tensors: Tensors, *endings: str) -> Tensors:
    return {name: torch.zeros_like(t) if name.endswith(endings) else t for name, t in tensors.items()}


def residual() -> Tensors:
    """ResNet with its last norms at zero, as torchvision's zero_init_residual leaves them."""
    places = [f"layer{stage}.{at}" for stage in (1, 2, 3) for at in range(2)]
    norms = {f"{place}.bn{at}.weight": torch.ones(WIDTH) for place in places for at in (1, 2, 3)}
    convolutions = {f"{place}.conv1.weight": draw(WIDTH, WIDTH, 3, 3) for place in places}
    return zero(norms, ".bn3.weight") | convolutions


def gated(name: str, *shape: int, zeros: int) -> Tensors:
    """Blocks with a gate or a modulation of that name, zero in the first blocks and not in the others."""
    gates = {f"blocks.{at}.{name}": draw(*shape) if at >= zeros else torch.zeros(*shape) for at in range(BLOCKS)}
    return gates | {f"blocks.{at}.norm1.weight": draw(WIDTH, middle=1.0) for at in range(BLOCKS)}


def test_a_lost_gain_is_told(tmp_path: Path) -> None:
    (found,) = said(zero(decoder(1.0), "3.input_layernorm.weight"), tmp_path)
    assert (found.severity, found.weights) == (Severity.WARN, ("model.layers.3.input_layernorm.weight",))


def test_a_gain_of_another_size_is_noted(tmp_path: Path) -> None:
    tensors = decoder(1.0)
    tensors["model.layers.2.post_attention_layernorm.weight"] *= 100.0
    (found,) = said(tensors, tmp_path)
    assert found.severity is Severity.NOTE
    assert "2.post_attention_layernorm.weight" in found.text
    assert found.weights == ("model.layers.2.post_attention_layernorm.weight",)


@pytest.mark.parametrize(
    "tensors",
    [
        pytest.param(decoder(1.0), id="trained"),
        pytest.param(decoder(0.0), id="1 + w, trained"),
        pytest.param(zero(decoder(0.0), "norm.weight"), id="1 + w, at its start"),
        pytest.param(zero(decoder(0.0), "input_layernorm.weight"), id="1 + w, one norm of each block frozen"),
        pytest.param(residual(), id="last norms of residual branches"),
        pytest.param(gated("ls1.gamma", WIDTH, zeros=1), id="LayerScale"),
        pytest.param(gated("layer_scale.weight", WIDTH, zeros=1), id="LayerScale as a module"),
        pytest.param(gated("adaLN_modulation.1.weight", 6 * WIDTH, WIDTH, zeros=1), id="adaLN"),
        pytest.param(gated("adaLN_modulation.1.bias", 6 * WIDTH, zeros=1), id="adaLN's bias"),
        pytest.param(gated("resweight", 1, zeros=1), id="ReZero"),
        pytest.param(gated("norm2.bias", WIDTH, zeros=1), id="a norm's bias"),
    ],
)
def test_what_is_zero_by_design_is_not_told(tensors: Tensors, tmp_path: Path) -> None:
    assert said(tensors, tmp_path) == []


@pytest.mark.parametrize("sizes", [(0.0, 1.0), (0.0, 0.0, 1.0), (0.0, 0.0, 0.0), (1.0, 15.0, 1.0), (1.0,)])
def test_few_siblings_or_many_zeros_say_nothing(sizes: tuple[float, ...]) -> None:
    assert odd_gains({f"layers.{at}.norm.weight": size for at, size in enumerate(sizes)}) == {}


def test_stages_are_siblings_and_other_norms_are_not() -> None:
    sizes = {f"layer{stage}.{at}.bn2.weight": 1.0 for stage in (1, 2) for at in (0, 1)}
    assert odd_gains(sizes | {"layer2.1.bn2.weight": 0.0}) == {"layer2.1.bn2.weight": 0.0}
    assert odd_gains(sizes | {f"layer{stage}.0.bn1.weight": 0.0 for stage in (1, 2)}) == {}


def test_names_of_gains() -> None:
    gains = ("input_layernorm.weight", "layers.0.ln_1.weight", "h.0.LayerNorm_0.scale", "attn.q_norm.weight")
    assert all(map(is_gain, gains))
    assert not any(map(is_gain, ("ln_1.bias", "up_proj.weight", "blocks.0.gamma", "layer_scale.gamma")))


def test_the_ratio_of_each_gain_to_the_nearest_of_its_siblings() -> None:
    sizes = dict(zip((f"layers.{at}.norm.weight" for at in range(4)), (1.0, 2.0, 4.0, 16.0), strict=True))
    assert list(ratios(sizes).values()) == [0.5, 1.0, 1.0, 4.0]
    assert ratios({"layers.0.norm.weight": 1.0, "layers.1.norm.weight": 2.0}) == {}
    assert odd_gains(sizes | {"layers.3.norm.weight": 81.0}) == {"layers.3.norm.weight": 81.0 / 4.0}
