"""Which files of a folder are a checkpoint, by name: its weights, what describes them, and what a training left there.

The one table of it. The page (as JSON), sources, `eigenscope check --server` and `open_checkpoint` all go by it. Of
files whose names say nothing, their content decides (files.py).
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Any

from analysis.adapters.config import NAME
from analysis.formats.training import ARGUMENTS, STATE

INDEX = ".index.json"
SAFETENSORS = ".safetensors"
TORCH_INDEX = f".bin{INDEX}"
WEIGHTS = (SAFETENSORS, ".bin", ".pt", ".pth", ".ckpt")  # endings
COMPANIONS = (f"*{INDEX}", "config.json", NAME, STATE, *ARGUMENTS)
# What trainers save next to the weights, and never weights of the model: the Trainer (transformers/trainer.py),
# Accelerate (accelerate/utils/constants.py) and DeepSpeed (deepspeed/runtime/engine.py).
TRAINING_STATE: Mapping[str, str] = MappingProxyType(
    {
        "training_args.bin": "arguments of the training, as a pickle that is never loaded",
        "optimizer*": "state of the optimizer",
        "*_optim_states.pt": "state of the optimizer",
        "scheduler*": "state of the learning rate's schedule",
        "scaler.pt": "state of the loss scaling",
        "sampler*.bin": "state of the data sampler",
        "rng_state*": "state of the random numbers",
        "random_states*": "state of the random numbers",
    }
)
SAFETENSORS_INSTEAD = "the safetensors files are read instead"


@dataclass(frozen=True, slots=True)
class Choice:
    """The names of a folder's files, sorted: those that make the checkpoint, and those left out, with the reason."""

    weights: tuple[str, ...]
    companions: tuple[str, ...]
    left_out: Mapping[str, str]


def choose(names: Iterable[str]) -> Choice:
    """Of a folder: its weights, safetensors where there are both, and what describes them; no weights, no choice."""
    listed = sorted(names)
    states = {name: reason for name in listed if (reason := training_state(name)) is not None}
    weights = [name for name in listed if name.lower().endswith(WEIGHTS) and name not in states]
    safe = [name for name in weights if name.lower().endswith(SAFETENSORS)]
    companions = [name for name in listed if _is_companion(name)]
    if safe:
        companions = [name for name in companions if not name.lower().endswith(TORCH_INDEX)]
    instead = {name: SAFETENSORS_INSTEAD for name in weights if safe and name not in safe}
    return Choice(tuple(safe or weights), tuple(companions), MappingProxyType(dict(sorted((instead | states).items()))))


def inner_checkpoints(folder: Path) -> list[str]:
    """The folders inside one that has no weights itself, as a pipeline of diffusers or the output of a Trainer is."""
    held = list(folder.iterdir())
    if any(path.is_file() and holds_weights(path.name) for path in held):
        return []
    inner = (path for path in held if path.is_dir() and os.access(path, os.R_OK | os.X_OK))
    return sorted(path.name for path in inner if any(holds_weights(file.name) for file in path.iterdir()))


def holds_weights(name: str) -> bool:
    """Whether a file may hold weights, by its name."""
    return training_state(name) is None and name.lower().endswith((*WEIGHTS, ".gguf", ".npz", ".npy", ".distcp"))


def training_state(name: str) -> str | None:
    """What the file of this name holds, where a training left it next to the weights; None of any other file."""
    if _is_companion(name):
        return None
    return next((reason for glob, reason in TRAINING_STATE.items() if fnmatchcase(name.lower(), glob)), None)


def _is_companion(name: str) -> bool:
    return any(fnmatchcase(name.lower(), glob) for glob in COMPANIONS)


def to_json() -> dict[str, Any]:
    """The table for the page, which chooses before it sends: endings, and globs whose only wildcard is `*`."""
    return {
        "weights": list(WEIGHTS),
        "preferred": SAFETENSORS,
        "instead": SAFETENSORS_INSTEAD,
        "companions": list(COMPANIONS),
        "torch_index": TORCH_INDEX,
        "training_state": dict(TRAINING_STATE),
    }
