"""Tensors described, cut and laid out from their names and shapes alone."""

from collections.abc import Mapping

from torch import Tensor

from analysis.tensors.header import Header, Headers
from analysis.tensors.layouts import Lay, lay_of
from analysis.tensors.matrices import describe, weights
from analysis.weight import TensorInfo, Weight

Shape = tuple[int, ...]


def described(shapes: Mapping[str, Shape]) -> dict[str, TensorInfo]:
    return {info.name: info for info in describe({name: Header(shape, "float32", 0) for name, shape in shapes.items()})}


def cut(state: Mapping[str, Tensor]) -> dict[str, Weight]:
    infos = describe({name: Header(tuple(t.shape), "float32", t.nbytes) for name, t in state.items()})
    return {w.info.name: w for info in infos for w in weights(info, state[info.name])}


def laid(name: str, shapes: Mapping[str, Shape], role: str = "other") -> Lay:
    found = Headers({key: Header(shape, "float32", 0) for key, shape in shapes.items()})
    return lay_of(name, role, found, conv1d=False)
