"""Checkpoints of the tests: tensors in a safetensors file, with a config beside it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from analysis.formats import Checkpoint, open_checkpoint


def opened(folder: Path, tensors: Mapping[str, Tensor], config: Mapping[str, Any] | None = None) -> Checkpoint:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    return open_checkpoint([folder])


def skipped(checkpoint: Checkpoint) -> dict[str, str]:
    return {info.name: info.skip for info in checkpoint.tensors if info.skip is not None}


def analysed(checkpoint: Checkpoint) -> dict[str, tuple[int, ...]]:
    return {info.called: info.shape for info in checkpoint.tensors if info.skip is None}
