"""From tensors to matrices: what a checkpoint's headers say about each tensor, and the weights in it.

`describe` looks at names, shapes and dtypes alone and decides, for every tensor, whether it holds matrices and how they
lie in it (its `Layout`), or why it holds none. `matrices` plans the weights of one tensor without reading it, and
`weights` cuts them out of it, with the same names in the same order. m rows are outputs, n columns are inputs.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jaxtyping import Float, Shaped
from torch import Tensor

from analysis import names
from analysis.adapters.names import is_factor
from analysis.weight import Grid, Layout, TensorInfo, Weight, WeightInfo

FLOATS = ("float64", "float32", "float16", "bfloat16")
# the order in which PyTorch stacks the gates on the rows (torch.nn.LSTM and torch.nn.GRU, "Variables")
GATES = {Layout.LSTM: ("input", "forget", "cell", "output"), Layout.GRU: ("reset", "update", "new")}
STACKS = (Layout.STACK, Layout.STACK_HALVES, Layout.STACK_PAIRS)
MOST_NAMED = 2_000_000  # characters of all their names: a hostile file must not fill the memory with its name
MOST_PIECES = 4096  # matrices in one tensor; eight times the experts of the largest public models
WIDEST_KERNEL = 32  # positions of a 1-D convolution whose name does not say that it is one
CONV1D = ("c_attn", "c_proj", "c_fc", "q_attn")  # transformers.pytorch_utils.Conv1D stores (in, out)


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says about a tensor before its numbers are read."""

    shape: tuple[int, ...]
    dtype: str  # torch's name without "torch."
    nbytes: int


def describe(headers: Mapping[str, Header]) -> tuple[TensorInfo, ...]:
    """Every tensor of a checkpoint, in the order of its file: role, depth, and how matrices lie in it or why not."""
    depths = names.depths(headers)
    conv1d = _stores_inputs_first(headers)
    return tuple(_describe(name, headers, depths[name], conv1d) for name in headers)


def left_out(name: str, header: Header, reason: str) -> TensorInfo:
    """A tensor that its format has set aside, with the reason."""
    return TensorInfo(name, header.shape, header.dtype, header.nbytes, "other", None, reason, False, Layout.NONE)


def _describe(name: str, headers: Mapping[str, Header], depth: int | None, conv1d: bool) -> TensorInfo:
    header = headers[name]
    role = _role(name, header)
    skip = _reason_to_skip(name, role, headers)
    layout, transposed = (Layout.NONE, False) if skip else _layout(name, role, headers, conv1d)
    return TensorInfo(name, header.shape, header.dtype, header.nbytes, role, depth, skip, transposed, layout)


def _role(name: str, header: Header) -> str:
    """The role the name says, corrected by the shape where the name says too little."""
    role = names.role_of(name)
    rank = len(header.shape)
    if rank == 1 and role != "bias" and names.parts(name) != name.lower().split("."):
        return "norm"  # a "….weight" with one dimension is a gain
    if rank in (4, 5) and role == "other":
        return "conv"
    return role


def _reason_to_skip(name: str, role: str, headers: Mapping[str, Header]) -> str | None:
    """Why a tensor holds no matrix to analyse, in words; None where it does."""
    header = headers[name]
    if is_factor(name):
        return "a factor of an adapter: compare it with its base to see what it changes"
    return _wrong_numbers(name, header.dtype, headers) or _wrong_shape(name, role, header.shape)


def _wrong_numbers(name: str, dtype: str, headers: Mapping[str, Header]) -> str | None:
    stem, _, leaf = name.rpartition(".")
    packed = {f"{stem}.qweight", f"{stem}.weight_packed", f"{stem}.qzeros"} & headers.keys()
    if (packed and leaf != "bias") or _is_packed(name, headers):
        return f"packed quantised weight ({dtype}): its values need unpacking first"
    if leaf in ("weight_scale", "weight_scale_inv", "scales", "absmax", "SCB") or leaf.endswith("_scales"):
        return "scales of a quantised weight, not a weight itself"
    if dtype in FLOATS:
        return None
    if dtype == "bool":
        return "true and false values (a mask), no weight"
    if dtype.startswith(("int", "uint")):
        return f"whole numbers ({dtype}), no weight"
    if dtype.startswith("complex"):
        return "complex numbers, which the diagnostics do not define"
    return f"stored as {dtype}, which is not read yet"


def _is_packed(name: str, headers: Mapping[str, Header]) -> bool:
    """Whether it holds codes: bitsandbytes and MXFP4 keep codes in whole numbers beside a tensor with their scales."""
    if headers[name].dtype not in ("int8", "uint8", "int32"):
        return False
    stem = name.rpartition(".")[0]
    beside = (f"{name}.absmax", f"{stem}.SCB", f"{stem}.weight_format", f"{stem}.weight_scale")
    return name.endswith(("_blocks", ".qweight")) or any(other in headers for other in beside)


