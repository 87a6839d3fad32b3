"""Stacks of layers that are one tensor for each parameter, as Flax's scan makes them: openpi, big_vision, MaxText.

Of "layers/attn/q_einsum/w" (layers, heads, d, d_head) each layer is read as it would be alone. Such a stack is known by
what no other has: every tensor in it has one side of the same length, first or second, and gains and biases, which are
vectors elsewhere, have two sides.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from analysis.layout import Layout
from analysis.names.parts import components, is_index, parts
from analysis.tensors.axes import INPUT, LAYER, OUTPUT
from analysis.tensors.header import Header
from analysis.weight import TensorInfo

STACKS = ("layers", "layer", "blocks", "block", "encoderblock", "h")
VECTORS = ("scale", "bias", "gamma", "beta")
FEWEST = 4  # tensors of a stack
MOST_LAYERS = 1024
NOT_CUT = "holds this of {count} layers in one tensor, in a way that is not cut apart"


@dataclass(frozen=True, slots=True)
class Scanned:
    """Which side of a tensor counts layers, and how many there are."""

    side: int
    count: int


def scanned_layers(headers: Mapping[str, Header]) -> dict[str, Scanned]:
    """The tensors that hold all layers of a stack."""
    stacks: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in headers:
        if stack := _stack(name):
            stacks[stack].append(name)
    return {name: found for held in stacks.values() if (found := _layers(held, headers)) for name in held}


def of_one_layer(header: Header, scanned: Scanned) -> Header:
    """The header that one layer would have alone."""
    shape = header.shape[: scanned.side] + header.shape[scanned.side + 1 :]
    return replace(header, shape=shape, nbytes=header.nbytes // scanned.count)


def of_all_layers(info: TensorInfo, whole: Header, scanned: Scanned) -> TensorInfo:
    """What is known of one layer, of all of them."""
    info = replace(info, shape=whole.shape, nbytes=whole.nbytes)
    if info.skip is not None:
        return info
    if info.layout not in (Layout.MATRIX, Layout.AXES):
        return replace(info, skip=NOT_CUT.format(count=scanned.count), layout=Layout.NONE, transposed=False)
    axes = info.axes or (INPUT + OUTPUT if info.transposed else OUTPUT + INPUT)
    axes = axes[: scanned.side] + LAYER + axes[scanned.side :]
    return replace(info, layout=Layout.AXES, transposed=False, axes=axes)


def layer_name(name: str, layer: int) -> str:
    """The name of one layer's matrix: the number behind the word that means the stack.

    >>> layer_name("llm/layers/mlp/linear", 3)
    'llm/layers/3/mlp/linear'
    """
    stack = _stack(name)
    slash = "/" if "/" in name else "."
    head = len(slash.join(stack)) if stack else len(name)
    return f"{name[:head]}{slash}{layer}{name[head:]}"


def _stack(name: str) -> tuple[str, ...]:
    """The words up to the one that means a stack, where no number follows it; () where there is none."""
    found = components(name)
    for at, word in enumerate(found[:-1]):
        if word.lower() in STACKS:
            return () if is_index(found[at + 1]) else tuple(found[: at + 1])
    return ()


def _layers(names: Collection[str], headers: Mapping[str, Header]) -> Scanned | None:
    shapes = {name: headers[name].shape for name in names}
    if len(shapes) < FEWEST or min(map(len, shapes.values())) < 2:
        return None
    vectors = [shape for name, shape in shapes.items() if len(shape) == 2 and parts(name)[-1] in VECTORS]
    if not vectors or max(map(len, shapes.values())) < 3:
        return None
    for side in (0, 1):
        counts = {shape[side] for shape in shapes.values()}
        if len(counts) == 1 and 1 < (count := counts.pop()) <= MOST_LAYERS:
            return Scanned(side, count)
    return None
