"""Peak memory does not grow with the checkpoint: a small run of benchmarks/streaming.py, against its bound."""

from pathlib import Path

import pytest
import torch

from analysis.engine.scheduling import HELD
from benchmarks.streaming import RETURNED, Shard, every, measure, write

SHARDS = (
    Shard("embed_tokens", 2, (30522, 768), torch.float32),
    Shard("layers.0.mlp", 8, (4096, 768), torch.float32),
)


TALL = (
    Shard("embed_tokens", 3, (50257, 256), torch.float32),
    Shard("layers.0.mlp", 2, (512, 256), torch.bfloat16),
)
linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads its peak memory as Linux tells it")


@linux
def test_a_checkpoint_larger_than_the_bound_stays_below_it(tmp_path: Path) -> None:
    write(tmp_path, SHARDS)
    found = measure(tmp_path)
    assert found["tensors"] == 10
    assert found["peak"] < found["bound"] < found["stored"]


@linux
def test_every_diagnostic_takes_what_libraries_hold_more(tmp_path: Path) -> None:
    """A shuffled copy beside the weight fills the bound, so what libraries hold comes on top of it.

    glibc is told to give freed blocks back: by itself it keeps some 50 MiB of them (docs/benchmarks.md).
    """
    write(tmp_path, TALL)
    found = measure(tmp_path, every(), RETURNED)
    assert found["tensors"] == 5
    assert found["peak"] < found["bound"] + HELD < found["stored"]