def _wrong_shape(name: str, role: str, shape: tuple[int, ...]) -> str | None:
    rank = len(shape)
    if 0 in shape:
        return "empty: one of its dimensions is 0"
    if rank == 0:
        return "a single number"
    if rank == 1:
        return "one-dimensional: a bias or a norm gain" if role in ("bias", "norm") else "one-dimensional"
    if role == "bias":
        return "a bias or a mask, no matrix"
    if rank > 5:
        return f"{rank} dimensions, which no known layer has"
    if rank > 2 and sum(extent > 1 for extent in shape) < 2:
        return "a single vector"
    if role == "position" and math.prod(shape[:-2]) != 1:
        return f"a grid of {rank} dimensions, no matrix"
    pieces = math.prod(shape[2:]) if _is_kernel(name, role, shape) else shape[0]
    if rank > 2 and pieces > MOST_PIECES:
        return f"{pieces} stacked matrices, not a known layer"
    if rank > 2 and pieces * len(name) > MOST_NAMED:
        return f"{pieces} matrices under a name of {len(name)} characters, which each would repeat"
    return None


def _leaf(name: str) -> str:
    return names.parts(name)[-1]


def _is_kernel(name: str, role: str, shape: tuple[int, ...]) -> bool:
    """Whether a tensor is a convolution's (out, in, *kernel). An unnamed 3-D one is, if its last side is short."""
    if len(shape) > 3 or role == "conv" or "conv" in name[-names.CONSIDERED :]:
        return len(shape) > 2
    return len(shape) == 3 and not _holds_experts(name) and shape[0] > 1 and shape[2] <= WIDEST_KERNEL


def _holds_experts(name: str) -> bool:
    return not names.MOE.isdisjoint(names.parts(name))


def _layout(name: str, role: str, headers: Mapping[str, Header], conv1d: bool) -> tuple[Layout, bool]:
    """How the matrices lie in a tensor, and whether they are stored (in, out)."""
    shape = headers[name].shape
    if role == "position" or (len(shape) == 3 and shape[0] == 1 and role != "conv"):
        return Layout.MATRIX, False
    if _is_kernel(name, role, shape):
        return Layout.KERNEL, False
    if len(shape) == 3:
        return _stack_layout(name, role, headers)
    if role == "recurrent":
        return _gate_layout(name, headers), False
    if role == "gate_up" and shape[0] % 2 == 0:
        return Layout.HALVES, False
    return Layout.MATRIX, conv1d and _leaf(name) in CONV1D


def _stack_layout(name: str, role: str, headers: Mapping[str, Header]) -> tuple[Layout, bool]:
    """Stacked experts are (expert, in, out) or (expert, out, in), their gate and up halves or alternating."""
    transposed = _holds_experts(name) and _experts_inputs_first(name, headers)
    outputs = headers[name].shape[2 if transposed else 1]
    if role != "gate_up" or outputs % 2:
        return Layout.STACK, transposed
    alternating = f"{name}_bias" in headers  # of the models that stack, only gpt-oss has biases, and it alternates
    return (Layout.STACK_PAIRS if alternating else Layout.STACK_HALVES), transposed


def _experts_inputs_first(name: str, headers: Mapping[str, Header]) -> bool:
    """Gate and up have twice the outputs that down has inputs; alone, a bare parameter is (in, out) as in Llama 4."""
    up = headers.get(name.replace("down_proj", "gate_up_proj"))
    down = headers.get(name.replace("gate_up_proj", "down_proj"))
    if up and down and up is not down and len(up.shape) == len(down.shape) == 3:
        return up.shape[2] == 2 * down.shape[1]
    return not name.endswith(".weight")


def _gate_layout(name: str, headers: Mapping[str, Header]) -> Layout:
    """LSTM, GRU or a plain RNN: how many times the hidden size the rows of the recurrent matrix hold."""
    leaf = name.rpartition(".")[2]
    if leaf.startswith("weight_hr"):
        return Layout.MATRIX  # the projection of an LSTM
    projected = name.replace("weight_ih", "weight_hr").replace("weight_hh", "weight_hr")
    if projected in headers:
        return Layout.LSTM  # only an LSTM can have one
    recurrent = headers.get(name.replace("weight_ih", "weight_hh"))
    if recurrent is None or len(recurrent.shape) != 2 or headers[name].shape[0] != recurrent.shape[0]:
        return Layout.MATRIX
    rows, hidden = recurrent.shape
    return {4 * hidden: Layout.LSTM, 3 * hidden: Layout.GRU}.get(rows, Layout.MATRIX)


