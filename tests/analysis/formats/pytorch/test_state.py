"""Which part of a checkpoint is the model, and what is checked about its tensors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from analysis.errors import DamagedFile
from analysis.formats import open_checkpoint
from analysis.formats.checkpoint import Checkpoint
from analysis.formats.pytorch.names import CALLS

WEIGHTS = {"layer.weight": torch.ones(2, 2), "layer.bias": torch.ones(2)}


def opened(value: object, folder: Path) -> Checkpoint:
    torch.save(value, folder / "model")
    return open_checkpoint([folder / "model"])


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model", "module"])
def test_the_model_inside_a_training_checkpoint(key: str, tmp_path: Path) -> None:
    optimizer = {"state": {0: {"exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 0.1}]}
    checkpoint = opened({key: WEIGHTS, "optimizer": optimizer, "epoch": 3, "lr": 0.1, "name": "run"}, tmp_path)
    assert list(checkpoint.stored) == list(WEIGHTS)
    assert checkpoint.facts == {"epoch": 3, "lr": 0.1, "name": "run"}


def test_a_model_inside_a_model(tmp_path: Path) -> None:
    assert list(opened({"model": {"state_dict": WEIGHTS}}, tmp_path).stored) == list(WEIGHTS)


def test_a_module_of_that_name_is_no_nesting(tmp_path: Path) -> None:
    assert list(opened({"model": torch.ones(2), "head": torch.ones(2)}, tmp_path).stored) == ["model", "head"]
    assert list(opened({"model": {"epoch": 3}, "head": torch.ones(2)}, tmp_path).stored) == ["head"]


def test_several_models_without_their_optimizer(tmp_path: Path) -> None:
    value = {"generator": WEIGHTS, "discriminator": WEIGHTS, "optimizer": {"m": torch.ones(2)}}
    assert list(opened(value, tmp_path).stored) == [
        f"{model}.{name}" for model in ("generator", "discriminator") for name in WEIGHTS
    ]


def test_lists_and_numbers_are_named_by_their_place(tmp_path: Path) -> None:
    value = [torch.ones(1), {"a": (torch.ones(1), 3, None), 7: torch.ones(1)}]
    assert list(opened(value, tmp_path).stored) == ["0", "1.a.0", "1.7"]


def test_a_tensor_by_itself(tmp_path: Path) -> None:
    assert list(opened(torch.ones(3, 3), tmp_path).stored) == ["tensor"]
    assert list(opened(torch.nn.Parameter(torch.ones(3)), tmp_path).stored) == ["tensor"]


def test_parameters_with_attributes_and_buffers(tmp_path: Path) -> None:
    parameter = torch.nn.Parameter(torch.arange(3.0))
    parameter.tag = "mine"  # type: ignore[attr-defined]  # as optimizers do
    checkpoint = opened({"a": parameter, "b": torch.nn.Buffer(torch.ones(2))}, tmp_path)
    assert checkpoint.read("a").tolist() == [0, 1, 2]
    assert checkpoint.read("b").tolist() == [1, 1]


def test_a_sparse_tensor_is_its_parts(tmp_path: Path) -> None:
    assert list(opened({"a": torch.eye(3).to_sparse()}, tmp_path).stored) == ["a.sparse_0", "a.sparse_1"]


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("size", [3, 300])
def test_arrays_of_numpy_are_tensors(size: int, protocol: int, tmp_path: Path) -> None:
    """Of every order and dtype, short ones and ones that stay in the file; what holds no numbers is told."""
    random = np.random.default_rng(0)
    plain = random.standard_normal((size, size + 1))
    arrays = {"c": plain, "f": np.asfortranarray(plain), "big": plain.astype(">f4"), "i": plain.astype("i8"),
              "half": plain.astype("f2"), "part": plain[1:, ::2], "empty": plain[:0]}  # fmt: skip
    text = {"text": np.array(["a", "b"]), "objects": np.array([{}, None], dtype=object)}
    torch.save({"model": arrays | text | {"t": torch.ones(2, 2)}}, tmp_path / "model", pickle_protocol=protocol)
    checkpoint = open_checkpoint([tmp_path / "model"])
    assert checkpoint.stored.keys() == {*arrays, "t"}
    for name, array in arrays.items():
        assert np.array_equal(checkpoint.read(name).numpy(), array)
        whole = np.concatenate([np.ravel(words) for words in checkpoint.stored[name].chunks()])
        assert whole.tobytes() == np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    assert all("NumPy array" in checkpoint.aside[name].reason for name in text)


def test_what_stands_beside_the_model_is_there(tmp_path: Path) -> None:
    other = {"deep.weight": torch.ones(3, 3)}
    checkpoint = opened({"model": WEIGHTS, "head": other, "ema": WEIGHTS}, tmp_path)
    assert list(checkpoint.stored) == [*WEIGHTS, "head.deep.weight"]
    assert list(checkpoint.aside) == [f"ema.{name}" for name in WEIGHTS]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({"a.b": torch.ones(1), "a": {"b": torch.ones(1)}}, "duplicate-tensor"),
        ({"__metadata__": torch.ones(1)}, "bad-name"),
        ({"\ud800": torch.ones(1)}, "bad-name"),
    ],
)
def test_names_that_cannot_be_kept(value: object, code: str, tmp_path: Path) -> None:
    with pytest.raises(DamagedFile) as caught:
        opened(value, tmp_path)
    assert caught.value.code == code


def test_one_odd_tensor_is_left_out_and_the_rest_is_read(tmp_path: Path) -> None:
    """What torch saves and loads, and nothing here can measure."""
    odd = {
        "rank": torch.ones([1] * 65),
        "meta": torch.ones(3, 4, device="meta"),
        "bits": torch.zeros(3, dtype=torch.uint8).view(torch.bits8),
        "array": np.ones([1] * 33),
    }
    torch.save({**WEIGHTS, **odd}, tmp_path / "model")
    assert torch.load(tmp_path / "model", weights_only=False)["rank"].dim() == 65
    checkpoint = open_checkpoint([tmp_path / "model"])
    assert list(checkpoint.stored) == list(WEIGHTS)
    reasons = {name: left.reason for name, left in checkpoint.aside.items()}
    assert reasons["rank"] == "it has 65 dimensions, and at most 32 are read"
    assert "without numbers" in reasons["meta"]
    assert "bits8, which is not known here" in reasons["bits"]
    assert "33 dimensions" in reasons["array"]


@pytest.mark.parametrize("size", [(10**5000,), (2**70,), (2**40, 2**40), (1,) * 1000, "x"], ids="abcde")
def test_a_shape_without_numbers_is_bounded(size: Any) -> None:
    assert CALLS["torch._utils._rebuild_meta_tensor_no_storage"]("torch.float32", size).shape == ()
