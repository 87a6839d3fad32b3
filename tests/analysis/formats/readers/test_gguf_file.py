"""GGUF, against the files and the dequantised values of the package gguf."""

import struct
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest
import safetensors.numpy
from gguf import GGMLQuantizationType as Kind

from analysis.errors import DamagedFile, UnknownFormat
from analysis.formats import open_checkpoint, rewrite
from analysis.tensors.matrices import weights

KINDS = (Kind.Q8_0, Kind.Q4_0, Kind.Q4_1, Kind.Q5_0, Kind.Q5_1)  # those that the package can also write


def matrix(seed: int = 0) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    return np.random.default_rng(seed).normal(size=(24, 64)).astype(np.float32)


def save(path: Path) -> None:
    """Vectors and a matrix as they are, and one matrix for each type of blocks."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_token_list(["a", "b", "ä"])
    writer.add_tensor("output_norm.weight", np.arange(5, dtype=np.float32))
    writer.add_tensor("blk.0.attn_q.weight", matrix().astype(np.float16))
    for kind in KINDS:
        writer.add_tensor(f"blk.0.{kind.name}.weight", gguf.quants.quantize(matrix(int(kind)), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gguf") / "model.gguf"
    save(path)
    return path


def test_tensors_are_those_of_the_package(model: Path) -> None:
    checkpoint = open_checkpoint([model])
    theirs = {tensor.name: tensor for tensor in gguf.GGUFReader(model).tensors}
    assert checkpoint.format == "gguf"
    assert list(checkpoint.stored) == list(theirs)
    for name, tensor in theirs.items():
        wanted = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        np.testing.assert_array_equal(checkpoint.read(name).numpy(), wanted)


@pytest.mark.parametrize("chunk", [128, 2**24])
def test_a_rewrite_has_the_same_values(
    model: Path, chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.formats.readers.gguf_file.CHUNK", chunk)
    checkpoint = open_checkpoint([model])
    rewrite(checkpoint, tmp_path / "rewritten")
    for name, found in safetensors.numpy.load_file(tmp_path / "rewritten").items():
        np.testing.assert_array_equal(found, checkpoint.read(name).numpy())


def test_values_and_types_are_facts(model: Path) -> None:
    facts = open_checkpoint([model]).facts
    assert facts["general.architecture"] == "llama"
    assert facts["llama.block_count"] == 1
    assert "Q4_0 (1)" in str(facts["quantisation"])


def test_every_type_of_blocks_reads_as_the_package_dequantises_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    read = 0
    for kind in gguf.quants._type_traits:
        block, width = gguf.GGML_QUANT_SIZES[kind]
        codes = rng.integers(0, 60, (4, 2 * width), np.uint8)  # scales in half precision stay finite
        writer = gguf.GGUFWriter(tmp_path / kind.name, "llama")
        writer.add_tensor("weight", codes, raw_shape=codes.shape, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        found = open_checkpoint([tmp_path / kind.name]).read("weight")
        assert tuple(found.shape) == (4, 2 * block)
        wanted = gguf.quants.dequantize(codes, kind)
        np.testing.assert_array_equal(found.float().numpy(), wanted)
        read += 1
    assert read > 15


def test_without_the_package_the_message_says_what_to_install(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(UnknownFormat, match=r"eigenscope\[formats\]"):
        open_checkpoint([model])


@pytest.mark.parametrize("part", [0.01, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_off_is_refused(model: Path, part: float, tmp_path: Path) -> None:
    from analysis.errors import CheckpointError

    path = tmp_path / "cut.gguf"
    content = model.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(CheckpointError):
        open_checkpoint([path])


def test_a_fused_projection_lies_as_queries_keys_values_and_the_header_counts_heads(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "model.gguf", "falcon")
    writer.add_embedding_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    fused = np.random.default_rng(0).normal(size=(128, 64)).astype(np.float32)
    writer.add_tensor("blk.0.attn_qkv.weight", fused)
    writer.add_tensor("blk.0.attn_output.weight", fused[:64])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    checkpoint = open_checkpoint([tmp_path / "model.gguf"])
    assert {"heads": 4, "kv_heads": 2, "head_size": 16}.items() <= checkpoint.facts.items()
    info = next(info for info in checkpoint.tensors if "qkv" in info.name)
    assert [(w.info.role, w.info.rows) for w in weights(info, checkpoint.read(info.name))] == [
        ("q", 64), ("k", 32), ("v", 32)
    ]  # fmt: skip


def test_a_tensor_without_a_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + b"\0" * 60)
    with pytest.raises(DamagedFile, match="one of its tensors has no name"):
        open_checkpoint([tmp_path / "model.gguf"])
