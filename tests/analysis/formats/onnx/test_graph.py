"""The graph of a model, against what onnx wrote."""

import mmap
from pathlib import Path

from onnx import helper

from analysis.formats.onnx.graph import SCOPES, read_graph, walk_uses
from analysis.formats.onnx.wire import Message
from tests.analysis.formats.onnx.models import matrix, save


def test_nodes_with_their_settings_and_modules(tmp_path: Path) -> None:
    inner = helper.make_graph([helper.make_node("MatMul", ["x", "inside"], ["z"])], "b", [], [], [matrix("inside")[0]])
    one = helper.make_node("Gemm", ["x", "w"], ["a"], name="/fc/Gemm", transB=1)
    one.metadata_props.add(key=SCOPES, value="['', 'blocks.0', 'blocks.0.fc', 'a_long_name_of_the_operation']")
    turned = helper.make_node("Transpose", ["a"], ["b"], perm=[1, 0])
    choice = helper.make_node("If", ["b"], ["y"], then_branch=inner, else_branch=inner)
    path = tmp_path / "model.onnx"
    save(path, [matrix("w")[0]], [one, turned, choice])
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        graph = read_graph(Message(data, 0, len(data)))
        first, second = graph.nodes[:2]
        assert (first.operator, first.name, first.scope) == ("Gemm", "/fc/Gemm", "blocks.0.fc")
        assert first.numbers["transB"] == (1,)
        assert second.numbers["perm"] == (1, 0)
        assert sorted(tensor.name for tensor in graph.tensors) == ["inside", "inside", "w"]
        assert ("MatMul", 1, "inside") in {(node.operator, place, name) for node, place, name in walk_uses(graph)}
        del graph, first, second
