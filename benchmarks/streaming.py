"""Peak memory of `analyze` over a checkpoint far larger than what it is allowed: `python -m benchmarks.streaming`.

Writes 4.0 GB of sharded safetensors into a temporary folder and analyses them in a process of its own with esd and
norms; then so with fewer tensors, all of one shape; then fewer with every diagnostic, as glibc manages memory by itself
and with MALLOC_MMAP_THRESHOLD_. Allowed is the bound of one tensor (`analysis.engine.scheduling.bound`). What counts is
the highest resident memory of that process above the one after its imports and one 64 × 64 matrix, at which the
libraries page in their own code (Linux: VmHWM and VmRSS).
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from safetensors.torch import save_file

from analysis.diagnostic import Scope
from analysis.diagnostics import DIAGNOSTICS, requests
from analysis.engine.scheduling import bound
from analysis.engine.single import analyze
from analysis.formats import open_checkpoint
from analysis.linalg.spectrum import decompose
from benchmarks.timing import markdown

MIB = 2**20


@dataclass(frozen=True)
class Shard:
    """A file of `count` tensors of one shape and dtype."""

    name: str
    count: int
    shape: tuple[int, int]
    dtype: torch.dtype


LARGE = (
    Shard("embed_tokens", 1, (50257, 1024), torch.float32),
    Shard("position_embeddings", 1, (50257, 1024), torch.float16),
    *(Shard(f"layers.{i}.mlp", 70, (4096, 1024), torch.bfloat16) for i in range(4)),
    Shard("layers.4.self_attn", 32, (1024, 4096), torch.float32),
    Shard("layers.5.mlp", 24, (2048, 8192), torch.bfloat16),
)
EVEN = (Shard("layers.5.mlp", 12, (2048, 8192), torch.bfloat16),)
TALL = (
    Shard("embed_tokens", 3, (50257, 512), torch.float32),
    Shard("layers.0.mlp", 4, (2048, 512), torch.bfloat16),
)
PLAIN = ("esd", "norms")
RETURNED = {"MALLOC_MMAP_THRESHOLD_": str(MIB)}  # glibc gives blocks of more than this back, instead of keeping them


def write(folder: Path, shards: Sequence[Shard]) -> None:
    """The shards and their index, as Hugging Face names them."""
    places: dict[str, str] = {}
    for number, shard in enumerate(shards, 1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        noise = torch.randn(shard.shape, generator=torch.Generator().manual_seed(number)).to(shard.dtype)
        state = {f"model.{shard.name}.{i}.weight": noise * (1.0 + i / 128.0) for i in range(shard.count)}
        save_file(state, folder / file)
        places |= dict.fromkeys(state, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))


def memory(field: str) -> int:
    """Bytes that Linux counts for this process: VmRSS now, VmHWM at most so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def every() -> tuple[str, ...]:
    """Every diagnostic that one checkpoint has."""
    return tuple(known.name for known in DIAGNOSTICS if known.scope is Scope.ONE)


def child(folder: Path, names: Sequence[str]) -> None:
    """Analyses the folder and prints what it took."""
    decompose(torch.eye(64)[None])
    before, began = memory("VmRSS"), time.perf_counter()
    checkpoint = open_checkpoint([folder])
    allowed = bound(checkpoint.tensors)
    report = analyze(checkpoint, requests({name: {} for name in names}), memory=allowed)
    measured = {
        "tensors": report.coverage.analysed,
        "stored": sum(t.nbytes for t in checkpoint.tensors),
        "bound": allowed,
        "peak": memory("VmHWM") - before,
        "seconds": time.perf_counter() - began,
    }
    print(json.dumps(measured))


def measure(
    folder: Path, names: Sequence[str] = PLAIN, environment: Mapping[str, str] = MappingProxyType({})
) -> dict[str, float]:
    """What `child` prints, run in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.streaming", str(folder), *names]
    here, around = Path(__file__).parents[1], {**os.environ, **environment}
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=here, env=around).stdout
    found: dict[str, float] = json.loads(said)
    return found


def main() -> None:
    rows = []
    for title, shards, names, around in (
        ("with tall embeddings", LARGE, PLAIN, {}),
        ("all 2048 × 8192", EVEN, PLAIN, {}),
        ("50257 × 512, every diagnostic", TALL, every(), {}),
        ("the same, memory given back", TALL, every(), RETURNED),
    ):
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), shards)
            found = measure(Path(folder), names, around)
        sizes = (f"{found[key] / MIB:,.0f} MiB" for key in ("stored", "peak", "bound"))
        rows.append((title, f"{found['tensors']}", *sizes, f"{found['seconds']:.0f} s"))
    print(markdown(("checkpoint", "tensors", "on disk", "peak above imports", "bound", "time"), rows))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(Path(sys.argv[1]), sys.argv[2:])
    else:
        main()
