"""Files that nobody should trust, built on the fly, each with the code that it is rejected with.

`HOSTILE` is the corpus; `marker` names a file that appears where code of one of them runs.
"""

import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

Entry = dict[str, Any]


@dataclass(frozen=True)
class Hostile:
    """A hostile upload: `build` writes it into a folder and returns its files; `code` is why it is rejected."""

    name: str
    build: Callable[[Path], Sequence[Path]]
    code: str


def marker(folder: Path) -> Path:
    """The file that the code in the pickles would make."""
    return folder / "code-has-run"


def written(content: bytes, name: str = "model.safetensors") -> Callable[[Path], Sequence[Path]]:
    def build(folder: Path) -> Sequence[Path]:
        (folder / name).write_bytes(content)
        return [folder / name]

    return build


# safetensors


def safetensors(header: bytes | Entry, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(begin: int, end: int, shape: Sequence[object] = (2,), dtype: str = "F32") -> Entry:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


ONE = safetensors({"a": entry(0, 8)}, bytes(8))
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
    Hostile("no tensor", written(safetensors({})), "no-tensors"),
)  # fmt: skip


# other files in place of a checkpoint


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model.safetensors"))
    return buffer.getvalue()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 90868376\n"
# the first bytes of torch.onnx.export: ir_version 8, producer_name "pytorch"
ONNX = b"\x08\x08\x12\x07pytorch\x1a\x052.1.0:\xb2\x04" + bytes(500)
OTHERS = (
    Hostile("empty file", written(b""), "empty-file"),
    Hostile("three bytes", written(b"\x00\x01\x02"), "unknown-format"),
    Hostile("zeros", written(bytes(10_000)), "unknown-format"),
    Hostile("random bytes", written(np.random.default_rng(0).bytes(10_000)), "unknown-format"),
    Hostile("git-lfs pointer", written(POINTER), "lfs-pointer"),
    Hostile("HTML page", written(b"\n<!DOCTYPE html><html><body>404: not found"), "html-page"),
    Hostile("text", written("Läuft.\n".encode() * 1000), "text-file"),
    Hostile("JSON", written(b'{"error": "Repository not found"}', "model.bin"), "text-file"),
    Hostile("gzip", written(b"\x1f\x8b\x08" + bytes(100)), "compressed-file"),
    Hostile("tar", written(tar(), "model.pt"), "archive"),
    Hostile("7z", written(b"7z\xbc\xaf\x27\x1c" + bytes(100)), "archive"),
    Hostile("another zip", written(zipped({"readme.txt": b"hello"}), "model.pt"), "archive"),
    Hostile("Keras 3", written(zipped({"config.json": b"{}", "model.weights.h5": b""}), "model.pt"), "keras-archive"),
    Hostile("HDF5", written(b"\x89HDF\r\n\x1a\n" + bytes(100)), "hdf5-file"),
    Hostile("ONNX", written(ONNX, "model.pt"), "onnx-model"),
    Hostile("GGML", written(b"tjgg\x03\x00\x00\x00" + bytes(100)), "gguf-model"),
    Hostile("SavedModel", written(b"\x08\x01\x12\x99\x01\x0a\x12\x12\x05serve" + bytes(100)), "tensorflow-file"),
    Hostile("no file", lambda folder: [folder / "nowhere.pt"], "missing-file"),
)


# PyTorch


class Code:
    """An object whose pickle runs a command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch '{marker(self.folder)}'",)


def saved(value: Callable[[Path], object], zip_format: bool = True) -> Callable[[Path], Sequence[Path]]:
    def build(folder: Path) -> Sequence[Path]:
        torch.save(value(folder), folder / "model.pt", _use_new_zipfile_serialization=zip_format)
        return [folder / "model.pt"]

    return build


def with_code(folder: Path) -> object:
    return {"weight": torch.zeros(2, 2), "hidden": [Code(folder)]}


def plain_pickle(protocol: int) -> Callable[[Path], Sequence[Path]]:
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


def cut(content: Callable[[Path], Sequence[Path]], part: float) -> Callable[[Path], Sequence[Path]]:
    def build(folder: Path) -> Sequence[Path]:
        (path,) = content(folder)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
        return [path]

    return build


def weights(_: Path) -> object:
    return OrderedDict(weight=torch.ones(64, 64))


def view(**changes: Any) -> Callable[[Path], Sequence[Path]]:
    return written(torch_zip(view_pickle(**changes), [bytes(16)]), "model.pt")


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
    Hostile("zip: no tensor", saved(lambda _: {"epoch": 3}), "no-tensors"),
    Hostile("TorchScript", written(zipped({"m/data.pkl": b"", "m/constants.pkl": b""}), "model.pt"), "torchscript"),
)  # fmt: skip


# NumPy


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
    Hostile("npz: cut off", written(npz(npy())[:-30], "model.npz"), "truncated-file"),
    Hostile("npz: bzip2", written(npz(npy(), method=zipfile.ZIP_BZIP2), "model.npz"), "compressed-member"),
)  # fmt: skip


# GGUF


def gguf(tensors: int = 1, values: int = 0, middle: bytes = b"", version: int = 3, data: bytes = bytes(64)) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, tensors, values) + middle
    return head + bytes(-len(head) % 32) + data


def gguf_tensor(shape: Sequence[int] = (4, 4), kind: int = 0, offset: int = 0) -> bytes:
    dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return struct.pack("<Q", 1) + b"a" + dimensions + struct.pack("<IQ", kind, offset)


def gguf_array(kind: int, count: int) -> Callable[[Path], Sequence[Path]]:
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
    Hostile("gguf: overlap",
            written(gguf(2, middle=gguf_tensor() + gguf_tensor().replace(b"a", b"b")), "a.gguf"), "bad-offsets"),
)  # fmt: skip


# shards

Shards = dict[str, bytes]


def sharded(weight_map: object, shards: Shards) -> Callable[[Path], Sequence[Path]]:
    def build(folder: Path) -> Sequence[Path]:
        index = folder / "model.safetensors.index.json"
        index.write_text(json.dumps({"weight_map": weight_map}))
        return [index, *(path for name, data in shards.items() for path in written(data, name)(folder))]

    return build


def both(
    first: Callable[[Path], Sequence[Path]], second: Callable[[Path], Sequence[Path]]
) -> Callable[[Path], Sequence[Path]]:
    return lambda folder: [*first(folder), *second(folder)]


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
    Hostile("shards: one is a pointer", both(written(ONE, "1.bin"), written(POINTER, "2.bin")), "lfs-pointer"),
    Hostile("shards: a tensor twice", both(written(ONE, "1.bin"), written(ONE, "2.bin")), "duplicate-tensor"),
)  # fmt: skip

HOSTILE = (*SAFETENSORS, *OTHERS, *TORCH, *NUMPY, *GGUF, *SHARDS)

# Names that are data, however odd: a checkpoint with them is read like any other.
ODD_NAMES = (
    "",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "a\0b",
    "x" * 65536,
    "naïve λ 漢字 🦊",
    "a\nb",
    "%s{0}",
    "'; --",
)
