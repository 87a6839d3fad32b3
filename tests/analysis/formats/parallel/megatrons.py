"""Small models of Megatron-core, divided among ranks as its layers are (tools/checkpoint/loader_base.py)."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

WIDTH, HEADS, GROUPS, SIZE, INNER, WORDS = 16, 8, 4, 4, 24, 32
LAYER = "decoder.layers.0."


def arguments(ranks: int, **other: Any) -> Namespace:
    told: dict[str, Any] = {
        "tensor_model_parallel_size": ranks, "pipeline_model_parallel_size": 1, "expert_model_parallel_size": 1,
        "num_layers": 1, "hidden_size": WIDTH, "num_attention_heads": HEADS, "group_query_attention": True,
        "num_query_groups": GROUPS, "kv_channels": SIZE, "ffn_hidden_size": INNER, "swiglu": True,
    }  # fmt: skip
    return Namespace(**{**told, **other})


def model(gated: bool = True) -> dict[str, Tensor]:
    torch.manual_seed(0)
    rows, inner = (HEADS + 2 * GROUPS) * SIZE, INNER * (1 + gated)
    return {
        "embedding.word_embeddings.weight": torch.randn(WORDS, WIDTH),
        "embedding.position_embeddings.weight": torch.randn(8, WIDTH),
        f"{LAYER}self_attention.linear_qkv.layer_norm_weight": torch.randn(WIDTH),
        f"{LAYER}self_attention.linear_qkv.weight": torch.randn(rows, WIDTH),
        f"{LAYER}self_attention.linear_qkv.bias": torch.randn(rows),
        f"{LAYER}self_attention.linear_proj.weight": torch.randn(WIDTH, HEADS * SIZE),
        f"{LAYER}self_attention.linear_proj.bias": torch.randn(WIDTH),
        f"{LAYER}mlp.linear_fc1.weight": torch.randn(inner, WIDTH),
        f"{LAYER}mlp.linear_fc1.bias": torch.randn(inner),
        f"{LAYER}mlp.linear_fc2.weight": torch.randn(WIDTH, INNER),
        "decoder.final_layernorm.weight": torch.randn(WIDTH),
        "output_layer.weight": torch.randn(WORDS, WIDTH),
    }


def part(name: str, tensor: Tensor, rank: int, ranks: int, gated: bool) -> Tensor:
    layer, leaf = name.split(".")[-2:]
    if layer == "linear_fc1" and gated:
        return torch.cat([half.chunk(ranks)[rank] for half in tensor.chunk(2)])
    if layer in ("word_embeddings", "output_layer", "linear_qkv", "linear_fc1") and leaf in ("weight", "bias"):
        return tensor.chunk(ranks)[rank]
    if layer in ("linear_proj", "linear_fc2") and leaf == "weight":
        return tensor.chunk(ranks, 1)[rank]
    return tensor


def roots(whole: dict[str, Tensor], ranks: int, args: Namespace | None, gated: bool = True) -> list[dict[str, Any]]:
    """What the file of each rank holds."""
    found = []
    for rank in range(ranks):
        weights = {name: part(name, tensor, rank, ranks, gated).clone() for name, tensor in whole.items()}
        root = {"args": args, "checkpoint_version": 3.0, "iteration": 100, "model": weights}
        optimizer = {"optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": []}}
        found.append({**root, "optimizer": optimizer, "rng_state": [{"torch_rng_state": torch.zeros(4)}]})
    return found


def write(files: list[dict[str, Any]], folder: Path, ending: str = "") -> list[Path]:
    paths = []
    for rank, root in enumerate(files):
        inner = folder / f"mp_rank_{rank:02}{ending}"
        inner.mkdir()
        torch.save(root, inner / "model_optim_rng.pt")
        paths.append(inner / "model_optim_rng.pt")
    return paths
