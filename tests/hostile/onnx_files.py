"""Broken and malicious ONNX, made with onnx or byte by byte."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tests.hostile.base import Build, Hostile, written

NAME = "model.onnx"


def model(*tensors: Any, nodes: Sequence[Any] = ()) -> bytes:
    return bytes(helper.make_model(helper.make_graph(list(nodes), "g", [], [], list(tensors))).SerializeToString())


def matrix(name: str = "fc.weight", rows: int = 4) -> Any:
    return numpy_helper.from_array(np.ones((rows, 4), np.float32), name)


def changed(change: Callable[[Any], object]) -> Build:
    """A model with one matrix that is not as it should be."""
    tensor = matrix()
    change(tensor)
    return written(model(tensor), NAME)


def external(location: str, length: int | None = 64, offset: object = 0) -> Build:
    """A model whose matrix lies in another file."""

    def build(folder: Path) -> Sequence[Path]:
        tensor = TensorProto(name="fc.weight", dims=[4, 4], data_type=1, data_location=TensorProto.EXTERNAL)
        for key, value in (("location", location), ("length", length), ("offset", offset)):
            if value is not None:
                tensor.external_data.add(key=key, value=str(value))
        (folder / "there.bin").write_bytes(bytes(64))
        return written(model(tensor), NAME)(folder)

    return build


def linked(folder: Path) -> Sequence[Path]:
    """A link in the folder that leads out of it."""
    (folder / "data").symlink_to("/etc/passwd")
    return external("data")(folder)


def shared(folder: Path) -> Sequence[Path]:
    """200 matrices that are one megabyte."""
    tensors = []
    for number in range(200):
        tensor = TensorProto(name=str(number), dims=[2**9, 2**9], data_type=1, data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="there.bin")
        tensors.append(tensor)
    (folder / "there.bin").write_bytes(bytes(2**20))
    return written(model(*tensors), NAME)(folder)


def field(number: int, content: bytes) -> bytes:
    """A field of bytes on the wire."""
    length, head = len(content), bytearray([number << 3 | 2])
    while length > 127:
        head.append(length & 127 | 128)
        length >>= 7
    return bytes(head) + bytes([length]) + content


def nested(depth: int = 200) -> bytes:
    """Graphs within graphs: a node's attribute holds the next one."""
    graph = b""
    for _ in range(depth):
        graph = field(1, field(5, field(6, graph)))
    return b"\x08\x08" + field(2, b"x") + field(7, graph)


def not_packed(tensor: Any) -> None:
    tensor.ClearField("raw_data")
    tensor.float_data.extend([1.0] * 5)


def stating(*dims: int) -> Callable[[Any], object]:
    def change(tensor: Any) -> None:
        del tensor.dims[:]
        tensor.dims.extend(dims)

    return change


HEAD = b"\x08\x08" + field(2, b"pytorch")
ONNX = (
    Hostile("onnx: no graph", written(HEAD, NAME), "onnx-model"),
    Hostile("onnx: cut off", written(model(matrix())[:-9], NAME), "truncated-file"),
    Hostile("onnx: no tensor", written(model(), NAME), "no-tensors"),
    Hostile("onnx: zeros behind its head", written(HEAD + bytes(500), NAME), "onnx-model"),
    Hostile("onnx: 2^63 bytes of field", written(HEAD + b"\x3a" + b"\xff" * 8 + b"\x7f", NAME), "truncated-file"),
    Hostile("onnx: an endless number", written(HEAD + b"\xff" * 30, NAME), "truncated-file"),
    Hostile("onnx: graphs in graphs", written(nested(), NAME), "unbounded"),
    Hostile("onnx: 2 million fields", written(HEAD + field(7, b"\x08\x01" * 2_100_000), NAME), "unbounded"),
    Hostile("onnx: 2^80 elements", changed(stating(2**40, 2**40)), "bad-offsets"),
    Hostile("onnx: negative shape", changed(stating(-4, -4)), "bad-offsets"),
    Hostile("onnx: a shape that lies", changed(stating(4, 5)), "bad-offsets"),
    Hostile("onnx: 1,000 dimensions", changed(stating(*[1] * 1000)), "truncated-file"),
    Hostile("onnx: too few numbers", changed(not_packed), "bad-offsets"),
    Hostile("onnx: text alone", changed(lambda tensor: setattr(tensor, "data_type", 8)), "no-tensors"),
    Hostile("onnx: a tensor twice", written(model(matrix(), matrix()), NAME), "duplicate-tensor"),
    Hostile("onnx: data above the folder", external("../../etc/passwd"), "shard-outside"),
    Hostile("onnx: data at the root", external("/etc/passwd"), "shard-outside"),
    Hostile("onnx: data by a link", linked, "shard-outside"),
    Hostile("onnx: data without a name", external(""), "shard-outside"),
    Hostile("onnx: data is missing", external("nowhere.bin"), "missing-shard"),
    Hostile("onnx: data is too short", external("there.bin", offset=8), "truncated-file"),
    Hostile("onnx: data of another length", external("there.bin", length=4), "bad-offsets"),
    Hostile("onnx: data before its file", external("there.bin", offset=-8), "bad-header"),
    Hostile("onnx: one file, many tensors", shared, "unbounded"),
)  # fmt: skip
