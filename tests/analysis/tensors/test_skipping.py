"""What is no weight, each with its reason."""

from collections.abc import Mapping

import pytest

from analysis.tensors.header import Header
from analysis.tensors.matrices import describe


def reason(
    name: str, shape: tuple[int, ...], constant: str = "", beside: Mapping[str, tuple[int, ...]] = {}
) -> str | None:
    headers = {name: Header(shape, "float32", 0, constant)}
    headers |= {other: Header(size, "float32", 0) for other, size in beside.items()}
    return describe(headers)[0].skip


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("layers.0.blocks.1.attn_mask", (64, 49, 49), "a mask"),
        ("blocks.0.sa.heads.0.tril", (256, 256), "a mask"),
        ("model.rotary_emb.cos_cached", (2048, 64), "rotary"),
        ("encoder.freqs_cis", (512, 64), "rotary"),
        ("layers.0.blocks.0.attn.relative_coords_table", (15, 15), "coordinates"),
        ("frontend.mel_basis", (80, 513), "band filters"),
        ("stft.forward_basis_buffer", (258, 1, 256), "Fourier"),
        ("spectrogram_extractor.stft.conv_real.weight", (513, 1, 1024), "Fourier"),
        ("module.queue", (128, 65536), "a queue"),
        ("replay", (200, 32), "a replay buffer"),
        ("quantizer.layers.0.codebook.embed_avg", (1024, 128), "code book"),
        ("head.anchors", (9, 4), "anchors"),
        ("conv1.att_src", (1, 8, 16), "graph attention"),  # PyTorch Geometric
        ("gat_layers.0.attn_l", (1, 8, 16), "graph attention"),  # DGL
        ("encoder.layernorm.weight", (1, 264), "norm's gain"),
        ("gn.weight", (64, 1), "norm's gain"),
        ("blocks.0.gamma", (64, 1), "a gain"),
        ("cls_token", (1, 768), "a single vector"),
        ("encoder.layers.0.self_attn.pos_bias_u", (12, 64), "a bias"),
        ("stages.0.attention_biases", (4, 196), "a bias"),
        ("layers.0.blocks.0.attn.relative_position_bias_table", (169, 3), "attention biases"),
        ("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", (32, 8), "attention biases"),
    ],
)
def test_what_names_tell(name: str, shape: tuple[int, ...], words: str) -> None:
    assert words in str(reason(name, shape))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("mask_head.weight", (64, 32)),
        ("window.proj.weight", (64, 32)),
        ("queue_net.weight", (64, 32)),
        ("head.weight", (1, 64)),  # a regression's single output
        ("anchor_proj.weight", (64, 32)),
        ("ada_norm.linear.weight", (64, 32)),
        ("model.positional_embedding", (77, 512)),
    ],
)
def test_what_only_sounds_alike_is_a_weight(name: str, shape: tuple[int, ...]) -> None:
    assert reason(name, shape) is None


def test_a_gain_has_the_shape_of_its_bias() -> None:
    assert "a gain" in str(reason("affine.weight", (6, 100), beside={"affine.bias": (6, 100)}))


def test_values_tell_where_names_do_not() -> None:
    assert "causal mask" in str(reason("layers.0.x", (64, 64), "triangle"))
    assert "sines" in str(reason("layers.0.x", (64, 64), "waves"))
