"""One suite over every format: what was saved is what is read, one tensor at a time, and nothing else gets through."""

import json
import struct
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from analysis.errors import REJECTIONS, CheckpointError
from analysis.formats import open_checkpoint, rewrite
from analysis.formats.effective.numbers import SMALL
from analysis.tensors.constants import FLOATS
from tests.hostile import HOSTILE, ODD_NAMES, Hostile, marker

Tensors = Mapping[str, Tensor]


def save_safetensors(tensors: Tensors, folder: Path) -> Sequence[Path]:
    safetensors.torch.save_file(dict(tensors), folder / "model")
    return [folder / "model"]


def save_zip(tensors: Tensors, folder: Path) -> Sequence[Path]:
    torch.save(dict(tensors), folder / "model")
    return [folder / "model"]


def save_legacy(tensors: Tensors, folder: Path) -> Sequence[Path]:
    torch.save(dict(tensors), folder / "model", _use_new_zipfile_serialization=False)
    return [folder / "model"]


def sharded(save: Callable[[Tensors, Path], Sequence[Path]], kind: str) -> Callable[[Tensors, Path], Sequence[Path]]:
    """The same in one shard for each tensor, with an index."""

    def write(tensors: Tensors, folder: Path) -> Sequence[Path]:
        weight_map, files = {}, []
        for number, (name, tensor) in enumerate(tensors.items()):
            (path,) = save({name: tensor}, folder)
            files.append(path.rename(folder / f"{number}.{kind}"))
            weight_map[name] = files[-1].name
        index = folder / f"model.{kind}.index.json"
        index.write_text(json.dumps({"metadata": {"total_size": 0}, "weight_map": weight_map}))
        return [*files, index]

    return write


SAVERS: dict[str, Callable[[Tensors, Path], Sequence[Path]]] = {
    "safetensors": save_safetensors,
    "torch-zip": save_zip,
    "torch-legacy": save_legacy,
    "safetensors, sharded": sharded(save_safetensors, "safetensors"),
    "torch-zip, sharded": sharded(save_zip, "bin"),
}
DTYPES = (
    *FLOATS, "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool", "complex64",
    "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu",
)  # fmt: skip
SHAPES = ((), (0,), (0, 3), (1,), (7,), (3, 5), (1, 1), (2, 3, 4), (2, 3, 2, 2, 1), (1,) * 8)

every_format = pytest.mark.parametrize("saver", SAVERS)


def words(dtype: str, shape: tuple[int, ...], seed: int = 0) -> Tensor:
    """A tensor of any bits of that dtype: NaN payloads and subnormals too."""
    kind = getattr(torch, dtype)
    generator = torch.Generator().manual_seed(seed)
    high = 2 if kind == torch.bool else 256
    raw = torch.randint(0, high, (*shape, kind.itemsize), dtype=torch.uint8, generator=generator)
    return raw.view(kind).reshape(shape)


def same(found: Tensor, wanted: Tensor) -> bool:
    """Equal to the bit."""
    if found.dtype != wanted.dtype or found.shape != wanted.shape:
        return False
    if found.numel() == 0:
        return True
    return torch.equal(*(t.contiguous().reshape(-1).view(torch.uint8) for t in (found, wanted)))


@every_format
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_and_shape_comes_back_to_the_bit(saver: str, dtype: str, tmp_path: Path) -> None:
    tensors = {f"t{n}": words(dtype, shape, n) for n, shape in enumerate(SHAPES)}
    checkpoint = open_checkpoint(SAVERS[saver](tensors, tmp_path))
    assert checkpoint.format == saver.partition(",")[0]
    assert {info.name: (info.shape, info.dtype) for info in checkpoint.tensors} == {
        name: (tuple(tensor.shape), "float32" if dtype in SMALL and tensor.ndim > 1 else dtype)
        for name, tensor in tensors.items()
    }
    for info in checkpoint.tensors:
        found, wanted = checkpoint.read(info.name), tensors[info.name]
        if dtype in SMALL and wanted.ndim > 1:  # its values are a weight's, and are read as such
            torch.testing.assert_close(found, wanted.float(), rtol=0, atol=0, equal_nan=True)
        else:
            assert same(found, wanted)
        assert found.is_contiguous()
        assert info.nbytes == found.nbytes


@every_format
def test_only_floating_point_matrices_are_analysed(saver: str, tmp_path: Path) -> None:
    tensors = {dtype: words(dtype, (4, 4)) for dtype in DTYPES}
    infos = open_checkpoint(SAVERS[saver](tensors, tmp_path)).tensors
    assert {info.name for info in infos if info.skip is None} == {*FLOATS, *SMALL}
    assert all(info.skip for info in infos if info.name not in (*FLOATS, *SMALL))


@every_format
def test_a_rewrite_is_what_safetensors_itself_reads(saver: str, tmp_path: Path) -> None:
    tensors = {f"{dtype}.{n}": words(dtype, shape, n) for dtype in DTYPES[:10] for n, shape in enumerate(SHAPES)}
    checkpoint = open_checkpoint(SAVERS[saver](tensors, tmp_path))
    rewrite(checkpoint, tmp_path / "rewritten")
    found = safetensors.torch.load_file(tmp_path / "rewritten")
    assert found.keys() == tensors.keys()
    assert all(same(found[name], tensor) for name, tensor in tensors.items())
    assert list(open_checkpoint([tmp_path / "rewritten"]).stored) == list(checkpoint.stored)


