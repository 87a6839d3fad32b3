"""Broken safetensors."""

import json
import struct
from collections.abc import Sequence
from typing import Any

from tests.hostile.base import Hostile, written

Entry = dict[str, Any]


def safetensors(header: bytes | Entry, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(begin: int, end: int, shape: Sequence[object] = (2,), dtype: str = "F32") -> Entry:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


ONE = safetensors({"a": entry(0, 8)}, bytes(8))
ENTRY = {"a": entry(0, 8)}
METADATA = "__metadata__"
INSIDE = {"a": entry(0, 8), "none": entry(4, 4, (0,)), "b": entry(8, 16)}
OVERLAP = {"a": entry(0, 8), "b": entry(4, 12)}
TWICE = b'{"a":' + json.dumps(entry(0, 8)).encode() + b',"a":' + json.dumps(entry(0, 8)).encode() + b"}"
SAFETENSORS = (
    Hostile("header cut off", written(ONE[:20]), "truncated-file"),
    Hostile("data cut off", written(ONE[:-1]), "truncated-file"),
    Hostile("absurd header length", written(struct.pack("<Q", 2**40) + b'{"a":1}'), "bad-header"),
    Hostile("header is no JSON", written(safetensors(b'{"a": nonsense}')), "bad-header"),
    Hostile("header is no text", written(safetensors(b'{"\xff\xfe": 1}')), "bad-header"),
    Hostile("header nested deep", written(safetensors(b'{"a":' + b"[" * 200_000)), "bad-header"),
    Hostile("NaN in the header", written(safetensors(b'{"a": NaN}')), "bad-header"),
    Hostile("10,000 digits", written(safetensors(b'{"a":' + b"9" * 10_000 + b"}")), "bad-header"),
    Hostile("entry is a number", written(safetensors({"a": 1})), "bad-header"),
    Hostile("entry without shape", written(safetensors({"a": {"dtype": "F32"}})), "bad-header"),
    Hostile("negative shape", written(safetensors({"a": entry(0, 8, (-1, -2))}, bytes(8))), "bad-header"),
    Hostile("broken shape", written(safetensors({"a": entry(0, 8, (2.0,))}, bytes(8))), "bad-header"),
    Hostile("true as shape", written(safetensors({"a": entry(0, 4, (True,))}, bytes(8))), "bad-header"),
    Hostile("1,000 dimensions", written(safetensors({"a": entry(0, 4, [1] * 1000)})), "bad-header"),
    Hostile("too few bytes", written(safetensors({"a": entry(0, 4)}, bytes(8))), "bad-offsets"),
    Hostile("end before begin", written(safetensors({"a": entry(8, 0)}, bytes(8))), "bad-offsets"),
    Hostile("2^80 elements", written(safetensors({"a": entry(0, 8, [2**40] * 2)}, bytes(8))), "bad-offsets"),
    Hostile("overlap", written(safetensors(OVERLAP, bytes(12))), "bad-offsets"),
    Hostile("the same name twice", written(safetensors(TWICE, bytes(8))), "duplicate-tensor"),
    Hostile("name is half a character", written(safetensors(b'{"\\ud800": 1}')), "bad-name"),
    Hostile("unknown dtype", written(safetensors({"a": entry(0, 8, (2,), "F99")})), "unknown-dtype"),
    Hostile("a gap", written(safetensors({"a": entry(0, 8), "b": entry(12, 20)}, bytes(20))), "bad-offsets"),
    Hostile("a gap in front", written(safetensors({"a": entry(4, 12)}, bytes(12))), "bad-offsets"),
    Hostile("nothing inside another", written(safetensors(INSIDE, bytes(16))), "bad-offsets"),
    Hostile("shape is text", written(safetensors({"a": {**entry(0, 4), "shape": ""}}, bytes(4))), "bad-header"),
    Hostile("shape is an object", written(safetensors({"a": {**entry(0, 4), "shape": {}}}, bytes(4))), "bad-header"),
    *(
        Hostile(f"metadata: {value!r}", written(safetensors({METADATA: value, **ENTRY}, bytes(8))), "bad-header")
        for value in ({"a": 1}, {"a": None}, {"a": {"b": "c"}}, {"a": ["b"]}, ["a"], "a", 1)
    ),
    Hostile("more behind it", written(ONE + b"0"), "trailing-bytes"),
    Hostile("two files in one", written(ONE + ONE), "trailing-bytes"),
    Hostile("no tensor", written(safetensors({})), "no-tensors"),
)  # fmt: skip
