"""A model is only the same as another where its norms, biases and counters are too."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from analysis.diagnostic import Request
from analysis.diagnostics.update.diagnostic import UPDATE
from analysis.engine.comparison import compare
from analysis.formats import open_checkpoint
from analysis.other_tensors import OtherTensors
from analysis.tensors.others import compare_listed, compare_others, have_equal_values
from tests.analysis.diagnostics.battery import randn

NORM, BIAS = "layers.0.input_layernorm.weight", "layers.0.mlp.up_proj.bias"


def state(**changed: Tensor) -> dict[str, Tensor]:
    made = {f"layers.{i}.mlp.up_proj.weight": randn(24, 16, seed=i) for i in range(3)}
    return made | {NORM: torch.ones(16), BIAS: torch.zeros(24), "step": torch.tensor(3)} | changed


def findings(folder: Path, *states: dict[str, Tensor]) -> tuple[str, list[str]]:
    paths = [folder / f"{at}.safetensors" for at in range(len(states))]
    for path, tensors in zip(paths, states, strict=True):
        save_file(tensors, path)
    checkpoints = [open_checkpoint([path]) for path in paths]
    names = ["base", *(f"step {at}" for at in range(1, len(states)))]
    found = compare(checkpoints, [Request(UPDATE, UPDATE.settings({}))], names).summaries["update"]
    return found.headline, [f"{finding.text}. {finding.why}" for finding in found.findings]


def test_a_copy_is_identical(tmp_path: Path) -> None:
    headline, (said,) = findings(tmp_path, state(), state())
    assert headline == "step 1 is identical to base."
    assert said.startswith("step 1 is identical to base in 3 matrices and 3 other tensors.")


def test_a_model_with_norms_changed_is_not_identical(tmp_path: Path) -> None:
    headline, (said,) = findings(tmp_path, state(), state(**{NORM: 1.1 * torch.ones(16)}))
    assert headline == "step 1 has the same matrices as base and changed 1 other tensor."
    assert said == f"step 1 changed 1 other tensor and none of 3 matrices. Changed: {NORM}."
    assert "identical" not in headline + said
    assert "nothing was trained" not in said


def test_a_tensor_of_one_of_them_alone_is_not_identical(tmp_path: Path) -> None:
    _, (said,) = findings(tmp_path, state(), state(gain=torch.ones(2)))
    assert "identical" not in said
    assert said.endswith("In only one of them: gain.")


def test_two_equal_steps_are_named(tmp_path: Path) -> None:
    moved = {"layers.1.mlp.up_proj.weight": randn(24, 16, seed=1) + 0.1 * randn(24, 1) @ randn(1, 16)}
    later = {"layers.1.mlp.up_proj.weight": randn(24, 16, seed=1) + 0.2 * randn(24, 1) @ randn(1, 16)}
    _, said = findings(tmp_path, state(), state(**moved), state(**moved), state(**later))
    (repeated,) = [words for words in said if " are the same in " in words]
    assert repeated.startswith("step 1 and step 2 are the same in 3 matrices.")
    assert repeated.endswith("So are all other tensors.")


def by_digest(folder: Path, *states: dict[str, Tensor]) -> OtherTensors:
    for at, tensors in enumerate(states):
        save_file(tensors, folder / f"{at}.safetensors")
    base, tuned = (open_checkpoint([folder / f"{at}.safetensors"]) for at in range(2))
    found, by_value = compare_listed(base.tensors, tuned.tensors), compare_others(base, tuned)
    assert by_value is not None
    assert (found.same, found.changed, found.alone) == (by_value.same, by_value.changed, by_value.alone)
    return found


def test_digests_say_what_the_values_say(tmp_path: Path) -> None:
    assert by_digest(tmp_path, state(), state()).are_equal
    assert by_digest(tmp_path, state(), state(**{NORM: torch.ones(16).bfloat16()})).are_equal
    assert by_digest(tmp_path, state(), state(**{NORM: 1.1 * torch.ones(16)})).changed == (NORM,)
    prefixed = {f"model.{name}": tensor for name, tensor in state(step=torch.tensor(4)).items()}
    assert by_digest(tmp_path, state(), prefixed).changed == ("step",)


def test_a_tied_head_is_compared_with_its_matrix(tmp_path: Path) -> None:
    tied = {"embed_tokens.weight": randn(24, 16), "lm_head.weight": randn(24, 16)}
    assert by_digest(tmp_path, state(**tied), state(**tied)).are_equal


def test_without_digests_nothing_is_equal(tmp_path: Path) -> None:
    save_file(state(), tmp_path / "a.safetensors")
    listed = open_checkpoint([tmp_path / "a.safetensors"]).tensors
    older = [replace(info, digest="") for info in listed]
    found = compare_listed(older, listed)
    assert sorted(found.unread) == sorted([NORM, BIAS, "step"])
    assert not found.are_equal


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.bool])
def test_values_are_compared_by_their_bytes(dtype: torch.dtype) -> None:
    one = torch.tensor([0, 1, 1]).to(dtype)
    assert have_equal_values(one, one.clone())
    assert not have_equal_values(one, torch.tensor([0, 1, 0]).to(dtype))
    assert not have_equal_values(one, one[:2])
    assert have_equal_values(one, one.double())
    assert not have_equal_values(one, one[:0])
    assert have_equal_values(one[:0], torch.zeros(0, dtype=dtype))  # as ZeRO-3 leaves them, with a stride of 0
    assert not have_equal_values(torch.empty_strided((0,), (0,)).to(dtype), one)


def test_nan_equals_itself_and_zero_its_negative_does_not() -> None:
    nan = torch.tensor([float("nan")])
    assert have_equal_values(nan, nan.clone())
    assert not have_equal_values(torch.tensor([0.0]), torch.tensor([-0.0]))
