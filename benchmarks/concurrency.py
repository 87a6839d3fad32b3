"""Tensors of all-MiniLM-L6-v2 one after the other on all threads, against small ones at once on one thread each.

`python -m benchmarks.concurrency [model.safetensors]`: the file is read, decomposed and measured (esd and norms).
"""

import os
import sys
from pathlib import Path

import torch

from analysis.diagnostics import requests
from analysis.engine.single import analyze, measure_tensor
from analysis.formats import open_checkpoint
from benchmarks.examples import minilm
from benchmarks.timing import markdown, paired, ratio_row


def main() -> None:
    checkpoint = open_checkpoint([Path(sys.argv[1]) if len(sys.argv) > 1 else minilm()])
    asked = requests({"esd": {}, "norms": {}})
    kept = [tensor for tensor in checkpoint.tensors if tensor.skip is None]

    def in_turn() -> list[object]:
        return [list(measure_tensor(checkpoint, tensor, asked)) for tensor in kept]

    ours, theirs = paired(lambda: analyze(checkpoint, asked), in_turn, 7)
    busy = f"{len(kept)} tensors, {torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}"
    print(markdown(("analyze", "several at once", "in turn", "ratio"), [ratio_row(busy, ours, theirs)]))


if __name__ == "__main__":
    main()
