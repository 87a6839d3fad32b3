"""A folder as the experiment leaves it."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from app.demo.lists import MANIFEST
from tests.service import model, tensors


def write_experiment(folder: Path) -> Path:
    """With a base and a full fine-tune."""
    (folder / "full").mkdir(parents=True)
    (folder / "base.safetensors").write_bytes(model())
    tuned = {name: tensor + 0.01 * torch.randn_like(tensor) for name, tensor in tensors().items()}
    save_file(tuned, folder / "full" / "model.safetensors")
    entries = [
        {"name": "base", "files": ["base.safetensors"]},
        {"name": "full", "files": ["full/model.safetensors"]},
    ]
    (folder / MANIFEST).write_text(json.dumps({"checkpoints": entries}))
    return folder
