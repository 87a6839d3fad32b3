"""Pickles and archives in the way of torch.save."""

import io
import os
import pickle
import struct
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.hostile.base import Build, Hostile, cut, marker, written, zipped


class Code:
    """An object whose pickle runs a command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch '{marker(self.folder)}'",)


def saved(value: Callable[[Path], object], zip_format: bool = True) -> Build:
    def build(folder: Path) -> Sequence[Path]:
        torch.save(value(folder), folder / "model.pt", _use_new_zipfile_serialization=zip_format)
        return [folder / "model.pt"]

    return build


def with_code(folder: Path) -> object:
    return {"weight": torch.zeros(2, 2), "hidden": [Code(folder)]}


def plain_pickle(protocol: int) -> Build:
    def build(folder: Path) -> Sequence[Path]:
        return written(pickle.dumps(Code(folder), protocol), "model.pt")(folder)

    return build


def torch_zip(pickled: bytes, storages: Sequence[bytes] = (), method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip as torch.save writes it, around any pickle."""
    data = {f"archive/data/{index}": storage for index, storage in enumerate(storages)}
    return zipped(
        {"archive/data.pkl": pickled, "archive/byteorder": b"little", **data, "archive/version": b"3\n"}, method
    )


def view_pickle(
    count: int = 4, offset: int = 0, shape: Sequence[int] = (2, 2), strides: Sequence[int] = (2, 1), key: str = "0"
) -> bytes:
    """The pickle of {"weight": view}, opcode by opcode; BINPERSID takes the storage's tuple."""

    def number(value: int) -> bytes:
        return pickle.dumps(value, 2)[2:-1]

    def numbers(values: Sequence[int]) -> bytes:
        return b"(" + b"".join(map(number, values)) + b"t"

    text = b"X" + struct.pack("<I", len(key)) + key.encode()
    storage = (
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\n" + text + b"X\x03\x00\x00\x00cpu" + number(count) + b"tQ"
    )
    rebuilt = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(offset) + numbers(shape) + numbers(strides)
    return b"\x80\x02}X\x06\x00\x00\x00weight" + rebuilt + b"\x89ccollections\nOrderedDict\n)RtRs."


def laughs(key: bytes) -> bytes:
    """A dict in which each level holds the next one twice, 2^40 leaves from 700 bytes; `key` is a key of it."""
    level = b"q\x01}(K\x00h\x01K\x01h\x01u"  # memo 1 = x; x = {0: memo 1, 1: memo 1}
    return b"\x80\x02K\x07" + level * 40 + key + b"."


TUPLES = b"\x80\x02K\x07" + b"q\x01h\x01\x86" * 200  # x = (x, x), 200 times: 2^200 steps to hash it
ENDLESS = b"\x80\x02}q\x01X\x01\x00\x00\x00ah\x01s."  # x = {"a": x}


def doubled() -> bytes:
    """A zip with two members of one name."""
    good = torch_zip(view_pickle(), [bytes(16), bytes(16)])
    return good.replace(b"archive/data/1", b"archive/data/0")


def encrypted() -> bytes:
    """The flag of an encrypted member, in its local header and in the directory."""
    good = bytearray(torch_zip(view_pickle(), [bytes(16)]))
    local, central = good.index(b"PK\x03\x04"), good.index(b"PK\x01\x02")
    good[local + 6] |= 1
    good[central + 8] |= 1
    return bytes(good)


def overlapping() -> bytes:
    """A directory whose second member starts where the first one does, and so lies in it."""
    good = bytearray(torch_zip(view_pickle(), [bytes(16), bytes(16)]))
    last = good.rindex(b"PK\x01\x02archive/version"[:4])
    struct.pack_into("<I", good, last + 42, 0)
    return bytes(good)


def lying() -> bytes:
    """A directory that states more bytes for a member than the file has."""
    good = bytearray(torch_zip(view_pickle(), [bytes(16)]))
    central = [at for at in range(len(good)) if good[at : at + 4] == b"PK\x01\x02"]
    for at in central:
        struct.pack_into("<II", good, at + 20, 2**31, 2**31)
    return bytes(good)


def many_views() -> bytes:
    """One storage of 1 MB under 200 names: 200 MB if each is written out."""
    storage = torch.zeros(2**18)
    buffer = io.BytesIO()
    torch.save({str(index): storage for index in range(200)}, buffer)
    return buffer.getvalue()


def weights(_: Path) -> object:
    return OrderedDict(weight=torch.ones(64, 64))


def view(**changes: Any) -> Build:
    return written(torch_zip(view_pickle(**changes), [bytes(16)]), "model.pt")


def script(data: bytes, constants: bytes = b"\x80\x02).") -> Build:
    """An archive as torch.jit.save writes it, around any pickles."""
    return written(zipped({"m/data.pkl": data, "m/code/m.py": b"", "m/constants.pkl": constants}), "model.pt")


def order(word: bytes) -> bytes:
    """A zip that states another byte order."""
    return zipped({"a/data.pkl": view_pickle(), "a/byteorder": word, "a/data/0": bytes(16), "a/version": b"3\n"})


def flipped(build: Build, at: bytes) -> Build:
    """The file with one bit other than it was saved, where these bytes stand first; its checksums as they were."""

    def flip(folder: Path) -> Sequence[Path]:
        (path,) = build(folder)
        content = bytearray(path.read_bytes())
        content[content.index(at)] ^= 1
        path.write_bytes(content)
        return [path]

    return flip


