"""ONNX, against what torch exported and what onnx reads. Broken files are in tests/hostile/onnx_files.py."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import safetensors.numpy
from onnx import TensorProto, helper, numpy_helper

from analysis.formats import open_checkpoint, rewrite
from analysis.tensors.matrices import weights
from tests.analysis.formats.onnx.models import export, export_recurrent, matrix, save
from workers.ingest.supervisor import ingest


def test_an_exported_model_has_the_weights_of_its_state_dict(tmp_path: Path) -> None:
    wanted = export(tmp_path / "model.onnx")
    checkpoint = open_checkpoint([tmp_path / "model.onnx"])
    assert checkpoint.format == "onnx"
    assert checkpoint.facts["producer"] == "pytorch"
    names = {name for name, _ in wanted.items()}
    assert set(checkpoint.stored) == names
    for name, values in wanted.items():
        found = checkpoint.read(name).numpy()
        turned = values.swapaxes(0, 1) if name == "up.weight" else values  # a transposed convolution is (in, out, …)
        np.testing.assert_array_equal(found, turned)


def test_every_type_is_what_onnx_reads(tmp_path: Path) -> None:
    kinds = ("f2", "f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "?")
    tensors = [numpy_helper.from_array(np.arange(6).reshape(2, 3).astype(kind), f"w.{kind[:2]}") for kind in kinds]
    halves = helper.make_tensor("w.listed", TensorProto.FLOAT16, [2, 3], np.arange(6, dtype="f2"))
    listed = helper.make_tensor("w.floats", TensorProto.FLOAT, [2, 3], [0.5, 1, 2, 3, 4, 5])
    save(tmp_path / "model.onnx", [*tensors, halves, listed], [])
    checkpoint = open_checkpoint([tmp_path / "model.onnx"])
    for tensor in onnx.load(str(tmp_path / "model.onnx")).graph.initializer:
        np.testing.assert_array_equal(checkpoint.stored[tensor.name].load().view(numpy_helper.to_array(tensor).dtype),
                                      numpy_helper.to_array(tensor))  # fmt: skip


def test_numbers_in_another_file_of_the_folder(tmp_path: Path) -> None:
    one, values = matrix("one", (40, 60))
    two, others = matrix("two", (30, 20), 1)
    save(tmp_path / "model.onnx", [one, two], [], save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert (tmp_path / "weights.bin").is_file()
    for paths in ([tmp_path / "model.onnx"], [tmp_path]):
        checkpoint = open_checkpoint(paths)
        np.testing.assert_array_equal(checkpoint.read("one").numpy(), values)
        np.testing.assert_array_equal(checkpoint.read("two").numpy(), others)


def test_a_folder_of_links_is_read(tmp_path: Path) -> None:
    """As the cache of the Hub has it: a model and its data, both links into one folder."""
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshot"
    blobs.mkdir()
    snapshot.mkdir()
    one, values = matrix("one", (40, 60))
    save(blobs / "model.onnx", [one], [], save_as_external_data=True, location="weights.bin", size_threshold=0)
    for name in ("model.onnx", "weights.bin"):
        (snapshot / name).symlink_to(blobs / name)
    np.testing.assert_array_equal(open_checkpoint([snapshot / "model.onnx"]).read("one").numpy(), values)


@pytest.mark.parametrize("paths", ["file", "both"])
def test_the_limited_child_reads_it_too(paths: str, tmp_path: Path) -> None:
    one, values = matrix("fc.weight", (40, 60))
    save(tmp_path / "model.onnx", [one], [], save_as_external_data=paths == "both", location="w.bin", size_threshold=0)
    given = [tmp_path / "model.onnx", *([tmp_path / "w.bin"] if paths == "both" else [])]
    report = ingest(given, tmp_path / "model.safetensors")
    assert (report.format, report.rewritten) == ("onnx", True)
    np.testing.assert_array_equal(safetensors.numpy.load_file(tmp_path / "model.safetensors")["fc.weight"], values)


def test_a_rewrite_is_what_safetensors_reads(tmp_path: Path) -> None:
    wanted = export(tmp_path / "model.onnx")
    rewrite(open_checkpoint([tmp_path / "model.onnx"]), tmp_path / "rewritten")
    found = safetensors.numpy.load_file(tmp_path / "rewritten")
    np.testing.assert_array_equal(found["fc.weight"], wanted["fc.weight"])


def test_constants_of_the_graph_are_listed(tmp_path: Path) -> None:
    weight, values = matrix("w")
    nodes = [
        helper.make_node("Constant", [], ["onnx::MatMul_7"], value=matrix("")[0]),
        helper.make_node("Constant", [], ["/Constant_output_0"], value=matrix("", (6, 6))[0]),
        helper.make_node("MatMul", ["x", "onnx::MatMul_7"], ["a"], name="/fc/MatMul"),
        helper.make_node("Add", ["a", "/Constant_output_0"], ["b"]),
        helper.make_node("MatMul", ["b", "w"], ["y"]),
    ]
    save(tmp_path / "model.onnx", [weight], nodes)
    checkpoint = open_checkpoint([tmp_path / "model.onnx"])
    assert set(checkpoint.stored) == {"w", "fc.weight"}
    np.testing.assert_array_equal(checkpoint.read("w").numpy(), values.T)
    assert "no layer takes" in checkpoint.aside["/Constant_output_0"].reason


def test_gates_are_those_of_the_layer_that_was_exported(tmp_path: Path) -> None:
    """ONNX orders the gates otherwise than PyTorch, and has both directions in one tensor."""
    state = export_recurrent(tmp_path / "model.onnx")
    checkpoint = open_checkpoint([tmp_path / "model.onnx"])
    infos = [info for info in checkpoint.tensors if info.skip is None]
    found = {each.info.name: each for info in infos for each in weights(info, checkpoint.read(info.name))}
    gates = {"lstm": ("input", "forget", "cell", "output"), "gru": ("reset", "update", "new")}
    held = {name: tensor for name, tensor in state.items() if ".weight" in name}
    assert found.keys() == {f"{name}.{gate}_gate" for name in held for gate in gates[name.partition(".")[0]]}
    for name, tensor in held.items():
        names = gates[name.partition(".")[0]]
        for gate, rows in zip(names, tensor.chunk(len(names)), strict=True):
            np.testing.assert_array_equal(found[f"{name}.{gate}_gate"].slices[0], rows)
