"""Made-up checkpoints for the first look: a little transformer that nobody trained, and two updates of it.

The base's matrices have power-law spectra, which is what training tends to leave behind; their exponents go up with
the depth, and one matrix is hardly trained. The LoRA adapter writes new directions above the old ones in its last
blocks, so that intruder dimensions are found there (arXiv 2410.21228); the full fine-tune moves every direction a
little, so that none are. Everything comes from one seed.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from app.demo.matrices import RANK, Tensors, adapter_config, dense, heavy_tailed, lora, round_values

SEED = 0
BLOCKS, WIDTH, INNER = 6, 192, 768
VOCABULARY = 1000
SHAPES = {
    "self_attn.q_proj": (WIDTH, WIDTH),
    "self_attn.k_proj": (WIDTH, WIDTH),
    "self_attn.v_proj": (WIDTH, WIDTH),
    "self_attn.o_proj": (WIDTH, WIDTH),
    "mlp.up_proj": (INNER, WIDTH),
    "mlp.down_proj": (WIDTH, INNER),
}
EXPONENTS = (2.5, 4.5)  # alpha of the first and of the last block: well trained
HARDLY_TRAINED = ("model.layers.5.mlp.up_proj", 8.0)  # and its alpha
# The LoRA update's largest singular value in the first and in the last block, as a share of the base's.
SMALL, LARGE = 0.15, 1.6


def base() -> Tensors:
    """The model that was never trained, float32."""
    random = np.random.default_rng(SEED)
    tensors = {"model.embed_tokens.weight": round_values(random.standard_normal((VOCABULARY, WIDTH)) / 8)}
    for name, block in modules():
        first, last = EXPONENTS
        alpha = first + (last - first) * block / (BLOCKS - 1)
        if name == HARDLY_TRAINED[0]:
            alpha = HARDLY_TRAINED[1]
        rows, columns = SHAPES[name.split(".", 3)[3]]
        tensors[f"{name}.weight"] = round_values(heavy_tailed(rows, columns, alpha, random))
    tensors["model.norm.weight"] = np.ones(WIDTH, np.float32)
    return tensors


def adapter(weights: Tensors) -> Tensors:
    """The factors of a LoRA update, by PEFT's names: lora_A (r, in) and lora_B (out, r)."""
    random = np.random.default_rng(SEED + 1)
    tensors: Tensors = {}
    for name, block in modules():
        place = f"base_model.model.{name}"
        share = SMALL * (LARGE / SMALL) ** (block / (BLOCKS - 1))
        factors = lora(weights[f"{name}.weight"], share, random)
        tensors[f"{place}.lora_A.weight"], tensors[f"{place}.lora_B.weight"] = factors
    return tensors


def full(weights: Tensors, factors: Tensors) -> Tensors:
    """The same model after a dense update that goes part of the way that the adapter's goes."""
    random = np.random.default_rng(SEED + 2)
    tensors = dict(weights)
    for name, _ in modules():
        place = f"base_model.model.{name}"
        pair = factors[f"{place}.lora_A.weight"], factors[f"{place}.lora_B.weight"]
        tensors[f"{name}.weight"] = dense(weights[f"{name}.weight"], pair, random)
    return tensors


def modules() -> Iterator[tuple[str, int]]:
    """The linear layers' names, each with its block."""
    yield from ((f"model.layers.{block}.{part}", block) for block in range(BLOCKS) for part in SHAPES)


def write(folder: Path) -> dict[str, list[Path]]:
    """Writes the three checkpoints into the folder: the files of each by its name."""
    weights = base()
    factors = adapter(weights)
    for name, tensors in (
        ("base/model", weights),
        ("lora/adapter_model", factors),
        ("full/model", full(weights, factors)),
    ):
        path = folder / f"{name}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, path, {"format": "pt"})
    config = folder / "lora" / "adapter_config.json"
    parts = {part.rpartition(".")[2] for part in SHAPES}
    config.write_text(json.dumps(adapter_config("synthetic", parts), indent=1))
    return {
        "Synthetic base": [folder / "base/model.safetensors"],
        f"Synthetic LoRA r={RANK}": [folder / "lora/adapter_model.safetensors", config],
        "Synthetic full fine-tune": [folder / "full/model.safetensors"],
    }
