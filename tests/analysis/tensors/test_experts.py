"""Experts stacked in one checkpoint and apart in another are the same experts."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from analysis.diagnostic import Request
from analysis.diagnostics import DIAGNOSTICS
from analysis.engine.comparison import compare
from analysis.formats import Checkpoint, open_checkpoint
from analysis.tensors.experts import as_stored_in, read

EXPERTS, HIDDEN, INNER = 3, 6, 4


def parts() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(EXPERTS, *shape, generator=generator) for name, shape in
            (("gate", (INNER, HIDDEN)), ("up", (INNER, HIDDEN)), ("down", (HIDDEN, INNER)))}  # fmt: skip


def apart(
    found: Mapping[str, Tensor], names: tuple[str, str, str] = ("gate_proj", "up_proj", "down_proj")
) -> dict[str, Tensor]:
    return {
        f"model.layers.0.mlp.experts.{expert}.{name}.weight": found[role][expert].contiguous()
        for expert in range(EXPERTS)
        for role, name in zip(("gate", "up", "down"), names, strict=True)
    }


def stacked(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """(expert, out, in), as transformers 5 keeps Mixtral and Qwen3."""
    return {
        "model.layers.0.mlp.experts.gate_up_proj": torch.cat([found["gate"], found["up"]], 1),
        "model.layers.0.mlp.experts.down_proj": found["down"],
    }


def inputs_first(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """(expert, in, out), as Llama 4 keeps them."""
    return {name: tensor.mT.contiguous() for name, tensor in stacked(found).items()}


def saved(folder: Path, tensors: Mapping[str, Tensor]) -> Checkpoint:
    folder.mkdir()
    save_file(dict(tensors), folder / "model.safetensors")
    return open_checkpoint([folder])


FORMS = {"apart": apart, "stacked": stacked, "inputs first": inputs_first}


@pytest.mark.parametrize("there", FORMS)
@pytest.mark.parametrize("here", FORMS)
def test_every_form_is_read_as_any_other(here: str, there: str, tmp_path: Path) -> None:
    base = saved(tmp_path / "base", FORMS[here](parts()))
    tuned = saved(tmp_path / "tuned", FORMS[there](parts()))
    found = {info.name: info for info in as_stored_in(base.tensors, tuned.tensors)}
    assert set(found) == {info.name for info in base.tensors}
    if "apart" in (here, there):
        for info in base.tensors:
            assert torch.equal(read(tuned, found[info.name]), base.read(info.name))


def test_mixtral_by_its_own_names(tmp_path: Path) -> None:
    base = saved(tmp_path / "base", {
        name.replace("mlp", "block_sparse_moe"): tensor for name, tensor in apart(parts(), ("w1", "w3", "w2")).items()
    })  # fmt: skip
    tuned = saved(tmp_path / "tuned", stacked(parts()))
    found = as_stored_in(base.tensors, tuned.tensors)
    assert {info.name for info in found} == {info.name for info in base.tensors}


def test_experts_that_are_missing_leave_the_stack_as_it_is(tmp_path: Path) -> None:
    some = {name: tensor for name, tensor in apart(parts()).items() if ".2." not in name}
    base, tuned = saved(tmp_path / "base", stacked(parts())), saved(tmp_path / "tuned", some)
    assert {info.name for info in as_stored_in(base.tensors, tuned.tensors)} == set(some)


@pytest.mark.parametrize(("here", "there"), [("stacked", "apart"), ("apart", "stacked"), ("apart", "inputs first")])
def test_what_a_training_changed_is_found(here: str, there: str, tmp_path: Path) -> None:
    changed = {role: tensor * (1.0 + 0.01 * (1 + at)) for at, (role, tensor) in enumerate(parts().items())}
    run = [saved(tmp_path / "base", FORMS[here](parts())), saved(tmp_path / "tuned", FORMS[there](changed))]
    update = next(diagnostic for diagnostic in DIAGNOSTICS if diagnostic.name == "update")
    report = compare(run, [Request(update, update.settings({}))], ["base", "tuned"])
    found = {row.weight.role: row.value("relative_norm") for row in report.tables[0].rows}
    assert len(report.tables[0].rows) == 3 * EXPERTS
    assert found == {"gate": pytest.approx(0.01, rel=1e-4), "up": pytest.approx(0.02, rel=1e-4),
                     "down": pytest.approx(0.03, rel=1e-4)}  # fmt: skip
    assert not report.coverage.members[1].skipped