def _stores_inputs_first(headers: Mapping[str, Header]) -> bool:
    """Whether GPT-2's names mean Hugging Face's Conv1D here. nanoGPT and StarCoder use the same names for Linear.

    A bias as long as one side and not the other settles it; else c_attn, whose outputs are three times its inputs.
    """
    for name, header in headers.items():
        if len(header.shape) != 2 or _leaf(name) not in CONV1D or header.shape[0] == header.shape[1]:
            continue
        bias = headers.get(name.removesuffix("weight") + "bias")
        if bias is not None and bias.shape in ((header.shape[0],), (header.shape[1],)):
            return bias.shape == (header.shape[1],)
        if _leaf(name) == "c_attn":
            return header.shape[1] > header.shape[0]
    return True


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where one weight lies in its tensor: which member of a stack, which of its outputs."""

    name: str
    role: str
    member: int | None
    outputs: slice


def matrices(info: TensorInfo) -> tuple[WeightInfo, ...]:
    """The weights of a tensor, planned from its header alone; none where it is skipped."""
    rows, columns, slices = _extents(info)
    return tuple(
        WeightInfo(cut.name, info.name, len(range(rows)[cut.outputs]), columns, slices, cut.role, info.depth)
        for cut in _cuts(info)
    )


def weights(info: TensorInfo, tensor: Shaped[Tensor, "..."], grid: Grid | None = None) -> Iterator[Weight]:
    """The weights of a tensor with their numbers, as views of it, in the order of `matrices`."""
    for planned, cut in zip(matrices(info), _cuts(info), strict=True):
        yield Weight(planned, _view(info, tensor, cut), grid=grid)


def outputs(info: TensorInfo) -> Iterator[slice | None]:
    """Which outputs of its tensor each weight holds, in the order of `matrices`; None for a member of a stack."""
    yield from (cut.outputs if cut.member is None else None for cut in _cuts(info))


def _extents(info: TensorInfo) -> tuple[int, int, int]:
    """Outputs, inputs and kernel positions of what the tensor holds, before its outputs are cut."""
    if info.layout == Layout.NONE:
        return 0, 0, 0
    if info.layout == Layout.KERNEL:
        return info.shape[0], info.shape[1], math.prod(info.shape[2:])
    rows, columns = reversed(info.shape[-2:]) if info.transposed else info.shape[-2:]
    return rows, columns, 1


def _view(info: TensorInfo, tensor: Shaped[Tensor, "..."], cut: _Cut) -> Float[Tensor, "s m n"]:
    if info.layout == Layout.KERNEL:
        return tensor.flatten(2).permute(2, 0, 1)  # (s, m, n)
    matrix = tensor.reshape(info.shape[-2:]) if cut.member is None else tensor[cut.member]
    oriented = matrix.T if info.transposed else matrix  # (m, n)
    return oriented[cut.outputs].unsqueeze(0)


def _cuts(info: TensorInfo) -> Iterator[_Cut]:
    members = range(info.shape[0]) if info.layout in STACKS else [None]
    for member in members:
        name = info.called if member is None else _member_name(info.called, member)
        yield from _split(name, info, member)


def _split(name: str, info: TensorInfo, member: int | None) -> Iterator[_Cut]:
    """One member of a tensor cut by its outputs: gates of a recurrent layer, gate and up, or whole."""
    rows = _extents(info)[0]
    if info.layout in GATES:
        gates = GATES[Layout(info.layout)]
        size = rows // len(gates)
        for index, gate in enumerate(gates):
            yield _Cut(f"{name}.{gate}_gate", info.role, member, slice(index * size, (index + 1) * size))
    elif info.layout in (Layout.HALVES, Layout.STACK_HALVES):
        yield _Cut(_half_name(name, "gate"), "gate", member, slice(0, rows // 2))
        yield _Cut(_half_name(name, "up"), "up", member, slice(rows // 2, rows))
    elif info.layout == Layout.STACK_PAIRS:
        yield _Cut(_half_name(name, "gate"), "gate", member, slice(0, rows, 2))
        yield _Cut(_half_name(name, "up"), "up", member, slice(1, rows, 2))
    elif info.layout != Layout.NONE:
        yield _Cut(name, info.role, member, slice(None))


def _member_name(name: str, member: int) -> str:
    """The index goes behind "experts" where the name has it: "….experts.3.up_proj"."""
    head, experts, tail = name.rpartition("experts.")
    return f"{head}{experts}{member}.{tail}" if experts else f"{name}.{member}"


def _half_name(name: str, half: str) -> str:
    return name.replace("gate_up_proj", f"{half}_proj") if "gate_up_proj" in name else f"{name}.{half}"
