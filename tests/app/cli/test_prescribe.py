"""`eigenscope prescribe`: a folder with the record and the files, a short table, and refusals without a traceback."""

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from app.cli.main import main
from tests.analysis.prescriptions.golden import FOLDER

MODEL = str(FOLDER / "model.safetensors")


def run(folder: Path, kind: str, *files: str, options: tuple[str, ...] = (), more: tuple[str, ...] = ()) -> Result:
    asked = [word for option in options for word in ("--option", option)]
    return CliRunner().invoke(main, ["prescribe", kind, *files, *asked, "--out", str(folder / "out"), *more])


def test_it_writes_the_record_and_the_files_and_prints_a_table(tmp_path: Path) -> None:
    result = run(tmp_path, "trainable", MODEL, options=("fraction=0.25",))
    assert result.exit_code == 0, result.output
    assert "model.layers.0.mlp.down_proj.weight" in result.output
    assert "Validated on:" in result.output
    told = json.loads((tmp_path / "out" / "prescription.json").read_text())
    assert (told["kind"], told["parameters"]["fraction"], len(told["chosen"])) == ("trainable", 0.25, 7)
    assert (tmp_path / "out" / "unfrozen_parameters.yaml").exists()


def test_a_report_gives_the_same_answer_as_its_checkpoint(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text(CliRunner().invoke(main, ["analyze", MODEL, "--diagnostic", "snr", "--json"]).stdout)
    told = json.loads(run(tmp_path, "trainable", MODEL, more=("--json",)).stdout)
    (again,) = [json.loads(run(tmp_path / "b", "trainable", str(report), more=("--json",)).stdout)]
    assert {**told, "report": ""} == {**again, "report": ""}


@pytest.mark.parametrize(("kind", "options", "said"), [
    ("pruning", (), "'pruning' is not"),
    ("trainable", ("fraction=2",), "option fraction: 2 is not a number"),
    ("trainable", ("share=0.2",), "trainable has no option share"),
    ("trainable", ("fraction",), "is not NAME=VALUE"),
])  # fmt: skip
def test_wrong_usage(tmp_path: Path, kind: str, options: tuple[str, ...], said: str) -> None:
    result = run(tmp_path, kind, MODEL, options=options)
    assert (result.exit_code, said in " ".join(result.output.split())) == (2, True), result.output
    assert not (tmp_path / "out").exists()


def test_a_refusal_has_a_code_and_leaves_no_folder(tmp_path: Path) -> None:
    result = run(tmp_path, "trainable", MODEL, options=("fraction=0.01",))
    assert result.exit_code == 3
    assert "unreachable-target" in result.stderr
    assert not (tmp_path / "out").exists()
    (tmp_path / "other.json").write_text("{}")
    assert "incomplete-report" in run(tmp_path, "trainable", str(tmp_path / "other.json")).stderr
    assert "wrong-members" in run(tmp_path, "trainable", MODEL, MODEL).stderr


def test_nothing_is_written_over(tmp_path: Path) -> None:
    assert run(tmp_path, "trainable", MODEL).exit_code == 0
    assert "is not empty" in run(tmp_path, "trainable", MODEL).output


def test_an_optimizer_is_read_by_the_monitor_beside_its_checkpoint(tmp_path: Path) -> None:
    network = torch.nn.Linear(40, 30)
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.randn(8, 40)).square().sum().backward()
    optimizer.step()
    torch.save(optimizer.state_dict(), tmp_path / "optimizer.pt")
    torch.save(network.state_dict(), tmp_path / "model.pt")
    state = str(tmp_path / "optimizer.pt")
    result = run(tmp_path, "monitor", str(tmp_path / "model.pt"), state, more=("--json",))
    assert result.exit_code == 0, result.output
    assert set(json.loads(result.stdout)["moments"]["weight"]) == {"exp_avg", "update"}
    alone = run(tmp_path / "alone", "monitor", state)
    assert (alone.exit_code, "give the checkpoint of the same step" in " ".join(alone.stderr.split())) == (3, True)
    assert "wrong-members" in run(tmp_path / "two", "monitor", MODEL, state, state).stderr
    assert "optimizer-mismatch" in run(tmp_path / "other", "monitor", MODEL, state).stderr
    torch.save({"optimizer_state_dict": {"zero_stage": 2, "fp32_flat_groups": []}}, tmp_path / "optimizer.pt")
    assert "flat-optimizer" in run(tmp_path / "flat", "monitor", MODEL, state).stderr
    assert "no-tensors" in run(tmp_path / "not", "traps", state).stderr
