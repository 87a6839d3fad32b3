"""`analyze` and `compare`: what they print, and how they end."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from analysis.diagnostics import requests
from analysis.engine.comparison import compare
from analysis.engine.single import analyze
from analysis.formats import open_checkpoint
from app.cli.analyze import ALONE, name_paths, parse_option, parse_value
from app.cli.main import main
from tests import comparisons as made


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_json_is_the_report_of_the_library(small: Path) -> None:
    result = run("analyze", str(small), "--json", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == json.loads(
        json.dumps(analyze(open_checkpoint([small]), requests(None)).to_json())
    )


@pytest.mark.parametrize("by", ["option", "environment"])
def test_the_limit_of_memory(small: Path, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if by == "environment":
        monkeypatch.setenv("EIGENSCOPE_MEMORY_LIMIT", "50000")
    result = run("analyze", str(small), "--json", *(["--memory-limit", "50000"] if by == "option" else []))
    left_out = {left["tensor"]: left["reason"] for left in json.loads(result.stdout)["coverage"]["skipped"]}
    assert "and 50,000 bytes are allowed" in left_out["model.layers.0.mlp.up_proj.weight"]
    assert "model.layers.0.self_attn.q_proj.weight" not in left_out


def test_json_has_every_declared_column(small: Path) -> None:
    report = json.loads(run("analyze", str(small), "--json", "--all").stdout)
    assert report["coverage"]["analysed"] == 2
    assert {left["tensor"] for left in report["coverage"]["skipped"]} == {
        "model.layers.0.input_layernorm.weight",
        "model.layers.0.mlp.down_proj.weight",
    }
    for diagnostic in ALONE:
        declared = {column.name for column in diagnostic.columns if column.kind != "curve"}
        for row in report["tables"][diagnostic.name]:
            assert declared <= row.keys()


def test_csv_is_the_first_table(small: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run("analyze", str(small), "--csv", "--diagnostic", "norms").stdout)))
    report = json.loads(run("analyze", str(small), "--json", "--diagnostic", "norms").stdout)
    assert [row["weight"] for row in rows] == [row["weight"] for row in report["tables"]["norms"]]
    ranks = [row["stable_rank"] for row in report["tables"]["norms"]]
    assert [float(row["stable_rank"]) if row["stable_rank"] else None for row in rows] == ranks


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


@pytest.mark.parametrize(
    ("text", "value"), [("1", 1), ("0.5", 0.5), ("true", True), ("weightwatcher", "weightwatcher")]
)
def test_typed(text: str, value: object) -> None:
    assert parse_value(text) == value


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        *(("farms.sweep", text, True) for text in ("yes", "Yes", "true", "TRUE")),
        *(("top_singular_value.quantiles", text, False) for text in ("no", "NO", "false", "False")),
        *(("update.turns", text, "no") for text in ("no", "No", "false", "FALSE")),
        ("update.turns", "True", "yes"),
        ("update.directions", "8", 8),
        ("esd.compat", "no", "no"),
        ("farms.sweep", "maybe", "maybe"),
    ],
)
def test_yes_and_no_are_meant_in_any_case(option: str, text: str, value: object) -> None:
    diagnostic, name = option.split(".")
    assert parse_option(diagnostic, name, text) == value
    assert type(parse_option(diagnostic, name, text)) is type(value)


def test_yes_or_no_reaches_the_diagnostic(small: Path) -> None:
    arguments = ("analyze", str(small), "--json", "--diagnostic", "farms", "--option")
    assert run(*arguments, "farms.sweep=Yes").exit_code == 0
    wrong = run(*arguments, "farms.sweep=maybe")
    assert wrong.exit_code == 2
    assert "'maybe' is not yes or no" in wrong.stderr


# --- compare --------------------------------------------------------------------------------------------------------


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    files = {"base": made.model(made.base()), "lora": made.adapter(), "full": made.model(made.full())}
    return dict(zip(files, made.write(tmp_path, **files), strict=True))


def test_the_comparison_is_that_of_the_library(folders: Mapping[str, Path]) -> None:
    result = run("compare", *map(str, folders.values()), "--json", "--device", "cpu")
    assert result.exit_code == 0, result.output
    checkpoints = [open_checkpoint([path]) for path in folders.values()]
    expected = compare(checkpoints, requests(None, 3), list(folders)).to_json()
    assert json.loads(result.stdout) == json.loads(json.dumps(expected))
    assert {tuple(row["checkpoints"]) for row in expected["tables"]["update"]} == {("base", "lora"), ("base", "full")}


def test_a_comparison_for_people(folders: Mapping[str, Path]) -> None:
    result = run("compare", *map(str, folders.values()), "--device", "cpu")
    assert result.exit_code == 0, result.output
    said = " ".join(result.stdout.split())
    assert "lora: 4 of 4 tensors analysed." in said
    assert "full: 5 of 8 tensors analysed." in said
    assert "1 left out: not in the base" in said
    assert "update, whole model relative norm" in said


def test_a_comparison_as_csv_says_whose_each_row_is(folders: Mapping[str, Path]) -> None:
    arguments = ["--csv", "--diagnostic", "update", "--option", "update.directions=4"]
    result = run("compare", str(folders["base"]), str(folders["full"]), *arguments)
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert {(row["group"], row["checkpoints"]) for row in rows} == {("0 1", "base, full")}
    assert len(rows) == 5


def test_spectra_of_several_checkpoints_stand_beside_each_other(folders: Mapping[str, Path]) -> None:
    result = run("compare", str(folders["base"]), str(folders["lora"]), "--diagnostic", "norms", "--json")
    rows = json.loads(result.stdout)["tables"]["norms"]
    assert [row["checkpoints"] for row in rows if row["weight"] == made.QUERY] == [["base"], ["lora"]]
    assert run("compare", str(folders["base"]), str(folders["lora"]), "--diagnostic", "norms").exit_code == 0


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (["compare", "lora", "full"], 3, "base-is-adapter"),
        (["compare", "narrow", "full"], 3, "wrong-base"),
        (["analyze", "lora"], 3, "adapter-alone"),
        (["compare", "base", "bare"], 3, "adapter-config"),
        (["compare", "base", "full", "--diagnostic", "overlap"], 2, "needs three checkpoints"),
        (["compare", "base", "full", "--option", "update.directions=-1"], 2, "-1 is not a whole number"),
        (["compare", "base"], 2, "TUNED"),
        (["compare", "base", "nowhere"], 2, "does not exist"),
        (["analyze", "base", "--diagnostic", "update"], 2, "'update' is not one of"),
    ],
)
def test_what_cannot_be_compared_is_said(
    folders: dict[str, Path], tmp_path: Path, asked: list[str], code: int, said: str
) -> None:
    narrow = {name: value[..., :8].contiguous() for name, value in made.base().items()}
    bare = {name: content for name, content in made.adapter().items() if name.endswith("safetensors")}
    folders |= dict(zip(("narrow", "bare"), made.write(tmp_path, narrow=made.model(narrow), bare=bare), strict=True))
    folders["nowhere"] = tmp_path / "nowhere"
    result = run(*(str(folders.get(word, word)) for word in asked))
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert said in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


def test_checkpoints_are_called_by_what_tells_them_apart(folders: Mapping[str, Path]) -> None:
    files = [path / "model.safetensors" for path in (folders["base"], folders["full"])]
    assert name_paths([*files, folders["lora"], folders["lora"]]) == ("base", "full", "lora", "lora (2)")
    assert name_paths([Path("/x/step-100.safetensors"), Path("/y/step-100.bin")]) == ("step-100", "step-100 (2)")


def test_a_first_look_says_how_long_it_takes_and_has_a_table_of_its_own(small: Path) -> None:
    result = run("analyze", str(small), "--json", "--quick")
    assert result.exit_code == 0, result.output
    assert list(json.loads(result.stdout)["tables"]) == ["first_look"]
    assert "Predicted: first look under 1 s, exact under 1 s." in result.stderr


@pytest.mark.parametrize("other", [["--all"], ["--diagnostic", "norms"]])
def test_a_first_look_is_one_choice_of_what_to_measure(small: Path, other: list[str]) -> None:
    result = run("analyze", str(small), "--quick", *other)
    assert result.exit_code == 2
    assert "choose one" in result.stderr
