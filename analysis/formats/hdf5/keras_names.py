"""What Keras calls the variables in its files, from the groups that they lie in and the config of their layers.

keras/src/saving/saving_lib.py (`.weights.h5`: a group for each layer, its variables numbered under "vars") and
keras/src/legacy/saving/legacy_h5_format.py (`.h5`: a group for each layer, its variables by their names). A layer is
called by its attribute in the model, or by its own name where its class alone is known otherwise.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.formats.hdf5.datasets import Keys, Tree

VARIABLES = "vars"
CONTAINERS = ("layers", "_layers", "_layer_checkpoint_dependencies")
LEGACY = "model_weights"
MOST_LAYERS = 100_000
# keras/src/layers/attention: attributes of a layer, and the names that they give to their own layers
ATTENTION = {"query_dense": "query", "key_dense": "key", "value_dense": "value", "output_dense": "attention_output"}
# the variables of layers that have other ones than a kernel and a bias, in the order in which Keras creates them
OTHERS = {
    "embedding": ("embeddings",),
    "position_embedding": ("embeddings",),
    "reversible_embedding": ("embeddings", "reverse_embeddings"),
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "layer_normalization": ("gamma", "beta"),
    "group_normalization": ("gamma", "beta"),
    "rms_normalization": ("scale",),
    "einsum_dense": ("kernel", "bias"),
    "depthwise_conv1d": ("depthwise_kernel", "bias"),
    "depthwise_conv2d": ("depthwise_kernel", "bias"),
    "separable_conv1d": ("depthwise_kernel", "pointwise_kernel", "bias"),
    "separable_conv2d": ("depthwise_kernel", "pointwise_kernel", "bias"),
    "p_re_lu": ("alpha",),
}
CLASSES = ("_cell", "conv2d", "conv1d", "einsum_dense")
RECURRENT = ("kernel", "recurrent_kernel", "bias")
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """What a config says of a layer."""

    kind: str  # its class, in snake case
    equation: str = ""  # of an EinsumDense


def layers_of(config: Mapping[str, Any]) -> dict[str, Layer]:
    """The layers of a model's config by their names; none that two of different kinds share."""
    layers: dict[str, Layer | None] = {}
    waiting: list[Any] = [config]
    while waiting and len(layers) < MOST_LAYERS:
        value = waiting.pop()
        if isinstance(value, dict):
            name, layer = _layer(value)
            if layer is not None:
                layers[name] = layer if layers.get(name, layer) == layer else None
        waiting.extend(value.values() if isinstance(value, dict) else value if isinstance(value, list) else ())
    return {name: layer for name, layer in layers.items() if layer is not None}


def _layer(value: Mapping[str, Any]) -> tuple[str, Layer | None]:
    kind, settings = value.get("class_name"), value.get("config")
    if not isinstance(kind, str) or not isinstance(settings, dict) or not isinstance(settings.get("name"), str):
        return "", None
    equation = settings.get("equation")
    return settings["name"], Layer(_snake(kind[:128]), equation if isinstance(equation, str) else "")


def _snake(name: str) -> str:
    """keras/src/utils/naming.py, to_snake_case."""
    name = re.sub(r"\W+", "", name.rpartition(">")[2])
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


@dataclass(frozen=True, slots=True)
class Variable:
    """What a dataset is called, and the layer that it belongs to."""

    name: str
    layer: Layer


def variables(tree: Tree, layers: Mapping[str, Layer]) -> list[Variable]:
    """Of each dataset of the tree, in its order. Where two names would be one, all keep the names of their groups."""
    siblings: dict[Keys, dict[str, Shape]] = {}
    for dataset in tree.datasets:
        siblings.setdefault(dataset.keys[:-1], {})[dataset.keys[-1]] = dataset.array.shape
    labels = [_variable(dataset.keys, siblings[dataset.keys[:-1]], tree, layers) for dataset in tree.datasets]
    if len({variable.name for variable in labels}) < len(labels):
        plain = ["/".join(dataset.keys) for dataset in tree.datasets]
        return [Variable(name, variable.layer) for name, variable in zip(plain, labels, strict=True)]
    return labels


