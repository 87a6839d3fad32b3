"""Everything but the decompositions: whole analyses against bare kernels: `python -m benchmarks.overhead [FILE]`.

Bare: each matrix is read by safetensors, its Gram matrix formed in float64 in one product, and LAPACK's eigenvalues
taken by NumPy, the faster library here; no rank guard, no fit, no table. Whole: each tensor by `measure_tensor` with
the default diagnostics. One thread each, one tensor after the other. CPU seconds are what counts: other work on the
machine adds little to them.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open

from analysis.checkpoint import OpenCheckpoint
from analysis.diagnostics import requests
from analysis.engine.single import measure_tensor
from analysis.formats import open_checkpoint
from analysis.linalg.spectrum import decompose
from benchmarks.checkpoints import GPT2, write
from benchmarks.examples import minilm
from benchmarks.timing import busy, busy_row, markdown, one_thread

HEAD = ("one thread: wall (CPU)", "Eigenscope", "bare", "wall", "CPU")


def bare(file: Path) -> None:
    with safe_open(file, "pt") as stored:
        for name in stored.keys():  # noqa: SIM118  # no mapping
            matrix = stored.get_tensor(name)
            if matrix.ndim == 2 and matrix.is_floating_point():
                tall = (matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T).double().numpy()
                np.linalg.eigvalsh(tall.T @ tall)


def kernels(checkpoint: OpenCheckpoint) -> None:
    for info in checkpoint.tensors:
        if info.skip is None:
            decompose(checkpoint.read(info.name)[None])


def whole(checkpoint: OpenCheckpoint) -> None:
    for info in checkpoint.tensors:
        if info.skip is None:
            list(measure_tensor(checkpoint, info, requests()))


def compared(name: str, file: Path) -> list[tuple[str, ...]]:
    checkpoint = open_checkpoint([file])
    whole(checkpoint)
    return [
        busy_row(f"{name}: product and eigvalsh", *busy(lambda: whole(checkpoint), lambda: bare(file), 5)),
        busy_row(f"{name}: our kernels", *busy(lambda: whole(checkpoint), lambda: kernels(checkpoint), 5)),
    ]


def main() -> None:
    one_thread()
    rows = compared("MiniLM", Path(sys.argv[1]) if len(sys.argv) > 1 else minilm())
    with tempfile.TemporaryDirectory() as folder:
        rows += compared("GPT-2 small, two blocks", write(Path(folder), GPT2, torch.float32))
    print(markdown(HEAD, rows))


if __name__ == "__main__":
    main()
