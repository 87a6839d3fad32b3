"""The monitor of a run: its tables, repeated and untrained checkpoints, and an optimizer beside them."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from analysis.errors import UnmeasuredLayer, WrongBase
from analysis.formats.pytorch.optimizer import read_optimizer
from analysis.prescriptions.monitor.rule import steps_of
from tests.analysis.prescriptions.golden import llama, members, model, prescribe, save
from tests.analysis.prescriptions.monitor.test_run import UP, moved, paths


def test_the_tables_hold_every_checkpoint_and_metric(tmp_path: Path) -> None:
    given = members(*paths(tmp_path, *(moved(llama(), float(at)) for at in range(3))))
    found = prescribe("monitor", given, run="mine").answer
    rows = list(csv.DictReader(io.StringIO(found.files["monitor.csv"].decode())))
    mine = [row for row in rows if row["tensor"] == UP and row["metric"] == "operator_norm"]
    assert [row["step"] for row in mine] == ["0", "1", "2"]
    assert {row["type"] for row in mine} == {"mlp.up_proj"}
    assert float(mine[-1]["value"]) == found.entries[UP]
    lines = [json.loads(line) for line in found.files["wandb.jsonl"].decode().splitlines()]
    assert [line["step"] for line in lines] == [0, 1, 2]
    assert lines[2][f"step_ratio/{UP}"] == found.details[UP]["step_ratio"]
    json.dumps(found.extra, allow_nan=False)


def test_repeated_and_untrained_checkpoints_are_said(tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(0)
    fresh = {n: 0.02 * torch.randn(t.shape, generator=random) if t.ndim > 1 else t for n, t in llama().items()}
    found = prescribe("monitor", members(*paths(tmp_path, fresh, fresh))).answer
    assert found.extra["repeated"] == [["step0", "step1"]]
    assert "step1 is step0: every tensor is the same." in found.notes
    assert found.extra["like_an_initialisation"] == ["step0", "step1"]
    trained = prescribe("monitor", model()).answer
    assert trained.extra["like_an_initialisation"] == []
    assert "One checkpoint has no steps: give those of a run in their order." in trained.notes


def test_steps_come_from_the_files_where_all_say_them(tmp_path: Path) -> None:
    found = []
    for at, step in enumerate((100, 250)):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "trainer_state.json").write_text(json.dumps({"global_step": step}))
        found.append(save(moved(llama(), float(at)), folder / "model.safetensors"))
    assert steps_of(members(*found)) == (100, 250)
    assert steps_of(members(*found[::-1])) == (0, 1)


def trained(tmp_path: Path) -> tuple[Path, Path, LlamaForCausalLM]:
    torch.manual_seed(0)
    network = LlamaForCausalLM(LlamaConfig(
        vocab_size=40, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2,
    ))  # fmt: skip
    listed = list(network.parameters())
    groups = [{"params": [p for p in listed if p.ndim > 1]}, {"params": [p for p in listed if p.ndim == 1]}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3)
    tokens = torch.randint(0, 40, (4, 12))
    network(tokens, labels=tokens).loss.backward()
    optimizer.step()
    torch.save(optimizer.state_dict(), tmp_path / "optimizer.pt")
    weights = save(dict(network.state_dict()), tmp_path / "model.safetensors")
    return weights, tmp_path / "optimizer.pt", network


def test_moments_get_the_names_of_the_checkpoint_beside_them(tmp_path: Path) -> None:
    weights, optimizer, network = trained(tmp_path)
    given = replace(members(weights), optimizer=read_optimizer(optimizer))
    found = prescribe("monitor", given).answer
    moments = found.extra["moments"]
    name = "model.layers.1.self_attn.o_proj.weight"
    gradient = dict(network.named_parameters())[name].grad
    assert gradient is not None
    values = torch.linalg.svdvals(gradient.double())
    stable = float(values.square().sum() / values[0] ** 2)
    assert moments[name]["exp_avg"]["stable_rank"] == pytest.approx(stable, rel=1e-4)
    assert set(moments[name]) == {"exp_avg", "update"}
    assert any("no weights" in note for note in found.notes)


def test_an_optimizer_of_another_model_is_refused(tmp_path: Path) -> None:
    _, optimizer, _ = trained(tmp_path)
    given = replace(members(save(llama(), tmp_path / "other.safetensors")), optimizer=read_optimizer(optimizer))
    with pytest.raises(WrongBase) as error:
        prescribe("monitor", given)
    assert error.value.code == "optimizer-mismatch"


def test_a_file_of_vectors_has_nothing_to_follow(tmp_path: Path) -> None:
    with pytest.raises(UnmeasuredLayer, match="no matrix could be read"):
        prescribe("monitor", members(save({"norm.weight": torch.ones(4)}, tmp_path / "m.safetensors")))
