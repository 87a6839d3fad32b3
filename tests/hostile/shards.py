"""Broken indexes, and shards that do not belong together."""

import json
from collections.abc import Sequence
from pathlib import Path

from tests.hostile.base import Build, Hostile, both, written
from tests.hostile.others import POINTER
from tests.hostile.safetensors_files import ONE, entry, safetensors

TWO = safetensors({"b": entry(0, 8)}, bytes(8))
OTHER = safetensors({"a": entry(0, 8), "b": entry(8, 16)}, bytes([1] * 16))
Shards = dict[str, bytes]


def sharded(weight_map: object, shards: Shards) -> Build:
    def build(folder: Path) -> Sequence[Path]:
        index = folder / "model.safetensors.index.json"
        index.write_text(json.dumps({"weight_map": weight_map}))
        return [index, *(path for name, data in shards.items() for path in written(data, name)(folder))]

    return build


SHARDS = (
    Hostile("index: a shard is missing", sharded({"a": "1.bin", "b": "2.bin"}, {"1.bin": ONE}), "missing-shard"),
    Hostile("index: a shard above the folder", sharded({"a": "../../etc/passwd"}, {}), "shard-outside"),
    Hostile("index: a shard at the root", sharded({"a": "/etc/passwd"}, {}), "shard-outside"),
    Hostile("index: a shard named NUL", sharded({"a": "1\0.safetensors"}, {}), "shard-outside"),
    Hostile("index: a shard without a name", sharded({"a": ""}, {}), "shard-outside"),
    Hostile("index: a shard of 64 KB of name", sharded({"a": "x" * 65536}, {}), "missing-shard"),
    Hostile("index: no map", sharded(["a"], {}), "bad-header"),
    Hostile("index: not of these shards", sharded({"b": "1.safetensors"}, {"1.safetensors": ONE}), "bad-header"),
    Hostile("index: a shard is a pointer", sharded({"a": "1.safetensors"}, {"1.safetensors": POINTER}), "lfs-pointer"),
    Hostile("index: a tensor in two shards", sharded({"a": "1.bin", "b": "2.bin"}, {"1.bin": ONE, "2.bin": OTHER}),
            "duplicate-tensor"),
    Hostile("shards: 1 and 3 of 3", both(written(ONE, "m-00001-of-00003.bin"), written(TWO, "m-00003-of-00003.bin")),
            "missing-shard"),
    Hostile("shards: one of 3", written(ONE, "m-00001-of-00003.bin"), "missing-shard"),
    Hostile("shards: one is a pointer", both(written(ONE, "1.bin"), written(POINTER, "2.bin")), "lfs-pointer"),
    Hostile("shards: a tensor twice", both(written(ONE, "1.bin"), written(ONE, "2.bin")), "duplicate-tensor"),
)  # fmt: skip
