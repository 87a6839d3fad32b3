"""From tensors to matrices: what a checkpoint's headers say about each tensor, and the weights in it.

`describe` looks at names, shapes and dtypes alone and decides, for every tensor, whether it holds matrices and how they
lie in it (its `Layout`), or why it holds none. `matrices` plans the weights of one tensor without reading it, and
`weights` cuts them out of it, with the same names in the same order. m rows are outputs, n columns are inputs.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from analysis import names
from analysis.attention import Facts
from analysis.layout import KERNELS, STACKS, Layout
from analysis.names.labels import block, distinct, label_of
from analysis.names.places import WAYS
from analysis.names.roles import RECURRENT
from analysis.runtime.arrays import Numbers, as_array
from analysis.runtime.shapes import Float, Int, Shaped
from analysis.tensors import axes
from analysis.tensors.header import Header, Headers
from analysis.tensors.heads import rows_by_group
from analysis.tensors.layouts import Lay, kernel_extents, lay_of, stores_inputs_first
from analysis.tensors.scanned import layer_name, of_all_layers, of_one_layer, scanned_layers
from analysis.tensors.skipping import reason_to_skip
from analysis.weight import Grid, TensorInfo, Weight, WeightInfo

__all__ = ["Header", "describe", "left_out", "matrices", "outputs", "weights"]

# the order in which PyTorch stacks the gates on the rows (torch.nn.LSTM and torch.nn.GRU, "Variables"), and Keras
GATES = {
    Layout.LSTM: ("input", "forget", "cell", "output"),
    Layout.GRU: ("reset", "update", "new"),
    Layout.GRU_UPDATE_FIRST: ("update", "reset", "new"),
    Layout.STACK_LSTM: ("input", "output", "forget", "cell"),  # of ONNX (onnx/docs/Operators.md, LSTM and GRU)
    Layout.STACK_GRU: ("update", "reset", "new"),
    Layout.KERNEL_LSTM: ("input", "forget", "output", "cell"),
    Layout.KERNEL_LAST_LSTM: ("input", "forget", "cell", "output"),
}
HALVES = {
    Layout.HALVES: ("gate", "up"),
    Layout.STACK_HALVES: ("gate", "up"),
    Layout.HALVES_UP_FIRST: ("up", "gate"),
}
MOST_CUTS = 4  # weights of one member: the gates of an LSTM
CONVOLVED = ("up", "down", "gate", "gate_up", "head", "other", "o", "qkv", "router")  # roles that mean a linear layer


def describe(headers: Mapping[str, Header], facts: Facts | None = None) -> tuple[TensorInfo, ...]:
    """Every tensor of a checkpoint, in the order of its file: role, depth, and how matrices lie in it or why not.

    `facts` are what is known of the model besides: of them the heads are used (`analysis.attention`).
    """
    scanned = scanned_layers(headers)
    one = {name: of_one_layer(header, scanned[name]) if name in scanned else header for name, header in headers.items()}
    around = Headers(one, facts or {})
    conv1d = stores_inputs_first(around)
    infos = [_describe(name, around, conv1d) for name in headers]
    infos = [of_all_layers(i, headers[i.name], scanned[i.name]) if i.name in scanned else i for i in infos]
    words = distinct({info.name: _labels(info) for info in infos if info.skip is None})
    return tuple(replace(info, more=words[info.name]) if info.name in words else info for info in infos)


def left_out(name: str, header: Header, reason: str) -> TensorInfo:
    """A tensor that its format has set aside, with the reason."""
    return TensorInfo(name, header.shape, header.dtype, header.nbytes, "other", None, reason, False, Layout.NONE)


def _describe(name: str, headers: Headers, conv1d: bool) -> TensorInfo:
    header, place = headers.of[name], headers.places[name]
    role = _role(name, headers)
    skip = reason_to_skip(name, role, headers)
    lay = Lay(Layout.NONE) if skip else lay_of(name, role, headers, conv1d)
    if lay.layout in KERNELS and role in CONVOLVED:
        role = "conv"
    elif lay.layout not in KERNELS and role == "conv" and skip is None:
        role = "other"
    role = lay.role or role
    return TensorInfo(
        name, header.shape, header.dtype, header.nbytes, role, place.depth, skip or lay.skip or None, lay.transposed,
        lay.layout, lay.groups, lay.first, lay.unfit, _block_name(place), axes=lay.axes,
    )  # fmt: skip


def _labels(info: TensorInfo) -> set[str]:
    """The labels of the weights in a tensor, of a stack those of its first member."""
    return {label_of(cut.name, cut.role, *_block_of(info, cut)) for cut in islice(_cuts(info), MOST_CUTS)}


def _block_name(place: names.Place) -> str:
    """A block in words; of a U-Net the number is the one on its own way."""
    if not place.in_block:
        return ""
    if place.side.rpartition(" ")[2] in WAYS:
        return block(place.side, place.numbers[0] if place.numbers else None)
    return block(place.side, place.depth)


def _role(name: str, headers: Headers) -> str:
    """The role the name says, corrected by the shape where the name says too little."""
    role = names.role_of(name, headers.block_words(name))
    rank = len(headers.of[name].shape)
    if rank == 1 and role != "bias" and names.parts(name) != name.lower().split("."):
        return "norm"  # a "….weight" with one dimension is a gain
    if rank == 2 and headers.shape(f"{name.removesuffix(':0').removesuffix('kernel')}recurrent_kernel"):
        return "recurrent"  # a layer's "kernel" of Keras
    return "conv" if rank in (4, 5) and role == "other" else role


Outputs = slice | Int[np.ndarray, " r"]  # a part of a tensor's outputs, or these of them in their order


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where one weight lies in its tensor: which member of a stack, which of its outputs."""

    name: str
    role: str
    member: int | None
    outputs: Outputs
    place: axes.Place = axes.ALONE

    @property
    def is_member(self) -> bool:
        """Whether it is one of several matrices that do not lie below each other."""
        return self.member is not None or self.place != axes.ALONE