def twice(build: Build, most: int | None = None) -> Build:
    """The file, and behind it itself again, or the first bytes of it."""

    def double(folder: Path) -> Sequence[Path]:
        (path,) = build(folder)
        content = path.read_bytes()
        path.write_bytes(content + content[:most])
        return [path]

    return double


def plain_array(folder: Path) -> Sequence[Path]:
    return written(pickle.dumps({"weight": np.ones((2, 2))}), "model.pdparams")(folder)


def traced(folder: Path) -> Sequence[Path]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that torch.jit is deprecated
        model: Any = torch.jit.trace(torch.nn.Linear(4, 4), torch.ones(1, 4))  # type: ignore[no-untyped-call]
        model.save(str(folder / "model.pt"))
    return [folder / "model.pt"]


TORCH = (
    Hostile("zip: code", saved(with_code), "pickle-code"),
    Hostile("legacy: code", saved(with_code, zip_format=False), "pickle-code"),
    Hostile("zip: code by INST", written(torch_zip(b"(S'true'\nios\nsystem\n."), "model.pt"), "pickle-code"),
    Hostile("pickle, protocol 0", plain_pickle(0), "pickle-code"),
    Hostile("pickle, protocol 2", plain_pickle(2), "pickle-code"),
    Hostile("pickle, protocol 5", plain_pickle(5), "pickle-code"),
    Hostile("pickle of plain values", written(pickle.dumps({"a": [1.0]}), "model.pt"), "no-tensors"),
    Hostile("zip: deflated", written(torch_zip(view_pickle(), [bytes(10**6)], 8)), "compressed-member"),
    Hostile("zip: encrypted", written(encrypted(), "model.pt"), "encrypted-member"),
    Hostile("zip: a member twice", written(doubled(), "model.pt"), "unsafe-file"),
    Hostile("zip: overlap", written(overlapping(), "model.pt"), "bad-offsets"),
    Hostile("zip: a size that lies", written(lying(), "model.pt"), "bad-offsets"),
    Hostile("zip: a bit of the pickle", flipped(saved(weights), b"torch._utils"), "bad-checksum"),
    Hostile("zip: byte order of no machine", written(order(b"middle"), "model.pt"), "bad-header"),
    Hostile("zip: byte order too long", written(order(b"little" * 9), "model.pt"), "bad-header"),
    Hostile("zip: cut off", cut(saved(weights), 0.6), "truncated-file"),
    Hostile("legacy: cut off", cut(saved(weights, zip_format=False), 0.6), "truncated-file"),
    Hostile("legacy: pickles cut off", cut(saved(weights, zip_format=False), 0.02), "truncated-file"),
    Hostile("zip: storage too short", view(count=5), "bad-offsets"),
    Hostile("zip: offset too far", view(offset=1), "bad-offsets"),
    Hostile("zip: strides too far", view(strides=(3, 1)), "bad-offsets"),
    Hostile("zip: negative stride", view(strides=(-2, 1)), "bad-offsets"),
    Hostile("zip: negative offset", view(offset=-1), "bad-offsets"),
    Hostile("zip: too few strides", view(strides=(1,)), "bad-offsets"),
    Hostile("zip: no such storage", view(key="../0"), "bad-offsets"),
    Hostile("zip: 4 TB from 16 bytes", view(shape=(2**20, 2**20), strides=(0, 0)), "unbounded"),
    Hostile("zip: one storage, many names", written(many_views(), "model.pt"), "unbounded"),
    Hostile("zip: 2^40 leaves", written(torch_zip(laughs(b"")), "model.pt"), "unbounded"),
    Hostile("zip: a value in itself", written(torch_zip(ENDLESS), "model.pt"), "unbounded"),
    Hostile("zip: 2^200 steps to hash", written(torch_zip(TUPLES + b"}h\x01K\x01s."), "model.pt"), "no-tensors"),
    Hostile("zip: pickle ends early", written(torch_zip(b"\x80\x02}"), "model.pt"), "truncated-file"),
    Hostile("zip: pickle is noise", written(torch_zip(b"\x80\x02\xff\xff."), "model.pt"), "bad-header"),
    Hostile("zip: more behind it", twice(saved(weights), 10), "trailing-bytes"),
    Hostile("zip: two in one", twice(saved(weights)), "archive"),
    Hostile("zip: a part of a second one", twice(saved(weights), 500), "trailing-bytes"),
    Hostile("legacy: two in one", twice(saved(weights, zip_format=False)), "trailing-bytes"),
    Hostile("pickle: two in one", twice(plain_array), "trailing-bytes"),
    Hostile("zip: no tensor", saved(lambda _: {"epoch": 3}), "no-tensors"),
    Hostile("TorchScript: code", script(b"cos\nsystem\n(S'true'\ntR."), "pickle-code"),
    Hostile("TorchScript: code as a constant",
            script(b"\x80\x02}.", b"cos\nsystem\n(S'true'\ntR."), "pickle-code"),
    Hostile("TorchScript: storage is not there", script(view_pickle()), "bad-offsets"),
    Hostile("TorchScript: nothing in it", script(b"\x80\x02}.", b"\x80\x02)."), "no-tensors"),
    Hostile("TorchScript: cut off", cut(traced, 0.6), "truncated-file"),
)  # fmt: skip
