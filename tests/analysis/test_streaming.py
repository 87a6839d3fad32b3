"""Peak memory does not grow with the checkpoint: a small run of benchmarks/streaming.py, against its bound."""

from pathlib import Path

import pytest
import torch

from benchmarks.streaming import Shard, measure, write

SHARDS = (
    Shard("embed_tokens", 2, (30522, 768), torch.float32),
    Shard("layers.0.mlp", 8, (4096, 768), torch.float32),
)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads its peak memory as Linux tells it")
def test_a_checkpoint_larger_than_the_bound_stays_below_it(tmp_path: Path) -> None:
    write(tmp_path, SHARDS)
    found = measure(tmp_path)
    assert found["tensors"] == 10
    assert found["peak"] < found["bound"] < found["stored"]
