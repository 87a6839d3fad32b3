"""How the nodes of a graph use a tensor: whether it is (in, out), what it is called, which codes and scales it has.

Exporters fold transposes into the weights of MatMul and lose their names; the node keeps the module's. A tensor is
shown as PyTorch has it, (out, in), whichever way its node takes it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from analysis.formats.onnx.graph import Graph, Node, walk_uses

# names that exporters make up: torch.onnx of both kinds, and tf2onnx
ANONYMOUS = re.compile(r"onnx::\w+_\d+|(?:val|tensor|t|const|constant|_v|_to_copy|transpose)_?\d+|\d+|.*_output_0|"
                       r"new_const.*|const_fold_opt.*|.*_MatMul_\w*_quant\w*")  # fmt: skip
MATRICES = ("MatMul", "Gemm", "MatMulInteger", "QLinearMatMul", "FusedMatMul")
# what a module calls the tensors that a node takes, by their places
LEAVES = {
    **{operator: {1: "weight", 2: "bias"} for operator in ("Gemm", "Conv", "ConvTranspose")},
    **{operator: {1: "weight"} for operator in ("MatMul", "MatMulInteger", "FusedMatMul", "ConvInteger")},
    **{operator: {3: "weight"} for operator in ("QLinearMatMul", "QLinearConv")},
    **{operator: {1: "weight_ih", 2: "weight_hh", 3: "bias"} for operator in ("LSTM", "GRU", "RNN")},
    "Gather": {0: "weight"},
}
RECURRENT = ("LSTM", "GRU", "RNN")
GATED = (1, 2, 3)  # the places of W and R, (directions, gates · hidden, .), and of their bias
# operations that take no weight of a layer but numbers element by element, shapes and places
PLAIN_OPERATORS = {
    "Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Where", "Expand", "Concat", "Reshape", "Slice", "Tile", "Pad",
    "Equal", "Less", "Greater", "And", "Or", "Unsqueeze", "Squeeze", "Resize", "ScatterND", "GatherND", "Clip", "Range",
    "ConstantOfShape", "Trilu", "Mod",
}  # fmt: skip
PASSED = ("Transpose", "Identity", "Cast", "DequantizeLinear")  # what may stand between a weight and its use
MOST_STEPS = 4


@dataclass(frozen=True, slots=True)
class Use:
    """What the graph says of a tensor. `flips`: its two sides change places, or, of a kernel, its first two."""

    name: str
    flips: bool = False
    scale: str = ""  # the tensor of its scales, where it holds codes
    zero: str = ""
    axis: int = 1
    otherwise: str = ""  # its name where another tensor would have that one; "": its own
    plain: bool = False  # a constant of the graph: without a name of its own, and taken by no layer


def uses(graph: Graph) -> dict[str, Use]:
    """Of each tensor that a node takes."""
    names = [tensor.name for tensor in graph.tensors]
    users: dict[str, list[tuple[Node, int]]] = {}
    for node, place, name in walk_uses(graph):
        users.setdefault(name, []).append((node, place))
    name_set = set(names)
    by_name = {name: _use(name, users, name_set) for name in names}
    return _distinct(by_name)


def _use(name: str, users: Mapping[str, list[tuple[Node, int]]], there: set[str]) -> Use:
    scale = zero = ""
    axis, is_transposed, current = 1, False, name
    for _ in range(MOST_STEPS):
        node, place = next(iter(users.get(current, [])), (None, 0))
        if node is None or node.operator not in PASSED or place > 0 or not node.outputs:
            break
        if node.operator == "DequantizeLinear" and len(node.inputs) > 1 and not any(node.numbers.get("block_size", ())):
            scale, zero = node.inputs[1], node.inputs[2] if len(node.inputs) > 2 else ""
            axis = _signed(node.numbers.get("axis", (1,)))
        is_transposed ^= node.operator == "Transpose" and node.numbers.get("perm", (1, 0)) == (1, 0)
        current = node.outputs[0]
    scale, zero = (scale, zero) if scale else _scales_by_name(name, there)
    node, place = next(iter(users.get(current, [])), (None, 0))
    if node is None:
        return Use(_plain(name, scale), False, scale, zero, axis)
    if node.operator in RECURRENT and place in GATED:
        return _recurrent(node, place)
    plain = ANONYMOUS.fullmatch(name[:512]) is not None and _is_plain(node, place)
    return Use(_name(name, node, place, scale), is_transposed ^ _flips(node, place), scale, zero, axis, plain=plain)


def _recurrent(node: Node, place: int) -> Use:
    """What a recurrent layer takes, under one stem, its module or W's own name: together W and R tell the gates."""
    leaf = LEAVES[node.operator][place]
    module, number = node.scope or _module(node.name), re.search(r"/\w+?_(\d{1,6})$", node.name[-512:])
    otherwise = f"{node.inputs[1]}.{leaf}"
    name = f"{module}.{leaf}_l{number[1] if number else 0}" if module else otherwise
    return Use(name, otherwise=otherwise)


def _is_plain(node: Node, place: int) -> bool:
    return node.operator in PLAIN_OPERATORS or (node.operator in RECURRENT and place > 3)


def _signed(values: tuple[int, ...]) -> int:
    value = values[0] if values else 1
    return value - 2**64 if value >= 2**63 else value


def _scales_by_name(name: str, there: set[str]) -> tuple[str, str]:
    """Of onnxruntime's quantize_dynamic: X_quantized beside X_scale and X_zero_point."""
    stem = name.removesuffix("_quantized")
    scale, zero = f"{stem}_scale", f"{stem}_zero_point"
    return (scale, zero if zero in there else "") if stem != name and scale in there else ("", "")


def _flips(node: Node, place: int) -> bool:
    """Whether the tensor is (in, out) there: what MatMul multiplies with, and a transposed convolution's kernel."""
    if node.operator == "Gemm" and place == 1:
        return not any(node.numbers.get("transB", ()))
    if node.operator == "ConvTranspose" and place == 1:
        return node.numbers.get("group", (1,)) in ((1,), ())
    return node.operator in MATRICES and place == (3 if node.operator == "QLinearMatMul" else 1)


def _plain(name: str, scale: str) -> str:
    return name.removesuffix("_quantized") if scale else name


def _name(name: str, node: Node, place: int, scale: str) -> str:
    """Its own name, or that of the module whose node takes it."""
    plain = _plain(name, scale)
    if not ANONYMOUS.fullmatch(plain[:512]):
        return plain
    module = node.scope or _module(node.name)
    if not module:
        return plain
    leaf = LEAVES.get(node.operator, {}).get(place, "")
    return f"{module}.{leaf}" if leaf else plain


def _module(name: str) -> str:
    """The module in a node's name: "/blocks.0/fc/MatMul" is of "blocks.0.fc"."""
    return name.strip("/").rpartition("/")[0].replace("/", ".") if "/" in name else ""


def _distinct(found: Mapping[str, Use]) -> dict[str, Use]:
    """The same, each name once: of those that would share one, all keep their own."""
    counts: dict[str, int] = {}
    for use in found.values():
        counts[use.name] = counts.get(use.name, 0) + 1
    return {
        name: use if counts[use.name] == 1 else replace(use, name=use.otherwise or name) for name, use in found.items()
    }
