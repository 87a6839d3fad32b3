"""Made-up checkpoints for the dashboard's first look: a little transformer that nobody trained, and two updates of it.

The base's matrices have power-law spectra, which is what training tends to leave behind; their exponents go up with
the depth, and one matrix is hardly trained. The LoRA adapter writes new directions above the old ones in its last
blocks, so that intruder dimensions are found there (arXiv 2410.21228); the full fine-tune moves every direction a
little, so that none are. Everything comes from one seed.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

SEED = 0
BLOCKS, WIDTH, INNER = 6, 192, 768
RANK, ALPHA = 8, 16
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
# The full update's noise as a share of the same, and its step along LoRA's direction as a multiple of the noise.
DENSE, FOLLOWED = 0.02, 2.0
GRID = 2.0**-16  # values are rounded to it: the last bits of a decomposition differ between machines, files must not

Tensors = dict[str, Tensor]


def base() -> Tensors:
    """The model that was never trained, float32."""
    random = torch.Generator().manual_seed(SEED)
    tensors = {"model.embed_tokens.weight": round_tensor(torch.randn(VOCABULARY, WIDTH, generator=random) / 8)}
    for name, block in modules():
        first, last = EXPONENTS
        alpha = first + (last - first) * block / (BLOCKS - 1)
        if name == HARDLY_TRAINED[0]:
            alpha = HARDLY_TRAINED[1]
        rows, columns = SHAPES[name.split(".", 3)[3]]
        tensors[f"{name}.weight"] = round_tensor(heavy_tailed(rows, columns, alpha, random))
    tensors["model.norm.weight"] = torch.ones(WIDTH)
    return tensors


def adapter(weights: Tensors) -> Tensors:
    """The factors of a LoRA update, by PEFT's names: lora_A (r, in) and lora_B (out, r)."""
    random = torch.Generator().manual_seed(SEED + 1)
    tensors = {}
    for name, block in modules():
        weight = weights[f"{name}.weight"]
        share = SMALL * (LARGE / SMALL) ** (block / (BLOCKS - 1))
        sizes = share * torch.linalg.matrix_norm(weight.double(), 2) * 0.5 ** torch.arange(RANK)
        left, right = basis(weight.shape[0], RANK, random), basis(weight.shape[1], RANK, random)
        root = (sizes * RANK / ALPHA).sqrt()
        tensors[f"base_model.model.{name}.lora_A.weight"] = round_tensor((right * root).T)
        tensors[f"base_model.model.{name}.lora_B.weight"] = round_tensor(left * root)
    return tensors


def full(weights: Tensors, factors: Tensors) -> Tensors:
    """The same model after a dense update that goes part of the way that the adapter's goes."""
    random = torch.Generator().manual_seed(SEED + 2)
    tensors = dict(weights)
    for name, _ in modules():
        weight = weights[f"{name}.weight"].double()
        largest = torch.linalg.matrix_norm(weight, 2)
        place = f"base_model.model.{name}"
        direction = factors[f"{place}.lora_B.weight"].double() @ factors[f"{place}.lora_A.weight"].double()
        direction = direction / torch.linalg.matrix_norm(direction, 2)
        noise = torch.randn(weight.shape, generator=random, dtype=torch.float64)
        noise = noise / (math.sqrt(weight.shape[0]) + math.sqrt(weight.shape[1]))  # its largest singular value: about 1
        tensors[f"{name}.weight"] = round_tensor(weight + DENSE * largest * (noise + FOLLOWED * direction))
    return tensors


def modules() -> Iterator[tuple[str, int]]:
    """The linear layers' names, each with its block."""
    yield from ((f"model.layers.{block}.{part}", block) for block in range(BLOCKS) for part in SHAPES)


def heavy_tailed(rows: int, columns: int, alpha: float, random: torch.Generator) -> Tensor:
    """A matrix whose eigenvalues λ = σ² are the quantiles of a power law with density λ^-alpha, jittered."""
    side = min(rows, columns)
    place = (torch.arange(side, dtype=torch.float64) + torch.rand(side, generator=random, dtype=torch.float64)) / side
    values = place.clamp(min=0.5 / side) ** (-0.5 / (alpha - 1))
    spectrum = values / math.sqrt(rows)
    return (basis(rows, side, random) * spectrum) @ basis(columns, side, random).T


def basis(size: int, count: int, random: torch.Generator) -> Tensor:
    """Orthonormal columns in no particular direction, (size, count)."""
    tensor: Tensor = torch.linalg.qr(torch.randn(size, count, generator=random, dtype=torch.float64)).Q
    return tensor


def round_tensor(tensor: Tensor) -> Tensor:
    return ((tensor.double() / GRID).round() * GRID).float().contiguous()


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
    config.write_text(json.dumps(adapter_config(), indent=1))
    return {
        "Synthetic base": [folder / "base/model.safetensors"],
        f"Synthetic LoRA r={RANK}": [folder / "lora/adapter_model.safetensors", config],
        "Synthetic full fine-tune": [folder / "full/model.safetensors"],
    }


def adapter_config() -> dict[str, object]:
    """What PEFT would have written beside the adapter's factors."""
    return {
        "peft_type": "LORA",
        "base_model_name_or_path": "synthetic",
        "r": RANK,
        "lora_alpha": ALPHA,
        "target_modules": sorted({part.rpartition(".")[2] for part in SHAPES}),
        "bias": "none",
        "fan_in_fan_out": False,
        "init_lora_weights": True,
    }
