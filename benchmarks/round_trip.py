"""From POST to the report, beside the library on the same file: `python -m benchmarks.round_trip [minilm | small]`.

`eigenscope serve` runs as a process of its own, with SQLite and its worker. Each round asks for a run of a checkpoint
that is there, waits for its end in one request (`?wait=60`), and reads the report; then the library analyses the same
file in a process of its own that has imported everything. Nothing is kept between rounds. *Work* is what the run's rows
say between its start and its end; *noticed* is how long after its end the waiting request was answered; *CPU* is of the
worker's processes.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from statistics import median

import psutil
import torch
from safetensors.torch import save_file

from analysis.diagnostics import requests
from analysis.engine.single import analyze
from analysis.formats import open_checkpoint
from benchmarks.examples import minilm
from benchmarks.service import ask
from benchmarks.timing import markdown
from docs.browser import serve

ROUNDS = 5
HEAD = ("checkpoint", "library", "work", "ratio", "POST to report", "noticed", "CPU, library", "CPU, worker", "ratio")
VIEWS = ("", "?q=layers.3", "?sort=alpha", "?weight=layer.7")


def small(folder: Path, count: int = 1000, side: int = 64) -> Path:
    """1,000 tensors of 64 × 64."""
    noise = torch.Generator().manual_seed(0)
    path = folder / "small.safetensors"
    save_file(
        {f"model.layers.{i}.mlp.up_proj.weight": torch.randn(side, side, generator=noise) for i in range(count)}, path
    )
    return path


def by_library(path: Path) -> tuple[float, float]:
    """Seconds of wall and of CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    analyze(open_checkpoint([path]), requests(None)).to_json()
    return time.perf_counter() - wall, time.process_time() - cpu


def cpu_of_children(process: int) -> float:
    """Seconds of CPU that the processes below the server took so far: its worker's."""
    times = [child.cpu_times() for child in psutil.Process(process).children(recursive=True)]
    return sum(each.user + each.system for each in times)


def one_round(base: str, process: int, checkpoint: int) -> tuple[float, float, float, float]:
    """Seconds: of work, from POST to the report, from the end to the answer, and of the worker's CPU."""
    before, began = cpu_of_children(process), time.perf_counter()
    run = ask(f"{base}/api/v1/runs", json.dumps({"checkpoints": [checkpoint]}).encode())["id"]
    while (found := ask(f"{base}/api/v1/runs/{run}?wait=60"))["state"] in ("waiting", "running"):
        pass
    answered = time.time()
    ask(f"{base}/api/v1/runs/{run}/report")
    took = time.perf_counter() - began
    start, end = (datetime.fromisoformat(found[name]).timestamp() for name in ("started_at", "finished_at"))
    return end - start, took, answered - end, cpu_of_children(process) - before


def measured(title: str, base: str, process: int, path: Path) -> tuple[str, ...]:
    sent = ask(f"{base}/api/v1/checkpoints?filename={path.name}", path.read_bytes())["id"]
    one_round(base, process, sent)  # ingests, and loads what is loaded once
    by_library(path)
    pairs = [(by_library(path), one_round(base, process, sent)) for _ in range(ROUNDS)]
    alone, cpu = (median(each[0][at] for each in pairs) for at in (0, 1))
    work, took, noticed, burnt = (median(each[1][at] for each in pairs) for at in range(4))
    return (
        title, f"{alone:.2f} s", f"{work:.2f} s", f"{work / alone:.1f} ×", f"{took:.2f} s", f"{noticed:.3f} s",
        f"{cpu:.2f} s", f"{burnt:.2f} s", f"{burnt / cpu:.1f} ×",
    )  # fmt: skip


def rows(which: str, folder: Path, base: str, process: int) -> Iterator[tuple[str, ...]]:
    paths: dict[str, Callable[[], Path]] = {"minilm": minilm, "small": lambda: small(folder)}
    for title, path in paths.items():
        if which in ("", title):
            yield measured(title, base, process, path())


def main(which: str = "") -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serve(folder, EIGENSCOPE_KEEP_RESULTS_DAYS="0") as (base, process):
            print(markdown(HEAD, list(rows(which, folder, base, process))))


if __name__ == "__main__":
    main(*sys.argv[1:])