def matrices(info: TensorInfo) -> tuple[WeightInfo, ...]:
    """The weights of a tensor, planned from its header alone; none where it is skipped."""
    rows, columns, slices = _extents(info)
    return tuple(
        WeightInfo(
            cut.name, info.name, _extent_of(cut.outputs, rows), columns, slices, cut.role, *_block_of(info, cut),
            info.more, info.unfit,
        )
        for cut in _cuts(info)
    )  # fmt: skip


def weights(info: TensorInfo, tensor: Shaped[Numbers, "..."], grid: Grid | None = None) -> Iterator[Weight]:
    """The weights of a tensor with their numbers, in the order of `matrices`.

    They are views of it, but for convolutions of several groups and what lies in it head by head.
    """
    array = as_array(tensor)
    for plan, cut in zip(matrices(info), _cuts(info), strict=True):
        yield Weight(plan, _view(info, array, cut), grid=grid)


def _block_of(info: TensorInfo, cut: _Cut) -> tuple[int | None, str | None]:
    """The number of its block, and the block in words."""
    if cut.place.layer is None:
        return info.depth, info.where
    return cut.place.layer, block(info.where or "", cut.place.layer)


def _extent_of(outputs: Outputs, rows: int) -> int:
    return len(range(rows)[outputs]) if isinstance(outputs, slice) else len(outputs)


def outputs(info: TensorInfo) -> Iterator[Outputs | None]:
    """Which outputs of its tensor each weight holds, in the order of `matrices`; None for a member of a stack."""
    yield from (None if cut.is_member else cut.outputs for cut in _cuts(info))


