"""Small Llamas as Meta saves them, cut as fairscale's layers are (llama-models, models/checkpoint.py)."""

import json
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

WIDTH, HEADS, KEYS, SIZE, INNER, WORDS = 32, 8, 4, 4, 48, 40
ROWS = ("wq", "wk", "wv", "w1", "w3", "output")
COLUMNS = ("wo", "w2")
PARAMS = {"dim": WIDTH, "n_heads": HEADS, "n_kv_heads": KEYS, "n_layers": 2, "vocab_size": -1}


def llama(layers: int = 2, size: int = SIZE) -> dict[str, Tensor]:
    """All weights, whole, in bfloat16."""
    torch.manual_seed(0)
    found = {"tok_embeddings.weight": torch.randn(WORDS, WIDTH), "output.weight": torch.randn(WORDS, WIDTH)}
    found |= {"norm.weight": torch.randn(WIDTH), "rope.freqs": torch.randn(SIZE // 2)}
    for layer in range(layers):
        shapes = {
            "attention.wq": (HEADS * size, WIDTH), "attention.wk": (KEYS * size, WIDTH),
            "attention.wv": (KEYS * size, WIDTH), "attention.wo": (WIDTH, HEADS * size),
            "feed_forward.w1": (INNER, WIDTH), "feed_forward.w2": (WIDTH, INNER), "feed_forward.w3": (INNER, WIDTH),
            "attention_norm": (WIDTH,), "ffn_norm": (WIDTH,),
        }  # fmt: skip
        found |= {f"layers.{layer}.{name}.weight": torch.randn(shape) for name, shape in shapes.items()}
    return {name: tensor.bfloat16() for name, tensor in found.items()}


def cut(whole: dict[str, Tensor], count: int, embedding: int = 1, key_heads: int = KEYS) -> list[dict[str, Tensor]]:
    """The parts: keys and values are repeated where there are more parts than heads of them."""
    return [
        {name: _part(name, tensor, place, count, embedding, key_heads).clone() for name, tensor in whole.items()}
        for place in range(count)
    ]


def _part(name: str, tensor: Tensor, place: int, count: int, embedding: int, key_heads: int) -> Tensor:
    layer = name.split(".")[-2]
    if layer == "tok_embeddings":
        return tensor.chunk(count, embedding)[place]
    if layer in ("wk", "wv") and count > key_heads:
        return tensor.chunk(key_heads)[place * key_heads // count]
    if layer in ROWS:
        return tensor.chunk(count)[place]
    return tensor.chunk(count, 1)[place] if layer in COLUMNS else tensor


def write(parts: list[dict[str, Tensor]], folder: Path, params: dict[str, int] | None = PARAMS) -> list[Path]:
    paths = [folder / f"consolidated.{place:02}.pth" for place in range(len(parts))]
    for path, part in zip(paths, parts, strict=True):
        torch.save(part, path)
    if params is not None:
        (folder / "params.json").write_text(json.dumps(params))
    return paths


def write_safetensors(parts: list[dict[str, Tensor]], folder: Path) -> None:
    for place, part in enumerate(parts):
        safetensors.torch.save_file(part, folder / f"consolidated.{place:02}.safetensors")
