"""Broken msgpack in the way of Flax, made with msgpack or byte by byte."""

from typing import Any

import msgpack

from tests.hostile.base import Build, Hostile, written

NAME = "flax_model.msgpack"


def array(shape: object = (2, 3), dtype: object = "float32", data: object = bytes(24)) -> Any:
    """flax/serialization.py, _ndarray_to_bytes, with any contents."""
    return msgpack.ExtType(1, msgpack.packb((shape, dtype, data)))


def packed(value: object) -> bytes:
    return bytes(msgpack.packb(value))


def flax(value: object) -> Build:
    return written(packed(value), NAME)


def nested(depth: int) -> bytes:
    return b"\x81\xa1a" * depth + b"\x80"


def parts(shape: object, chunks: object) -> dict[str, object]:
    return {"a": {"__msgpack_chunked_array__": True, "shape": shape, "chunks": chunks}}


GOOD = packed({"params": {"dense": {"kernel": array()}}})
FLAX = (
    Hostile("flax: cut off", written(GOOD[:-1], NAME), "truncated-file"),
    Hostile("flax: more behind it", written(GOOD + GOOD, NAME), "trailing-bytes"),
    Hostile("flax: no array", flax({"step": 3}), "no-tensors"),
    Hostile("flax: 2^32 entries", written(b"\xdf\xff\xff\xff\xff\xa1a\xc0", NAME), "truncated-file"),
    Hostile("flax: a list of 2^32", written(b"\x81\xa1a\xdd\xff\xff\xff\xff\xc0", NAME), "truncated-file"),
    Hostile("flax: text of 2^32", written(b"\x81\xa1a\xdb\xff\xff\xff\xffa", NAME), "truncated-file"),
    Hostile("flax: bytes of 2^32", written(b"\x81\xa1a\xc9\xff\xff\xff\xff\x01a", NAME), "truncated-file"),
    Hostile("flax: 2,000 maps deep", written(nested(2000), NAME), "unbounded"),
    Hostile("flax: 3 million values", flax({"a": [0] * 3_000_000}), "unbounded"),
    Hostile("flax: a key twice", written(b"\x82\xa1a\xc0\xa1a\xc0", NAME), "duplicate-tensor"),
    Hostile("flax: one name by two ways", flax({"a": {"b": array()}, "a/b": array()}), "duplicate-tensor"),
    Hostile("flax: half a character", written(b"\x81\xa1\xff" + packed(array()), NAME), "bad-name"),
    Hostile("flax: 2^80 elements", flax({"a": array((2**40, 2**40))}), "bad-header"),
    Hostile("flax: a shape that lies", flax({"a": array((2**20, 3))}), "bad-offsets"),
    Hostile("flax: negative shape", flax({"a": array((-2, -3))}), "bad-header"),
    Hostile("flax: 1,000 dimensions", flax({"a": array((1,) * 1000)}), "unbounded"),
    Hostile("flax: no shape", flax({"a": array("x")}), "bad-header"),
    Hostile("flax: not three parts", flax({"a": msgpack.ExtType(1, packed([1]))}), "bad-header"),
    Hostile("flax: array in an array", flax({"a": array(data=array())}), "bad-offsets"),
    Hostile("flax: another dtype", flax({"a": array(dtype="object")}), "no-tensors"),
    Hostile("flax: parts without a shape", flax(parts(None, {"0": array()})), "bad-offsets"),
    Hostile("flax: parts that are too few", flax(parts({"0": 9}, {"0": array((6,))})), "bad-offsets"),
)  # fmt: skip
