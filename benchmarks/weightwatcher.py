"""Whole models, ours against WeightWatcher: `python -m benchmarks.weightwatcher [minilm|gpt2|llama|battery|FILE ...]`.

Both analyse the same matrices with imports behind them: ours is `analyze` on the file, reading it included,
WeightWatcher gets its layers in memory and in float32. `minilm`, `gpt2`, `llama` and files: the default columns of
both. `battery`: also the Marchenko-Pastur fit, the shuffled matrices and the ERG condition, ours in the mode that gives
its numbers.
"""

import contextlib
import io
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from analysis.diagnostic import Request
from analysis.diagnostics import requests
from analysis.engine.single import analyze
from analysis.formats import open_checkpoint
from analysis.report import Report
from benchmarks.checkpoints import GPT2, LLAMA, write
from benchmarks.examples import minilm
from benchmarks.timing import busy, busy_row, markdown

with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
    warnings.simplefilter("ignore")
    import weightwatcher as ww

DEFAULT = requests()
COMPATIBLE = {"esd": {"compat": "weightwatcher"}, "norms": {}, "erg": {"compat": "weightwatcher"}}
EXTRAS = {"mp_fit": True, "randomize": True, "detX": True}
HEAD = ("whole model: wall (CPU of all threads)", "Eigenscope", "WeightWatcher 0.7.7", "wall", "CPU")


def battery(shuffles: int) -> tuple[Request, ...]:
    return requests({**COMPATIBLE, "random_matrix": {"compat": "weightwatcher", "replicas": shuffles}})


def module(state: Mapping[str, Tensor]) -> nn.Module:
    """What WeightWatcher leaves out by itself is left out: fewer than eight eigenvalues."""
    model = nn.Module()
    for name, matrix in state.items():
        if matrix.ndim == 2 and matrix.is_floating_point() and min(matrix.shape) >= 8:
            layer = nn.Linear(matrix.shape[1], matrix.shape[0], bias=False)
            layer.weight.data = matrix.float()
            model.add_module(name.replace(".", "/"), layer)
    return model


class Sides:
    """The two analyses of one file, and what they said last."""

    def __init__(self, file: Path) -> None:
        self.file, self.watcher = file, ww.WeightWatcher(model=module(load_file(file)))
        self.report: Report
        self.details: list[dict[str, Any]] = []

    def ours(self, asked: Sequence[Request]) -> None:
        self.report = analyze(open_checkpoint([self.file]), asked)

    def theirs(self, **extras: bool) -> None:
        self.details = self.watcher.analyze(**extras).to_dict("records")

    def gap(self, diagnostic: str, ours: str, theirs: str) -> float:
        """The largest relative difference of a column where both have it; WeightWatcher never says that it has none."""
        table = next(table for table in self.report.tables if table.diagnostic.name == diagnostic)
        mine = {row.weight.name: row.value(ours) for row in table.rows}
        both = [(mine[d["longname"].replace("/", ".")], float(d[theirs])) for d in self.details]
        return max(abs(a - b) / abs(b) for a, b in both if isinstance(a, float))


def plain(name: str, file: Path, rounds: int) -> tuple[str, ...]:
    sides = Sides(file)
    row = busy_row(f"{name}, default", *busy(lambda: sides.ours(DEFAULT), sides.theirs, rounds))
    gap = sides.gap("esd", "alpha", "alpha")
    print(f"{name}: {len(sides.details)} matrices; largest relative difference of α {gap:.1e}")
    return row


def full(file: Path) -> list[tuple[str, ...]]:
    """WeightWatcher once: it takes minutes. Ours with one shuffle, as there, and with the five of its defaults."""
    sides = Sides(file)
    ours, theirs = busy(lambda: sides.ours(battery(1)), lambda: sides.theirs(**EXTRAS), 1)
    again, _ = busy(lambda: sides.ours(battery(5)), lambda: None, 1)
    for column in ("sigma_mp", "max_rand_eval", "rand_distance", "ww_softrank", "rand_sigma_mp"):
        print(f"largest relative difference of {column}: {sides.gap('random_matrix', column, column):.1e}")
    name = f"MiniLM, {len(sides.details)} matrices, all"
    return [busy_row(f"{name}, one shuffle each", ours, theirs), busy_row(f"{name}, five of ours", again, theirs)]


def main(asked: Sequence[str] = ()) -> None:
    logging.getLogger("weightwatcher").setLevel(logging.CRITICAL)
    rows: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        for name in asked or ("minilm", "gpt2", "llama", "battery"):
            match name:
                case "minilm":
                    rows.append(plain("MiniLM", minilm(), 3))
                case "gpt2":
                    rows.append(plain("GPT-2 small, two blocks", write(Path(folder), GPT2, torch.float32), 3))
                case "llama":
                    rows.append(plain("LLaMA-like, four matrices, bf16", write(Path(folder), LLAMA, torch.bfloat16), 1))
                case "battery":
                    rows += full(minilm())
                case _:
                    rows.append(plain(Path(name).name, Path(name), 1))
    print(f"\nThreads {torch.get_num_threads()}, load {os.getloadavg()[0]:.1f}\n")
    print(markdown(HEAD, rows))


if __name__ == "__main__":
    main(sys.argv[1:])
