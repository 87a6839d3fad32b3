"""Which files of a folder are a checkpoint, by name: its weights, what describes them, and what a training left there.

The one table of it. The page (as JSON), sources, `eigenscope check --server` and `open_checkpoint` all go by it. Of
files whose names say nothing, their content decides (files.py).
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Any

from analysis.adapters.config import NAME
from analysis.formats.training import ARGUMENTS, STATE

INDEX = ".index.json"
DISTRIBUTED = ".metadata"  # of torch.distributed.checkpoint: says what is in the .distcp files
RANK_FOLDER = re.compile(r"mp_rank_\d{2,4}(_\d{3,4}){0,2}")  # of Megatron, with the stage and the rank of experts
SAFETENSORS = ".safetensors"
TORCH_INDEX = f".bin{INDEX}"


@dataclass(frozen=True, slots=True)
class Kind:
    """Files of weights of one kind: how their names end, and globs of the files that their numbers may be in."""

    title: str
    endings: tuple[str, ...]
    data: tuple[str, ...] = ()

    @property
    def instead(self) -> str:
        """Why files of a kind further down the table are left out next to these."""
        return f"the {self.title} files are read instead"


KINDS = (  # the first of which a folder has files is its checkpoint
    Kind("safetensors", (SAFETENSORS,)),
    Kind("torch.distributed.checkpoint", (".distcp",), (DISTRIBUTED,)),
    Kind("PyTorch", (".bin", ".pt", ".pth", ".ckpt")),
    Kind("GGUF", (".gguf",)),
    Kind("Keras", (".keras", ".h5", ".hdf5")),
    Kind("Flax", (".msgpack",)),
    Kind("ONNX", (".onnx",), ("*.onnx_data*", "*.onnx.data*")),
    Kind("NumPy", (".npz", ".npy")),
)
WEIGHTS = tuple(ending for kind in KINDS for ending in kind.endings)
COMPANIONS = (f"*{INDEX}", "config.json", "params.json", NAME, STATE, *ARGUMENTS)
OPTIMIZER_STATE = "state of the optimizer"
# What trainers save next to the weights, and never weights of the model: the Trainer (transformers/trainer.py),
# Accelerate (accelerate/utils/constants.py) and DeepSpeed (deepspeed/runtime/engine.py).
TRAINING_STATE: Mapping[str, str] = MappingProxyType(
    {
        "training_args.bin": "arguments of the training, as a pickle that is never loaded",
        "optimizer*": OPTIMIZER_STATE,
        "expp_rank_*_optim_states.pt": OPTIMIZER_STATE,
        "distrib_optim.pt": OPTIMIZER_STATE,
        "scheduler*": "state of the learning rate's schedule",
        "scaler.pt": "state of the loss scaling",
        "sampler*.bin": "state of the data sampler",
        "rng_state*": "state of the random numbers",
        "random_states*": "state of the random numbers",
    }
)


@dataclass(frozen=True, slots=True)
class Choice:
    """The names of a folder's files, sorted: those that make the checkpoint, and those left out, with the reason."""

    weights: tuple[str, ...]
    companions: tuple[str, ...]
    left_out: Mapping[str, str]


def choose(names: Iterable[str]) -> Choice:
    """Of a folder: its weights, of the first kind that it has, and what describes them; no weights, no choice."""
    all_names = sorted(names)
    states = {name: reason for name in all_names if (reason := training_state(name)) is not None}
    kinds = {name: kind for name in all_names if name not in states and (kind := kind_of(name)) is not None}
    first_kind = min(kinds.values(), key=KINDS.index, default=None)
    weights = [name for name, kind in kinds.items() if kind == first_kind and name.lower().endswith(kind.endings)]
    data = [name for name, kind in kinds.items() if kind == first_kind and name not in weights]
    companions = [name for name in all_names if _is_companion(name)]
    if first_kind == KINDS[0]:
        companions = [name for name in companions if not name.lower().endswith(TORCH_INDEX)]
    reasons = {
        name: first_kind.instead for name, kind in kinds.items() if first_kind is not None and kind != first_kind
    }
    skip_reasons = MappingProxyType(dict(sorted((reasons | states).items())))
    return Choice(tuple(weights), tuple(sorted(companions + data)), skip_reasons)


def kind_of(name: str) -> Kind | None:
    """The kind of weights that a file is of by its name; None where its name says nothing."""
    lower_name = _base(name)
    return next(
        (k for k in KINDS if lower_name.endswith(k.endings) or any(fnmatchcase(lower_name, glob) for glob in k.data)),
        None,
    )


def files_in(folder: Path) -> list[Path]:
    """The files of a folder; of one with a folder for each rank of Megatron, and no file of weights, those in these."""
    ranks = sorted(path for path in folder.iterdir() if path.is_dir() and RANK_FOLDER.fullmatch(path.name))
    here = sorted(path for path in folder.iterdir() if path.is_file())
    if any(holds_weights(path.name) for path in here):
        return here
    return [*here, *(path for rank in ranks for path in sorted(rank.iterdir()) if path.is_file())]


def inner_checkpoints(folder: Path) -> list[str]:
    """The folders inside one that has no weights itself, as a pipeline of diffusers or the output of a Trainer is."""
    entries = list(folder.iterdir())
    if any(path.is_file() and holds_weights(path.name) for path in entries):
        return []
    entries = [path for path in entries if not RANK_FOLDER.fullmatch(path.name)]
    inner = (path for path in entries if path.is_dir() and os.access(path, os.R_OK | os.X_OK))
    return sorted(path.name for path in inner if any(holds_weights(file.name) for file in path.iterdir()))


def holds_weights(name: str) -> bool:
    """Whether a file may hold weights, or says where they are, by its name."""
    has_weights = kind_of(name) is not None or name.lower().endswith(INDEX)
    return has_weights and training_state(name) is None


def training_state(name: str) -> str | None:
    """What the file of this name holds, where a training left it next to the weights; None of any other file."""
    if _is_companion(name):
        return None
    return next((reason for glob, reason in TRAINING_STATE.items() if fnmatchcase(_base(name), glob)), None)


def _is_companion(name: str) -> bool:
    return any(fnmatchcase(_base(name), glob) for glob in COMPANIONS)


def _base(name: str) -> str:
    """A name without the folders that it may come with."""
    return name.lower().rpartition("/")[2]


def to_json() -> dict[str, Any]:
    """The table for the page, which chooses before it sends: endings, and globs whose only wildcard is `*`."""
    return {
        "kinds": [{"endings": [*kind.endings], "data": [*kind.data], "instead": kind.instead} for kind in KINDS],
        "companions": list(COMPANIONS),
        "torch_index": TORCH_INDEX,
        "training_state": dict(TRAINING_STATE),
    }