def _extents(info: TensorInfo) -> tuple[int, int, int]:
    """Outputs, inputs and slices of what the tensor holds, before its outputs are cut."""
    shape = info.shape
    if info.layout == Layout.NONE:
        return 0, 0, 0
    if info.layout in KERNELS:
        return _kernel_matrices(*kernel_extents(shape, info.layout), info.groups)
    if info.layout == Layout.AXES:
        return *axes.extents(shape, info.axes), 1
    if info.layout == Layout.FOLDED:
        shape = (shape[0] // info.groups, shape[1])
    rows, columns = reversed(shape[-2:]) if info.transposed else shape[-2:]
    return rows, columns, 1


def _kernel_matrices(rows: int, columns: int, positions: int, groups: int) -> tuple[int, int, int]:
    """Outputs, inputs and slices of a kernel: each group by itself, and taps as inputs where there is one channel."""
    rows //= groups
    return (rows, columns * positions, groups) if min(rows, columns) == 1 else (rows, columns, groups * positions)


def _view(info: TensorInfo, array: Shaped[np.ndarray, "..."], cut: _Cut) -> Float[np.ndarray, "s m n"]:
    if info.layout in KERNELS:
        return _split_groups(_kernel(info, array), info.groups)[:, cut.outputs]
    if info.layout == Layout.AXES:
        return axes.matrix_at(array, info.axes, cut.place)[None]
    if info.layout == Layout.FOLDED:
        array = array.reshape(info.groups, -1, info.shape[1])
    matrix = array.reshape(info.shape[-2:]) if cut.member is None else array[cut.member]
    weight = matrix.T if info.transposed else matrix  # (m, n)
    cut_out: Float[np.ndarray, "s m n"] = weight[cut.outputs][None]
    return cut_out


def _kernel(info: TensorInfo, array: Shaped[np.ndarray, "..."]) -> Float[np.ndarray, "s m n"]:
    """A kernel with its positions first, outputs, then the inputs of one group."""
    first, last = array.shape[0], array.shape[-1]
    match info.layout:
        case Layout.KERNEL_TRANSPOSED:
            return array.reshape(first, array.shape[1], -1).transpose(2, 1, 0)
        case Layout.KERNEL_LAST | Layout.KERNEL_LAST_LSTM:
            return array.reshape(-1, *array.shape[-2:]).transpose(0, 2, 1)
        case Layout.KERNEL_LAST_TRANSPOSED:
            return array.reshape(-1, *array.shape[-2:])
        case Layout.KERNEL_MIDDLE:
            return array.reshape(first, -1, last).transpose(1, 0, 2)
        case Layout.KERNEL_DEPTHWISE:
            return array.reshape(math.prod(array.shape[:-2]), -1)[:, :, None]
        case _:
            return array.reshape(first, array.shape[1], -1).transpose(2, 0, 1)


def _split_groups(kernel: Float[np.ndarray, "p m n"], groups: int) -> Float[np.ndarray, "s mg k"]:
    """Each group by itself: (positions) m/g × n, or one matrix of filters × taps where there is only one channel."""
    positions, rows, columns = kernel.shape
    parts = np.moveaxis(kernel.reshape(positions, groups, rows // groups, columns), 0, -1)  # (g, m/g, n, p)
    if min(parts.shape[1:3]) == 1:
        return parts.reshape(*parts.shape[:2], -1)
    return kernel if groups == 1 else np.moveaxis(parts, -1, 1).reshape(-1, rows // groups, columns)


def _cuts(info: TensorInfo) -> Iterator[_Cut]:
    if info.layout == Layout.AXES:
        yield from _axes_cuts(info)
        return
    for member in _members(info):
        name = info.called if member is None else _member_name(info.called, member)
        yield from _split(name, info, member)


def _members(info: TensorInfo) -> Iterable[int | None]:
    """The members of a stack; of any other tensor itself."""
    if info.layout == Layout.FOLDED:
        return range(info.groups)
    return range(info.shape[0]) if info.layout in STACKS else [None]


def _axes_cuts(info: TensorInfo) -> Iterator[_Cut]:
    """A matrix for each layer and part."""
    roles = axes.PARTS.get((info.role, axes.count(info.shape, info.axes, axes.PART)), ())
    for place in axes.places(info.shape, info.axes):
        name = info.called if place.layer is None else layer_name(info.called, place.layer)
        if place.part is None:
            yield _Cut(name, info.role, None, slice(None), place)
        else:
            yield _Cut(f"{name}.{roles[place.part]}", roles[place.part], None, slice(None), place)


def _split(name: str, info: TensorInfo, member: int | None) -> Iterator[_Cut]:
    """One member of a tensor cut by its outputs: gates of a recurrent layer, q, k and v, gate and up, or whole."""
    rows, layout = _extents(info)[0], Layout(info.layout)
    if gates := GATES.get(layout):
        size = rows // len(gates)
        for index, gate in enumerate(gates):
            yield _Cut(f"{name}.{gate}_gate", info.role, member, slice(index * size, (index + 1) * size))
    elif layout in (Layout.QKV, Layout.QKV_GROUPS):
        for role, span in _fused(info, rows).items():
            yield _Cut(f"{name}.{role}", role, member, span)
    elif halves := HALVES.get(layout):
        for index, half in enumerate(halves):
            yield _Cut(_half_name(name, half), half, member, slice(index * (rows // 2), (index + 1) * (rows // 2)))
    elif layout == Layout.STACK_PAIRS:
        yield _Cut(_half_name(name, "gate"), "gate", member, slice(0, rows, 2))
        yield _Cut(_half_name(name, "up"), "up", member, slice(1, rows, 2))
    elif layout != Layout.NONE:
        yield _Cut(name, info.role, member, slice(None))


def _fused(info: TensorInfo, rows: int) -> Mapping[str, Outputs]:
    """The outputs of a fused projection that are q, k and v."""
    if info.layout == Layout.QKV_GROUPS:
        return rows_by_group(rows, info.first, info.groups)
    middle = info.first + (rows - info.first) // 2
    return {"q": slice(0, info.first), "k": slice(info.first, middle), "v": slice(middle, rows)}


def _member_name(name: str, member: int) -> str:
    """The index goes behind "experts" where the name has it: "….experts.3.up_proj", in GGUF "….ffn_up_exps.3".

    The two directions of a recurrent layer are called as PyTorch calls them.
    """
    if RECURRENT.fullmatch(name.rpartition(".")[2]):
        return f"{name}_reverse" if member else name
    for word in ("experts.", "exps."):
        head, experts, tail = name.rpartition(word)
        if experts:
            return f"{head}{experts}{member}.{tail}"
    return f"{name}.{member}"


def _half_name(name: str, half: str) -> str:
    return name.replace("gate_up_proj", f"{half}_proj") if "gate_up_proj" in name else f"{name}.{half}"
