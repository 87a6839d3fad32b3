"""Broken and malicious HDF5, made with h5py or by changing bytes of what it writes."""

import io
import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.hostile.base import Build, Hostile, cut, written, zipped

NAME = "model.weights.h5"


def made(fill: Callable[[Any], object], **options: object) -> Build:
    """A file of HDF5 that `fill` writes into."""

    def build(folder: Path) -> Sequence[Path]:
        with h5py.File(folder / NAME, "w", **options) as file:
            fill(file)
        return [folder / NAME]

    return build


def behind(content: Build, count: int | None = None) -> Build:
    """The same with its first bytes, or all of it, once more behind its end."""

    def build(folder: Path) -> Sequence[Path]:
        (path,) = content(folder)
        path.write_bytes(path.read_bytes() + path.read_bytes()[:count])
        return [path]

    return build


def layer(file: Any, name: str = "layers/dense", rows: int = 4) -> None:
    file[f"{name}/vars/0"] = np.ones((rows, 4), np.float32)
    file[f"{name}/vars/1"] = np.ones(4, np.float32)


def in_itself(file: Any) -> None:
    layer(file)
    file["layers/dense/again"] = file["layers"]


def twice(file: Any) -> None:
    """2^40 leaves: each group holds the next one under two names."""
    layer(file, "leaf")
    below = file["leaf"]
    for number in range(40):
        above = file.create_group(f"level{number}")
        above["a"] = above["b"] = below
        below = above


def deep(file: Any) -> None:
    layer(file, "/".join("g" * 100))


def many(file: Any) -> None:
    """One dataset of 4 MB under 200 names."""
    file["a"] = np.ones((2**20,), np.float32)
    for number in range(200):
        file[str(number)] = file["a"]


def external(file: Any) -> None:
    file.create_dataset("kernel", (4, 4), "f4", external=[("/etc/passwd", 0, 64)])


def virtual(file: Any) -> None:
    layout = h5py.VirtualLayout((4, 4), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "a", (4, 4))
    file.create_virtual_dataset("kernel", layout)


def bomb(file: Any) -> None:
    """512 MB of zeros in half a megabyte."""
    file.create_dataset("kernel", (2**13, 2**14), "f4", chunks=(2**10, 2**14), compression="gzip", fillvalue=0)
    for row in range(0, 2**13, 2**10):
        file["kernel"][row : row + 2**10] = 0


def lzf(file: Any) -> None:
    file.create_dataset("kernel", data=np.ones((40, 40), "f4"), compression="lzf")


def compress(file: Any) -> None:
    file.create_dataset("kernel", data=np.arange(1600.0, dtype="f4").reshape(40, 40), compression="gzip")


def longer_chunk(folder: Path) -> Sequence[Path]:
    """A chunk that inflates to 64 MB in place of its 6,400 bytes."""
    import zlib

    with h5py.File(folder / NAME, "w") as file:
        made_of = file.create_dataset("kernel", (40, 40), "f4", chunks=(40, 40), compression="gzip")
        made_of.id.write_direct_chunk((0, 0), zlib.compress(bytes(2**26)))
    return [folder / NAME]


def stating(before: int, after: int, build: Build) -> Build:
    """The file with another number of 8 bytes in place of one."""

    def change(folder: Path) -> Sequence[Path]:
        (path,) = build(folder)
        content = path.read_bytes()
        assert struct.pack("<Q", before) in content
        path.write_bytes(content.replace(struct.pack("<Q", before), struct.pack("<Q", after)))
        return [path]

    return change


def prime(file: Any) -> None:
    """A matrix whose sides no other number of the file equals."""
    file["kernel"] = np.ones((1009, 7), np.float32)


def archive(*names: str, method: int = zipfile.ZIP_STORED) -> Build:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        layer(file)
    members = {"metadata.json": b"{}", "config.json": b"{}", **dict.fromkeys(names, buffer.getvalue())}
    return written(zipped(members, method), "model.keras")


HDF5 = (
    Hostile("hdf5: a head alone", written(b"\x89HDF\r\n\x1a\n" + bytes(100), NAME), "truncated-file"),
    Hostile("hdf5: cut off", cut(made(layer), 0.7), "truncated-file"),
    Hostile("hdf5: two in one", behind(made(layer)), "trailing-bytes"),
    Hostile("hdf5: two of the newest version", behind(made(layer, libver="latest")), "trailing-bytes"),
    Hostile("hdf5: a byte behind it", behind(made(layer), 1), "trailing-bytes"),
    Hostile("hdf5: nothing in it", made(lambda _: None), "no-tensors"),
    Hostile("hdf5: text alone", made(lambda file: file.create_dataset("a", data="text")), "no-tensors"),
    Hostile("hdf5: a soft link", made(lambda file: file.__setitem__("a", h5py.SoftLink("/b"))), "external-data"),
    Hostile("hdf5: a link to a file",
            made(lambda file: file.__setitem__("a", h5py.ExternalLink("/etc/passwd", "/"))), "external-data"),
    Hostile("hdf5: numbers in a file", made(external), "external-data"),
    Hostile("hdf5: a virtual dataset", made(virtual), "external-data"),
    Hostile("hdf5: a group in itself", made(in_itself), "unbounded"),
    Hostile("hdf5: 2^40 leaves", made(twice), "unbounded"),
    Hostile("hdf5: 100 groups deep", made(deep), "unbounded"),
    Hostile("hdf5: one dataset, many names", made(many), "unbounded"),
    Hostile("hdf5: a bomb", made(bomb), "unbounded"),
    Hostile("hdf5: another filter", made(lzf), "compressed-member"),
    Hostile("hdf5: 2^40 rows", stating(1009, 2**40, made(prime)), "truncated-file"),
    Hostile("hdf5: numbers never written", made(lambda file: file.create_dataset("a", (9, 9), "f4")), "no-tensors"),
    Hostile("keras: no weights", archive(), "archive"),
    Hostile("keras: two files", archive("a.weights.h5", "b.weights.h5"), "keras-archive"),
    Hostile("keras: deflated", archive(NAME, method=zipfile.ZIP_DEFLATED), "compressed-member"),
    Hostile("keras: weights cut off", written(zipped({"metadata.json": b"{}", NAME: b"\x89HDF\r\n\x1a\n"}), "m.keras"),
            "truncated-file"),
)  # fmt: skip
