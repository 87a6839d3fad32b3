"""Flax's msgpack, written with msgpack as flax.serialization does. Broken files are in tests/hostile/flax_files.py."""

from pathlib import Path
from typing import Any

import ml_dtypes
import msgpack
import numpy as np
import pytest
import safetensors.numpy
import torch

from analysis.formats import open_checkpoint, rewrite
from analysis.tensors.matrices import matrices
from workers.ingest.supervisor import ingest


def pack(value: Any) -> Any:
    """flax/serialization.py, _msgpack_ext_pack."""
    if isinstance(value, np.ndarray):
        return msgpack.ExtType(1, msgpack.packb((value.shape, value.dtype.name, value.tobytes())))
    if isinstance(value, np.generic):
        return msgpack.ExtType(3, msgpack.packb(((), value.dtype.name, value.tobytes())))
    raise TypeError(type(value))


def to_bytes(tree: Any) -> bytes:
    """flax.serialization.to_bytes, of dicts and arrays of NumPy."""
    return bytes(msgpack.packb(tree, default=pack, strict_types=True))


def save(path: Path, tree: Any) -> None:
    path.write_bytes(to_bytes(tree))


def in_parts(array: Any, size: int) -> dict[str, Any]:
    """flax/serialization.py, _chunk: what becomes of an array of more than 2^30 bytes."""
    flat = array.reshape(-1)
    parts = [flat[begin : begin + size] for begin in range(0, flat.size, size)]
    return {
        "__msgpack_chunked_array__": True,
        "shape": {str(place): length for place, length in enumerate(array.shape)},
        "chunks": {str(place): part for place, part in enumerate(parts)},
    }


def tree() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    attention = {name: {"kernel": rng.normal(size=(24, 4, 6)).astype("f4")} for name in ("query", "key", "value")}
    attention["out"] = {"kernel": rng.normal(size=(4, 6, 24)).astype("f4")}
    return {
        "params": {
            "encoder": {"attention": attention},
            "conv": {"kernel": rng.normal(size=(3, 3, 8, 16)).astype("f4"), "bias": np.zeros(16, "f4")},
            "dense": {"kernel": rng.normal(size=(16, 10)).astype("f4"), "bias": np.zeros(10, "f4")},
            "half": {"kernel": rng.normal(size=(16, 10)).astype(ml_dtypes.bfloat16)},
            "large": {"kernel": in_parts(rng.normal(size=(50, 30)).astype("f4"), 400)},
            "step": np.int32(7),
        }
    }


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save(tmp_path / "flax_model.msgpack", tree())
    return tmp_path / "flax_model.msgpack"


def test_every_array_is_what_was_written(model: Path) -> None:
    checkpoint, params = open_checkpoint([model]), tree()["params"]
    assert checkpoint.format == "flax"
    np.testing.assert_array_equal(checkpoint.read("params/dense/kernel").numpy(), params["dense"]["kernel"])
    half = checkpoint.read("params/half/kernel")
    assert half.dtype == torch.bfloat16
    np.testing.assert_array_equal(half.float().numpy(), params["half"]["kernel"].astype("f4"))
    large = params["large"]["kernel"]
    whole = np.concatenate(list(large["chunks"].values())).reshape(50, 30)
    np.testing.assert_array_equal(checkpoint.read("params/large/kernel").numpy(), whole)
    assert checkpoint.read("params/step").item() == 7


def test_kernels_lie_as_flax_has_them(model: Path) -> None:
    planned = {info.name: matrices(info) for info in open_checkpoint([model]).tensors if info.skip is None}
    found = {name: (each[0].rows, each[0].columns, each[0].slices) for name, each in planned.items()}
    assert found["params/dense/kernel"] == (10, 16, 1)
    assert found["params/conv/kernel"] == (16, 8, 9)
    for name in ("query", "key", "value", "out"):
        assert found[f"params/encoder/attention/{name}/kernel"] == (24, 24, 1)


def test_the_state_of_the_optimizer_is_set_aside(tmp_path: Path) -> None:
    params = {"dense": {"kernel": np.ones((4, 3), "f4")}}
    save(tmp_path / "state", {"step": 5, "params": params, "opt_state": {"0": {"mu": params, "nu": params}}})
    checkpoint = open_checkpoint([tmp_path / "state"])
    assert list(checkpoint.stored) == ["params/dense/kernel"]
    assert len(checkpoint.aside) == 2
    assert checkpoint.facts["step"] == 5


def test_a_rewrite_is_what_safetensors_reads(model: Path, tmp_path: Path) -> None:
    checkpoint = open_checkpoint([model])
    rewrite(checkpoint, tmp_path / "rewritten")
    for name, found in safetensors.numpy.load_file(tmp_path / "rewritten").items():
        np.testing.assert_array_equal(found, checkpoint.stored[name].load().view(found.dtype))


def test_the_limited_child_reads_it_too(model: Path, tmp_path: Path) -> None:
    assert ingest([model], tmp_path / "model.safetensors").format == "flax"


def test_a_kernel_that_is_stored_outputs_first_is_known_by_its_bias(tmp_path: Path) -> None:
    """FlaxConv1D of transformers (modeling_flax_gpt2.py): kernel (features, inputs)."""
    save(tmp_path / "m", {"c_fc": {"kernel": np.ones((32, 8), "f4"), "bias": np.ones(32, "f4")}})
    (info,) = (info for info in open_checkpoint([tmp_path / "m"]).tensors if info.skip is None or "const" in info.skip)
    assert not info.transposed
