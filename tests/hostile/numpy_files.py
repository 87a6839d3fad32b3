"""Broken files of NumPy."""

import pickle
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path

from tests.hostile.base import Hostile, written, zipped
from tests.hostile.torch_files import Code


def npy(shape: object = (4, 4), descr: object = "<f4", data: bytes = bytes(64)) -> bytes:
    """An array as numpy.save writes it, with any header."""
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def npz(*arrays: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    return zipped({f"a{number}.npy": content for number, content in enumerate(arrays)}, method)


def stating(content: bytes, place: int, value: int) -> bytes:
    """The zip with another number at that place of each entry of its directory."""
    changed = bytearray(content)
    for at in (at for at in range(len(content)) if content[at : at + 4] == b"PK\x01\x02"):
        struct.pack_into("<I", changed, at + place, value)
    return bytes(changed)


def pickled_objects(folder: Path) -> Sequence[Path]:
    return written(npy((1,), "|O", pickle.dumps(Code(folder))), "model.npy")(folder)


BOMB = npz(*[npy((2**24,), data=bytes(2**26))] * 2)
NUMPY = (
    Hostile("npy: cut off", written(npy()[:-1], "model.npy"), "truncated-file"),
    Hostile("npy: header cut off", written(npy()[:20], "model.npy"), "bad-header"),
    Hostile("npy: too long", written(npy() + b"0", "model.npy"), "bad-offsets"),
    Hostile("npy: 2^80 elements", written(npy((2**40, 2**40)), "model.npy"), "bad-header"),
    Hostile("npy: 2^50 elements", written(npy((2**50,)), "model.npy"), "truncated-file"),
    Hostile("npy: negative shape", written(npy((-4, -4)), "model.npy"), "bad-header"),
    Hostile("npy: 1,000 dimensions", written(npy((1,) * 1000, data=bytes(4)), "model.npy"), "bad-header"),
    Hostile("npy: no dtype", written(npy(descr="nonsense"), "model.npy"), "bad-header"),
    Hostile("npy: nested deep", written(npy(descr=[]).replace(b"[]", b"(" * 9000), "model.npy"), "bad-header"),
    Hostile("npy: pickled objects", pickled_objects, "no-tensors"),
    Hostile("npz: a bomb", written(BOMB, "model.npz"), "unbounded"),
    Hostile("npz: 4 GB from 100 bytes", written(stating(npz(npy()), 24, 2**32 - 2), "model.npz"), "unbounded"),
    Hostile("npz: a shape that lies", written(npz(npy((2**30,))), "model.npz"), "truncated-file"),
    Hostile("npz: a place that lies", written(stating(npz(npy(), npy()), 42, 1), "model.npz"), "truncated-file"),
    Hostile("npz: overlap", written(stating(npz(npy(), npy()), 42, 0), "model.npz"), "bad-offsets"),
    Hostile("npz: two in one", written(npz(npy()) + npz(npy((2, 8))), "model.npz"), "trailing-bytes"),
    Hostile("npz: more behind it", written(npz(npy()) + b"0" * 9, "model.npz"), "trailing-bytes"),
    Hostile("npz: cut off", written(npz(npy())[:-30], "model.npz"), "truncated-file"),
    Hostile("npz: bzip2", written(npz(npy(), method=zipfile.ZIP_BZIP2), "model.npz"), "compressed-member"),
)  # fmt: skip