def _variable(keys: Keys, beside: Mapping[str, Shape], tree: Tree, layers: Mapping[str, Layer]) -> Variable:
    if len(keys) > 1 and keys[-2] == VARIABLES:
        return _numbered(keys, beside, tree, layers)
    path = keys[1:] if keys[0] == LEGACY and len(keys) > 2 else keys
    path = path[1:] if len(path) > 2 and path[0] == path[1] else path
    name = "/".join(path).removesuffix(":0")
    layer = next((layers[key] for key in reversed(path[:-1]) if key in layers), Layer(""))
    if layer.kind.startswith("depthwise_conv") and path[-1].removesuffix(":0") == "kernel":
        name = f"{name.removesuffix('kernel')}depthwise_kernel"
    return Variable(name, layer)


def _numbered(keys: Keys, beside: Mapping[str, Shape], tree: Tree, layers: Mapping[str, Layer]) -> Variable:
    """A variable that has a number in the group "vars" of its layer."""
    path = keys[:-2]
    if path[:1] == ("optimizer",):
        return Variable("/".join(keys), Layer("optimizer"))
    own = tree.attributes.get(keys[:-1], {}).get("name", "")
    layer = layers.get(own) or Layer(_kind(path, own))
    words = [_word(path[:end], tree) for end in range(1, len(path) + 1)]
    leaf = keys[-1]
    if leaf.isdigit() and len(leaf) < 6:
        names = _leaves(layer.kind, [beside[str(place)] for place in range(len(beside)) if str(place) in beside])
        leaf = names[int(leaf)] if int(leaf) < len(names) else leaf
    return Variable("/".join((*filter(None, words), leaf)), layer)


def _kind(above: Keys, own: str) -> str:
    """The class of a layer: of one in a list the name of its group says it, of others the name that Keras gave it."""
    bases = [re.sub(r"_\d+$", "", word) for word in (*above[-1:], own)]
    class_name = next((base for base in bases if base in OTHERS or base.endswith(CLASSES)), "")
    return class_name or (bases[0] if bases else "")


def _word(group: Keys, tree: Tree) -> str:
    """What stands for a group in a name: nothing for a list, the name of a layer that has one of its own."""
    word = group[-1]
    if word in CONTAINERS:
        return ""
    bare = word.removeprefix("_")
    if bare in ATTENTION:
        return ATTENTION[bare]
    own = tree.attributes.get((*group, VARIABLES), {}).get("name", "")
    is_in_list = len(group) > 1 and group[-2] in CONTAINERS
    if own and "/" not in own and (word == "cell" or (is_in_list and _base(own) != _base(word))):
        return own
    return word


def _base(word: str) -> str:
    return re.sub(r"_\d+$", "", word)


def _leaves(kind: str, shapes: Sequence[Shape]) -> tuple[str, ...]:
    """The names of a layer's variables in their order; none where they are not known."""
    ranks = [len(shape) for shape in shapes]
    if kind in OTHERS:
        return _normalisation(len(ranks)) if kind == "batch_normalization" else OTHERS[kind]
    if "embed" in kind and ranks == [2]:
        return ("embeddings",)
    if kind.endswith("_cell") and len(ranks) > 1 and min(ranks[:2]) > 1 and _fits_states(*shapes[:2]):
        return RECURRENT
    if kind == "dense" and ranks == [2, 1, 1] and shapes[0][1:] == shapes[1] == shapes[2]:
        return ("kernel", "bias", "kernel_scale")  # quantised
    if ranks and ranks[0] > 1 and len(ranks) < 3 and (len(ranks) < 2 or _is_bias(shapes[1], shapes[0])):
        return ("kernel", "bias")
    return ()


def _fits_states(kernel: Shape, states: Shape) -> bool:
    """Whether a recurrent kernel has the positions and the gates of the kernel beside it."""
    return len(kernel) == len(states) and (kernel[:-2], kernel[-1]) == (states[:-2], states[-1])


def _normalisation(count: int) -> tuple[str, ...]:
    return OTHERS["batch_normalization"] if count == 4 else ()


def _is_bias(bias: Shape, kernel: Shape) -> bool:
    """Whether it is as long as the outputs of a kernel, or, of a transposed convolution, those before the last.

    Of Gemma's projections into heads, (heads, d, d_head), these are the first and the last side.
    """
    heads = len(kernel) == 3 and bias == (kernel[0], kernel[2])
    return len(bias) < len(kernel) and (kernel[len(kernel) - len(bias) :] == bias or kernel[-2:-1] == bias or heads)
