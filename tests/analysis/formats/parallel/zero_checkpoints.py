"""Checkpoints in the layout of DeepSpeed's ZeRO, in small (deepspeed/utils/zero_to_fp32.py), to be spoiled."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

Root = dict[str, Any]
GROUPS = {2: "single_partition_of_fp32_groups", 3: "fp32_flat_groups"}
FIRST = "zero_pp_rank_0_mp_rank_00_optim_states.pt"


def weights() -> list[dict[str, Tensor]]:
    """Two groups of an optimizer: matrices and vectors, of which most do not fill equal shares."""
    torch.manual_seed(0)
    return [
        {"embed.weight": torch.randn(7, 3), "fc.weight": torch.randn(5, 3), "out.weight": torch.randn(3, 5)},
        {"fc.bias": torch.randn(5), "norm.weight": torch.randn(3)},
    ]


def padded(flat: Tensor, multiple: int) -> Tensor:
    return torch.cat([flat, torch.full((-len(flat) % multiple,), 99.0)])


def roots(stage: int, ranks: int, groups: list[dict[str, Tensor]], gap: int = 0) -> dict[str, Root]:
    """What each file of a checkpoint holds, by its name. `gap` pads each parameter, as some optimizers need it."""
    module = {name: tensor if stage == 2 else torch.empty(0) for group in groups for name, tensor in group.items()}
    model: Root = {
        "module": {**module, "norm.running_mean": torch.ones(3)},
        "buffer_names": ["norm.running_mean"],
        "param_shapes": [{name: tensor.shape for name, tensor in group.items()} for group in groups],
        "shared_params": {"head.weight": "embed.weight"},
        "global_steps": 7,
    }
    if stage == 2:
        files: dict[str, Root] = {"mp_rank_00_model_states.pt": model}
    else:
        files = {f"zero_pp_rank_{rank}_mp_rank_00_model_states.pt": dict(model) for rank in range(ranks)}
    for rank in range(ranks):
        state: Root = {
            "zero_stage": stage,
            "partition_count": [ranks] * len(groups) if stage == 2 else ranks,
            GROUPS[stage]: [partition(stage, rank, ranks, list(group.values()), gap) for group in groups],
            "base_optimizer_state": {0: {"exp_avg": torch.zeros(4)}},
        }
        if gap:
            state["param_alignment_paddings"] = [[gap] * len(group) for group in groups]
        files[f"zero_pp_rank_{rank}_mp_rank_00_optim_states.pt"] = {"optimizer_state_dict": state}
    return files


def partition(stage: int, rank: int, ranks: int, tensors: list[Tensor], gap: int) -> Tensor:
    if stage == 3:
        return torch.cat([padded(tensor.flatten(), ranks).chunk(ranks)[rank] for tensor in tensors]).clone()
    spaced = [torch.cat([tensor.flatten(), torch.full((gap,), 99.0)]) for tensor in tensors]
    return padded(torch.cat(spaced), 2 * ranks).chunk(ranks)[rank].clone()


def write(files: dict[str, Root], folder: Path) -> Path:
    for name, root in files.items():
        torch.save(root, folder / name)
    return folder
