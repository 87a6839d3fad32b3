"""LoRA: put on a model, saved as PEFT saves it, and added to a state again from the files."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

RANK, ALPHA = 16, 32
START, A_END, B_END = "base_model.model.", ".lora_A.weight", ".lora_B.weight"
Factors = Mapping[str, tuple[Tensor, Tensor]]  # by module: B with its scaling, and A


def with_lora(model: nn.Module, pattern: str) -> nn.Module:
    """PEFT's wrapper; the model's own layers are replaced in place."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=pattern, lora_dropout=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PEFT asks transformers by a name that goes, and models for a config
        wrapped: nn.Module = get_peft_model(model, config)
    return wrapped


def save_adapter(wrapped: nn.Module, folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a model without a config
        wrapped.save_pretrained(str(folder))  # type: ignore[operator]  # PEFT's


def factors(folder: Path) -> Factors:
    """What the saved adapter adds to each module, as factors."""
    config = json.loads((folder / "adapter_config.json").read_text())
    tensors = load_file(folder / "adapter_model.safetensors")
    found = {}
    for name in sorted(tensors):
        if name.endswith(A_END):
            module, A = name.removeprefix(START).removesuffix(A_END), tensors[name]
            alpha = (config.get("alpha_pattern") or {}).get(module, config["lora_alpha"])
            B = tensors[f"{START}{module}{B_END}"]
            found[module] = (B * (alpha / len(A)), A)
    return found


def added(state: Mapping[str, Tensor], update: Factors) -> dict[str, Tensor]:
    """The state with the update on top of it."""
    return dict(state) | {f"{module}.weight": state[f"{module}.weight"] + B @ A for module, (B, A) in update.items()}


def truncated(update: Factors, ranks: Mapping[str, int]) -> Factors:
    """The first directions as they are stored, whatever their strength."""
    return {module: (B[:, :k], A[:k]) for module, (B, A) in update.items() if (k := ranks.get(module, 0))}


def decomposed(update: Factors, rank: int) -> Factors:
    """The strongest directions of each module, as many in all."""
    return {module: strongest(B @ A, rank) for module, (B, A) in update.items()}


def strongest(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    return left[:, :rank] * values[:rank], right[:rank]


def parameters(update: Factors) -> int:
    return sum(B.numel() + A.numel() for B, A in update.values())
