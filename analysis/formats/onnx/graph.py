"""The graph of an ONNX model: its nodes, and its tensors as the file states them.

onnx/onnx.proto (https://github.com/onnx/onnx), messages ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from analysis.errors import UnknownFormat, UnsafeFile
from analysis.formats.onnx.wire import Message, damage
from analysis.formats.stored import MOST_DIMENSIONS

DEEPEST = 16  # graphs within graphs: the bodies of If and Loop
MOST_TENSORS = 500_000
# numbers of fields in onnx.proto
MODEL_GRAPH, MODEL_PRODUCER, MODEL_METADATA = 7, 2, 14
GRAPH_NODE, GRAPH_INITIALIZER = 1, 5
INPUT, OUTPUT, NODE_NAME, OPERATOR, ATTRIBUTE, NODE_METADATA = 1, 2, 3, 4, 5, 9
SCOPES = "pkg.torch.onnx.name_scopes"  # of torch.onnx: the modules that a node comes from


@dataclass(slots=True)
class Tensor:
    """A TensorProto: where its numbers lie is in one of the fields `data` by their numbers, or in another file."""

    name: str = ""
    shape: list[int] = field(default_factory=list)
    kind: int = 0  # TensorProto.DataType
    data: dict[int, Message] = field(default_factory=dict)
    external: dict[str, str] = field(default_factory=dict)
    is_external: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """An operation: the names of what goes in and comes out, and those of its settings that are known here."""

    operator: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    numbers: Mapping[str, tuple[int, ...]]
    scope: str  # the module that it comes from, where the exporter says it


@dataclass(slots=True)
class Graph:
    """What is read of a model."""

    producer: str = ""
    nodes: list[Node] = field(default_factory=list)
    tensors: list[Tensor] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)


def read_graph(model: Message) -> Graph:
    """Raises UnknownFormat where it has no graph, DamagedFile where it is cut off."""
    graph, has_graph = Graph(), False
    for number, value in model.fields():
        if not isinstance(value, Message):
            continue
        if number == MODEL_PRODUCER:
            graph.producer = value.text()
        elif number == MODEL_METADATA:
            graph.metadata |= dict([_pair(value)])
        elif number == MODEL_GRAPH:
            has_graph = True
            _read(value, graph, 0)
    if not has_graph:
        raise UnknownFormat("it begins as an ONNX model, but has no graph in it. Export it again.", "onnx-model")
    return graph


def _read(message: Message, graph: Graph, depth: int) -> None:
    if depth > DEEPEST:
        raise UnsafeFile(f"its graph has graphs within graphs, more than {DEEPEST} deep.", "unbounded")
    for number, value in message.fields():
        if number == GRAPH_NODE and isinstance(value, Message):
            _read_node(value, graph, depth)
        elif number == GRAPH_INITIALIZER and isinstance(value, Message):
            _add(graph, _tensor(value))


def _add(graph: Graph, tensor: Tensor) -> None:
    graph.tensors.append(tensor)
    if len(graph.tensors) > MOST_TENSORS:
        raise UnsafeFile(f"its graph has more than {MOST_TENSORS:,} tensors.", "unbounded")


def _read_node(message: Message, graph: Graph, depth: int) -> None:
    texts: dict[int, list[str]] = {INPUT: [], OUTPUT: [], NODE_NAME: [], OPERATOR: []}
    numbers: dict[str, tuple[int, ...]] = {}
    constant: Tensor | None = None
    scope = ""
    for number, value in message.fields():
        if not isinstance(value, Message):
            continue
        if number in texts:
            texts[number].append(value.text())
        elif number == NODE_METADATA:
            key, text = _pair(value)
            scope = text if key == SCOPES else scope
        elif number == ATTRIBUTE:
            constant = _read_attribute(value, numbers, graph, depth) or constant
    operator = "".join(texts[OPERATOR][:1])
    name, outputs = "".join(texts[NODE_NAME][:1]), tuple(texts[OUTPUT])
    if operator == "Constant" and constant is not None and outputs and len(constant.shape) > 1:
        constant.name = outputs[0]
        _add(graph, constant)
    graph.nodes.append(Node(operator, name, tuple(texts[INPUT]), outputs, numbers, _innermost(scope)))


def _innermost(scopes: str) -> str:
    """Of a list of texts, as Python writes it, the last but one: the module, behind it the operation in it."""
    words = re.findall(r"'([^']*)'", scopes[:4096])
    return words[-2] if len(words) > 1 else ""


def _read_attribute(message: Message, numbers: dict[str, tuple[int, ...]], graph: Graph, depth: int) -> Tensor | None:
    """Its tensor, if it is one; whole numbers go to `numbers`, the nodes of inner graphs to `graph`."""
    name, values, tensor = "", list[int](), None
    for number, value in message.fields():
        if number == 1 and isinstance(value, Message):
            name = value.text()
        elif number == 3 and isinstance(value, int):
            values = [value]
        elif number == 5 and isinstance(value, Message):
            tensor = _tensor(value)
        elif number in (6, 11) and isinstance(value, Message):
            _read(value, graph, depth + 1)
        elif number == 8:
            values += [value] if isinstance(value, int) else value.varints(MOST_DIMENSIONS)
        if len(values) > MOST_DIMENSIONS:
            values = []
            break
    numbers[name] = tuple(values)
    return tensor


def _tensor(message: Message) -> Tensor:
    tensor = Tensor()
    for number, value in message.fields():
        if number == 1:
            tensor.shape += [value] if isinstance(value, int) else value.varints(MOST_DIMENSIONS)
            if len(tensor.shape) > MOST_DIMENSIONS:
                raise damage(f"a tensor has more than {MOST_DIMENSIONS} dimensions")
        elif isinstance(value, int):
            tensor.kind = value if number == 2 else tensor.kind
            tensor.is_external = value == 1 if number == 14 else tensor.is_external
        elif number == 8:
            tensor.name = value.text()
        elif number == 13:
            tensor.external |= dict([_pair(value)])
        else:
            tensor.data[number] = value
    return tensor


def _pair(message: Message) -> tuple[str, str]:
    """A StringStringEntryProto."""
    texts = {number: value.text() for number, value in message.fields() if isinstance(value, Message)}
    return texts.get(1, ""), texts.get(2, "")


def walk_uses(graph: Graph) -> Iterator[tuple[Node, int, str]]:
    """Every node with the place and the name of each of its inputs."""
    for node in graph.nodes:
        for place, name in enumerate(node.inputs):
            yield node, place, name
