"""The command line: what it prints, and how it ends."""

import csv
import io
import json
import os
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import save_file

from analysis.diagnostics import DIAGNOSTICS, requests
from analysis.formats import open_checkpoint
from analysis.report import analyze
from app.cli import brief, by_weight, main, shown_columns, typed
from app.tables import to_csv


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    tensors = {
        "model.layers.0.self_attn.q_proj.weight": torch.randn(64, 48),
        "model.layers.0.mlp.up_proj.weight": torch.randn(96, 48),
        "model.layers.0.input_layernorm.weight": torch.ones(48),
        "model.layers.0.mlp.down_proj.weight": torch.full((48, 96), torch.nan),
    }
    path = tmp_path / "small.safetensors"
    save_file(tensors, path)
    return path


def test_json_is_the_report_of_the_library(small: Path) -> None:
    result = run("analyze", str(small), "--json", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == json.loads(
        json.dumps(analyze(open_checkpoint([small]), requests(None)).to_json())
    )


def test_json_has_every_declared_column(small: Path) -> None:
    report = json.loads(run("analyze", str(small), "--json", "--all").stdout)
    assert report["coverage"]["analysed"] == 2
    assert {left["tensor"] for left in report["coverage"]["skipped"]} == {
        "model.layers.0.input_layernorm.weight",
        "model.layers.0.mlp.down_proj.weight",
    }
    for diagnostic in DIAGNOSTICS:
        declared = {column.name for column in diagnostic.columns if column.kind != "curve"}
        for row in report["tables"][diagnostic.name]:
            assert declared <= row.keys()


def test_csv_is_the_first_table(small: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run("analyze", str(small), "--csv", "--diagnostic", "norms").stdout)))
    report = json.loads(run("analyze", str(small), "--json", "--diagnostic", "norms").stdout)
    assert [row["weight"] for row in rows] == [row["weight"] for row in report["tables"]["norms"]]
    ranks = [row["stable_rank"] for row in report["tables"]["norms"]]
    assert [float(row["stable_rank"]) if row["stable_rank"] else None for row in rows] == ranks


def test_csv_is_what_the_api_sends(small: Path) -> None:
    report = analyze(open_checkpoint([small]), requests())
    printed = run("analyze", str(small), "--csv").stdout_bytes.decode()
    assert printed == "".join(to_csv(report.tables[0]))


def test_a_name_cannot_command_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_file({"\x1b]0;owned\x07[red]": torch.eye(9)}, path)
    printed = run("analyze", str(path)).stdout
    assert "\x1b]" not in printed
    assert "\\x1b]0;owned\\x07[red]" in printed.replace("\n", "")


def test_the_table_names_layers_and_what_was_left_out(small: Path) -> None:
    result = run("analyze", str(small))
    assert result.exit_code == 0
    assert "Block 0 · query" in result.stdout
    assert "2 of 4 tensors analysed." in result.stdout
    assert "4608 of 4608 values are NaN or infinite" in result.stdout.replace("\n", " ")


def test_columns_of_one_name_keep_their_diagnostic(small: Path) -> None:
    report = analyze(open_checkpoint([small]), requests({each.name: {} for each in DIAGNOSTICS}))
    shown = shown_columns(report)
    assert [(name, column.name) for name, column in shown] == [
        ("esd", "alpha"), ("esd", "D"), ("esd", "num_pl_spikes"), ("esd", "warning"),
        ("norms", "sv_max"), ("norms", "stable_rank"),
    ]  # fmt: skip
    rows = by_weight(report)["model.layers.0.mlp.up_proj.weight"]
    assert rows["esd"].value("D") != rows["farms"].value("D")


def test_a_report_without_marked_columns_shows_the_first(small: Path) -> None:
    report = analyze(open_checkpoint([small]), requests({"snr": {}}))
    assert [column for _, column in shown_columns(report)] == list(report.tables[0].diagnostic.columns[:3])
    assert run("analyze", str(small), "--diagnostic", "snr", "--device", "cpu").exit_code == 0


def test_options_reach_the_diagnostic(small: Path) -> None:
    compatible = run("analyze", str(small), "--json", "--diagnostic", "esd", "--option", "esd.compat=weightwatcher")
    assert compatible.exit_code == 0, compatible.output
    wrong = run("analyze", str(small), "--diagnostic", "esd", "--option", "esd.compat=other")
    assert wrong.exit_code == 2
    assert "'other' is not one of" in wrong.stderr


@pytest.mark.parametrize("setting", ["compat", "esd.compat", "norms.compat=1", "esd.no_such=1"])
def test_a_wrong_option_is_a_usage_error(small: Path, setting: str) -> None:
    assert run("analyze", str(small), "--diagnostic", "esd", "--option", setting).exit_code == 2


def test_one_format_at_a_time(small: Path) -> None:
    assert run("analyze", str(small), "--json", "--csv").exit_code == 2


def test_all_leaves_nothing_to_choose(small: Path) -> None:
    assert run("analyze", str(small), "--all", "--diagnostic", "esd").exit_code == 2


def test_a_file_that_is_no_checkpoint_ends_with_3_and_a_reason(tmp_path: Path) -> None:
    page = tmp_path / "[bold]model[/].safetensors"
    page.parent.mkdir(exist_ok=True, parents=True)
    page.write_text("<!doctype html><title>Not found</title>")
    result = run("analyze", str(page))
    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr.startswith("html-page")
    assert "Traceback" not in result.stderr


def test_a_missing_file_is_a_usage_error() -> None:
    assert run("analyze", "/no/such/file").exit_code == 2


def test_doctor_says_what_is_wrong_and_how_to_mend_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EIGENSCOPE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("EIGENSCOPE_DATABASE_URL", "postgresql://127.0.0.1:1/nowhere")
    result = run("doctor")
    assert result.exit_code == 1
    assert "✗ database" in result.stdout
    assert "→ check EIGENSCOPE_DATABASE_URL" in result.stdout


def test_doctor_speaks_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EIGENSCOPE_DATA_DIR", str(tmp_path))
    subjects = [check["subject"] for check in json.loads(run("doctor", "--json").stdout)]
    assert subjects[:5] == ["versions", "device", "disk", "database", "broker"]


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EIGENSCOPE_PORT", "eighty")
    for command in ("serve", "doctor"):
        result = run(command)
        assert result.exit_code == 2
        assert "EIGENSCOPE_PORT" in result.stderr
        assert "Traceback" not in result.stderr


def test_an_open_address_needs_a_token() -> None:
    result = run("serve", "--host", "0.0.0.0")
    assert result.exit_code == 2
    assert "EIGENSCOPE_TOKEN" in result.stderr


def test_worker_becomes_the_celery_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, command: began.append(command))
    assert run("worker").exit_code == 0
    assert "--app=workers.tasks" in began[0]


@pytest.mark.parametrize(
    ("text", "value"), [("1", 1), ("0.5", 0.5), ("true", True), ("weightwatcher", "weightwatcher")]
)
def test_typed(text: str, value: object) -> None:
    assert typed(text) == value


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (3.14159, "3.14"), (12, "12"), ("", "")])
def test_brief(value: object, text: str) -> None:
    assert brief(value) == text
