"""The tensors of several files without an index."""

import re
from collections.abc import Mapping
from pathlib import Path

from analysis.errors import DamagedFile, UnknownFormat, escape
from analysis.formats.stored import Array, Contents

PARALLEL = re.compile(r"consolidated\.\d+\.pth|mp_rank_\d+(_model_states|_\d+)?.*\.pt|model_optim_rng\.pt")


def join_files(contents: Mapping[Path, Contents]) -> dict[str, Array]:
    """The tensors of all files; no name may stand in two of them."""
    tensors: dict[str, Array] = {}
    for path, held in contents.items():
        for name in held.tensors:
            if name in tensors:
                _check_parallel(path)
                both = f"{escape(tensors[name].path.name)} and {escape(path.name)}"
                raise DamagedFile(
                    f"tensor {escape(name)} is in {both}. Give the files of one checkpoint only, or its index too.",
                    "duplicate-tensor",
                )
        tensors.update(held.tensors)
    return tensors


def _check_parallel(path: Path) -> None:
    """Files of tensor parallelism hold a part of each tensor each: what is in two of them is no repetition."""
    if PARALLEL.fullmatch(path.name):
        raise UnknownFormat(
            f"{escape(path.name)} is one of several parts of each tensor (tensor parallel): one file alone, or both "
            "under one name, would be read wrong. Merge them first, with the converter of the model "
            "(transformers/models/llama/convert_llama_weights_to_hf.py, or Megatron's tools/checkpoint/convert.py).",
            "tensor-parallel",
        )