@every_format
def test_odd_names_are_names(saver: str, tmp_path: Path) -> None:
    tensors = {name: words("float32", (2, 2), n) for n, name in enumerate(ODD_NAMES)}
    checkpoint = open_checkpoint(SAVERS[saver](tensors, tmp_path))
    assert {info.name for info in checkpoint.tensors} == set(ODD_NAMES)
    assert all(same(checkpoint.read(name), tensor) for name, tensor in tensors.items())


@every_format
def test_reading_one_tensor_reads_no_other(saver: str, tmp_path: Path) -> None:
    tensors = {"a_small": words("float32", (8, 8)), "b_large": words("float32", (2048, 2048))}
    paths = SAVERS[saver](tensors, tmp_path)
    checkpoint = open_checkpoint(paths)
    tracemalloc.start()
    found = checkpoint.read("a_small")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert same(found, tensors["a_small"])
    assert peak < 2**20  # of 16 MB


@every_format
def test_a_file_given_twice_or_as_its_folder_is_the_same(saver: str, tmp_path: Path) -> None:
    paths = SAVERS[saver]({"a": words("float32", (2, 2))}, tmp_path)
    assert open_checkpoint([tmp_path]).stored == open_checkpoint([*paths, *paths]).stored


# Hostile files


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_a_hostile_file_is_rejected_in_so_many_words(hostile: Hostile, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(hostile.build(tmp_path))
    assert caught.value.code == hostile.code
    assert caught.value.code in REJECTIONS
    assert 20 < len(caught.value.message) < 600
    assert caught.value.message.isprintable()
    assert not marker(tmp_path).exists(), "code out of the file has run"


def only_checkpoint_errors(content: bytes, path: Path) -> None:
    """Opens and reads whatever it can; anything but a CheckpointError is a failure of the test."""
    path.write_bytes(content)
    with suppress(CheckpointError):
        checkpoint = open_checkpoint([path])
        assert checkpoint.tensors
        for name in checkpoint.stored:
            checkpoint.read(name)
        rewrite(checkpoint, path.with_name("rewritten"))


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A small valid file of each format."""
    folder = tmp_path_factory.mktemp("valid")
    tensors = {"a": words("float32", (3, 4)), "b": words("bfloat16", (2, 2)).t(), "c": words("int8", (5,))}
    plain = {name: tensor.contiguous() for name, tensor in tensors.items()}
    savers = {"safetensors": save_safetensors, "torch-zip": save_zip, "torch-legacy": save_legacy}
    return {
        name: saver(plain if name == "safetensors" else tensors, folder)[0].read_bytes()
        for name, saver in savers.items()
    } | numpy_files(folder)


def numpy_files(folder: Path) -> dict[str, bytes]:
    """Small files of NumPy: an archive as it is, one deflated, and one array."""
    arrays: dict[str, Any] = {"a": np.arange(12, dtype="f4").reshape(3, 4), "b": np.asfortranarray(np.eye(3))}
    np.savez(folder / "plain.npz", **arrays)
    np.savez_compressed(folder / "deflated.npz", **arrays)
    np.save(folder / "a.npy", arrays["a"])
    return {name: (folder / name).read_bytes() for name in NUMPY_FILES}


fuzzed = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
NUMPY_FILES = ("plain.npz", "deflated.npz", "a.npy")
one_format = pytest.mark.parametrize("name", ["safetensors", "torch-zip", "torch-legacy", *NUMPY_FILES])


@fuzzed
@given(content=st.binary(max_size=600))
@pytest.mark.parametrize("head", [b"", b"PK\x03\x04", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", b"\x80\x02"])
def test_random_bytes_are_rejected(content: bytes, head: bytes, tmp_path: Path) -> None:
    only_checkpoint_errors(head + content, tmp_path / "file")


@fuzzed
@given(header=st.binary(max_size=300), data=st.binary(max_size=50))
def test_random_headers_are_rejected(header: bytes, data: bytes, tmp_path: Path) -> None:
    text = b"{" + header
    only_checkpoint_errors(struct.pack("<Q", len(text)) + text + data, tmp_path / "file")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "dtype", "shape", "data_offsets", "__metadata__", "weight_map"]), inner)
    ),
    max_leaves=12,
)


@fuzzed
@given(value=JSON)
def test_any_json_as_header_or_index(value: object, tmp_path: Path) -> None:
    text = json.dumps(value).encode()
    only_checkpoint_errors(struct.pack("<Q", len(text)) + text + bytes(64), tmp_path / "file")
    only_checkpoint_errors(text, tmp_path / "model.safetensors.index.json")


@fuzzed
@given(part=st.floats(0, 1, exclude_max=True))
@one_format
def test_a_file_cut_off_anywhere_is_rejected(name: str, part: float, valid: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(valid[name][: int(len(valid[name]) * part)])
    with pytest.raises(CheckpointError):
        open_checkpoint([path])


@fuzzed
@given(flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), min_size=1, max_size=4))
@one_format
def test_flipped_bits(name: str, flips: list[tuple[float, int]], valid: dict[str, bytes], tmp_path: Path) -> None:
    content = bytearray(valid[name])
    for place, bit in flips:
        content[int(len(content) * place)] ^= 1 << bit
    only_checkpoint_errors(bytes(content), tmp_path / "file")
