"""One candidate: matrices, other tensors and digests together."""

from pathlib import Path

import torch
from torch import Tensor

from analysis.prescriptions.lineage.candidates import Compared, compare_candidate, digests_of, sizes_of
from tests.analysis.prescriptions.golden import llama, members, save

UP = "model.layers.1.mlp.up_proj.weight"


def compare(tmp_path: Path, base: dict[str, Tensor], model: dict[str, Tensor]) -> Compared:
    given = members(save(base, tmp_path / "base.safetensors"), save(model, tmp_path / "model.safetensors"))
    return compare_candidate(given, 0, digests_of(given.checkpoints[-1]))


def test_frozen_parameters_are_counted(tmp_path: Path) -> None:
    base = llama()
    model = base | {UP: base[UP] + 0.001 * torch.randn(base[UP].shape, generator=torch.Generator().manual_seed(3))}
    found = compare(tmp_path, base, model)
    size = sum(tensor.numel() for tensor in base.values())
    assert found.verdict.identical == 1 - base[UP].numel() / size
    assert {name for name, like in found.likenesses.items() if like.kind != "none"} == {UP}


def test_a_prefix_is_no_difference(tmp_path: Path) -> None:
    base = llama()
    found = compare(tmp_path, base, {name.removeprefix("model."): tensor for name, tensor in base.items()})
    assert found.verdict.relation == "same"
    assert found.verdict.identical > 0.99


def test_a_vocabulary_alone_does_not_speak_for_a_model_of_another_shape(tmp_path: Path) -> None:
    found = compare(tmp_path, llama(), {name: t.repeat(2, 1) for name, t in llama().items() if t.ndim > 1})
    assert found.verdict.relation == "part"
    assert found.verdict.near < 0.1
    apart = compare(tmp_path, {"w.weight": torch.ones(3, 2)}, llama())
    assert (apart.verdict.relation, apart.likenesses) == ("unlike", {})
    assert apart.left


def test_a_matrix_with_nan_is_left_out(tmp_path: Path) -> None:
    base = llama()
    model = base | {UP: torch.full(base[UP].shape, torch.nan)}
    found = compare(tmp_path, base, model)
    assert found.left == (f"{UP}: model: 6,144 of 6,144 values are NaN or infinite",)


def test_sizes_and_digests_have_the_same_names(tmp_path: Path) -> None:
    given = members(save(llama(), tmp_path / "m.safetensors")).checkpoints[0]
    assert digests_of(given).keys() == sizes_of(given).keys()
