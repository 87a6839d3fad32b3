"""An index and its shards, as transformers writes them, and where they do not agree."""

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

from analysis.errors import DamagedFile
from analysis.facts import EXTRA_TENSORS, REPEATED_TENSORS
from analysis.formats import open_checkpoint
from analysis.formats.checkpoint import Checkpoint

NAMES = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def opened(folder: Path, first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> Checkpoint:
    for name, tensors in zip(NAMES, (first, second), strict=True):
        safetensors.torch.save_file(tensors, folder / name)
    index = {"weight_map": {"a": NAMES[0], "b": NAMES[1]}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return open_checkpoint([folder])


def test_a_tensor_that_the_index_does_not_name_is_read_and_said(tmp_path: Path) -> None:
    checkpoint = opened(tmp_path, {"a": torch.ones(2)}, {"b": torch.ones(2), "c": torch.ones(2)})
    assert list(checkpoint.stored) == ["a", "b", "c"]
    assert checkpoint.facts[EXTRA_TENSORS] == "the index does not name 1 tensor (c), which the shards hold"


def test_the_same_tensor_in_two_shards_is_read_once_and_said(tmp_path: Path) -> None:
    checkpoint = opened(tmp_path, {"a": torch.ones(2)}, {"a": torch.ones(2), "b": torch.ones(2)})
    assert checkpoint.facts[REPEATED_TENSORS] == "several shards hold 1 tensor (a), with the same values"
    assert checkpoint.stored["a"].path.name == NAMES[0]


@pytest.mark.parametrize("other", [torch.zeros(2), torch.ones(3), torch.ones(2, dtype=torch.float16)])
def test_a_tensor_in_two_shards_with_other_values_is_refused(tmp_path: Path, other: torch.Tensor) -> None:
    with pytest.raises(DamagedFile, match=r"tensor a is in model-00001.* and in .* other values") as caught:
        opened(tmp_path, {"a": torch.ones(2)}, {"a": other, "b": torch.ones(2)})
    assert caught.value.code == "duplicate-tensor"


def test_what_agrees_has_no_note(tmp_path: Path) -> None:
    assert opened(tmp_path, {"a": torch.ones(2)}, {"b": torch.ones(2)}).facts == {}
