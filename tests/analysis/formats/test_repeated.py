"""Tied weights: one tensor under two names."""

from pathlib import Path

import torch
from safetensors.torch import save_file

from analysis.coverage import coverage
from analysis.formats import open_checkpoint
from analysis.formats.repeated import repeated


def test_two_names_of_one_storage_are_one_tensor(tmp_path: Path) -> None:
    shared = torch.randn(300, 64)
    path = tmp_path / "a.bin"
    torch.save({"lm_head.weight": shared, "wte.weight": shared, "other.weight": shared[:64], "x": torch.zeros(0)}, path)
    found = open_checkpoint([path])
    assert repeated(found.stored) == {"lm_head.weight": "wte.weight"}
    infos = {info.name: info for info in found.tensors}
    assert infos["lm_head.weight"].skip == "the same tensor as wte.weight"
    assert infos["lm_head.weight"].same_as == "wte.weight"
    said = coverage(found.tensors)
    assert (said.tensors, said.analysed, said.parameters) == (4, 2, 300 * 64 + 64 * 64)


def test_a_tied_head_that_was_written_twice(tmp_path: Path) -> None:
    shared, other = torch.randn(300, 64), torch.randn(300, 64)
    other[0] = shared[0]
    tensors = {
        "lm_head.weight": shared,
        "model.embed_tokens.weight": shared.clone(),
        "decoder.embed_tokens.weight": other,
    }
    save_file(tensors, tmp_path / "a.safetensors")
    found = open_checkpoint([tmp_path / "a.safetensors"])
    assert repeated(found.stored) == {"lm_head.weight": "model.embed_tokens.weight"}
