"""Broken GGUF."""

import struct
from collections.abc import Sequence

from tests.hostile.base import Build, Hostile, written


def gguf(tensors: int = 1, values: int = 0, middle: bytes = b"", version: int = 3, data: bytes = bytes(64)) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, tensors, values) + middle
    return head + bytes(-len(head) % 32) + data


def gguf_tensor(shape: Sequence[int] = (4, 4), kind: int = 0, offset: int = 0) -> bytes:
    dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return struct.pack("<Q", 1) + b"a" + dimensions + struct.pack("<IQ", kind, offset)


def gguf_array(kind: int, count: int) -> Build:
    """A file whose header states an array of that type and length."""
    return written(gguf(0, 1, struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, kind, count)), "a.gguf")


GGUF = (
    Hostile("gguf: cut off", written(gguf(middle=gguf_tensor())[:-1], "a.gguf"), "truncated-file"),
    Hostile("gguf: header cut off", written(gguf(middle=gguf_tensor())[:40], "a.gguf"), "truncated-file"),
    Hostile("gguf: version 1", written(gguf(version=1), "a.gguf"), "gguf-model"),
    Hostile("gguf: big-endian", written(gguf(version=3 << 24), "a.gguf"), "gguf-model"),
    Hostile("gguf: no tensor", written(gguf(0), "a.gguf"), "no-tensors"),
    Hostile("gguf: 2^60 tensors", written(gguf(2**60), "a.gguf"), "bad-header"),
    Hostile("gguf: 2^60 values", written(gguf(0, 2**60), "a.gguf"), "bad-header"),
    Hostile("gguf: text of 2^60", written(gguf(0, 1, struct.pack("<Q", 2**60)), "a.gguf"), "bad-header"),
    Hostile("gguf: array of 2^60", gguf_array(8, 2**60), "big-index"),
    Hostile("gguf: arrays in arrays", gguf_array(9, 9), "bad-header"),
    Hostile("gguf: 2^60 dimensions", written(gguf(middle=gguf_tensor([1] * 9)), "a.gguf"), "bad-header"),
    Hostile("gguf: 2^80 elements", written(gguf(middle=gguf_tensor([2**40, 2**40])), "a.gguf"), "bad-offsets"),
    Hostile("gguf: offset too far", written(gguf(middle=gguf_tensor(offset=2**63)), "a.gguf"), "truncated-file"),
    Hostile("gguf: unknown type", written(gguf(middle=gguf_tensor(kind=999)), "a.gguf"), "unknown-dtype"),
    Hostile("gguf: part of a block", written(gguf(middle=gguf_tensor(kind=8)), "a.gguf"), "bad-offsets"),
    Hostile("gguf: a tensor twice", written(gguf(2, middle=gguf_tensor() * 2), "a.gguf"), "duplicate-tensor"),
    Hostile("gguf: two in one", written(gguf(middle=gguf_tensor()) * 2, "a.gguf"), "trailing-bytes"),
    Hostile("gguf: more behind it", written(gguf(middle=gguf_tensor()) + b"0", "a.gguf"), "trailing-bytes"),
    Hostile("gguf: overlap",
            written(gguf(2, middle=gguf_tensor() + gguf_tensor().replace(b"a", b"b")), "a.gguf"), "bad-offsets"),
)  # fmt: skip
