"""Reports on a terminal: tables for people."""

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import save_file

from analysis.diagnostics import requests
from analysis.diagnostics.first_look.diagnostic import FIRST_LOOK
from analysis.engine.single import analyze
from analysis.formats import open_checkpoint
from app.cli.analyze import ALONE
from app.cli.listing.tables import brief, by_weight, name_group, shown_columns
from app.cli.main import main
from tests import comparisons as made


def run(*arguments: str, columns: int = 80) -> Result:
    return CliRunner().invoke(main, arguments, env={"COLUMNS": str(columns)})


def test_a_name_cannot_command_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_file({"\x1b]0;owned\x07[red]": torch.randn(16, 9)}, path)
    printed = run("analyze", str(path), columns=200).stdout
    assert "\x1b]" not in printed
    assert "\\x1b]0;owned\\x07[red]" in printed.replace("\n", "")


def test_the_table_names_layers_and_what_was_left_out(small: Path) -> None:
    result = run("analyze", str(small), columns=120)
    assert result.exit_code == 0
    assert "Block 0 · query" in result.stdout
    assert "2 of 4 tensors analysed." in result.stdout
    assert "4608 of 4608 values are NaN or infinite" in " ".join(result.stdout.split())


def test_a_narrow_terminal_keeps_the_first_and_the_last_column(small: Path) -> None:
    lines = run("analyze", str(small)).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    (headings,) = (line for line in lines if line.startswith("Layer"))
    assert headings.split()[-1] == "State"


def test_columns_of_one_name_keep_their_diagnostic(small: Path) -> None:
    report = analyze(open_checkpoint([small]), requests({each.name: {} for each in ALONE}))
    shown = shown_columns(report.tables)
    assert [(name, column.name) for name, column in shown] == [
        ("esd", "alpha"), ("esd", "D"), ("esd", "num_pl_spikes"),
        ("norms", "sv_max"), ("norms", "stable_rank"), ("entries", "state"),
        *(("first_look", column.name) for column in FIRST_LOOK.columns if column.shown),
    ]  # fmt: skip
    rows = by_weight(report.tables)[(0,), "model.layers.0.mlp.up_proj.weight"]
    assert rows["esd"].value("D") != rows["farms"].value("D")


def test_a_report_without_marked_columns_shows_the_first(small: Path) -> None:
    report = analyze(open_checkpoint([small]), requests({"snr": {}}))
    assert [column for _, column in shown_columns(report.tables)] == list(report.tables[0].diagnostic.columns[:3])
    assert run("analyze", str(small), "--diagnostic", "snr", "--device", "cpu").exit_code == 0


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (3.14159, "3.14"), (12, "12"), ("", ""), (1234.5, "1.23e+03"), (20_000.0, "20000")]
)
def test_brief(value: object, text: str) -> None:
    assert brief(value) == text


def test_only_the_worst_matrices_of_a_comparison_are_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("app.cli.listing.order.MOST", 2)
    base, full = made.write(tmp_path, base=made.model(made.base()), full=made.model(made.full()))
    said = " ".join(run("compare", str(base), str(full), "--diagnostic", "update").stdout.split())
    assert "and 3 more" in said


@pytest.mark.parametrize(("group", "told"), [((1,), "a"), ((0, 1), "a"), ((0, 1, 2), "a, b")])
def test_a_group_is_told_by_its_tuned_checkpoints(group: tuple[int, ...], told: str) -> None:
    assert name_group(["base", "a", "b"], group) == told


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty layers with a long name, one of them zero."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("deep") / "deep.safetensors"
    names = [f"model.layers.{n}.self_attn.o_proj.weight" for n in range(20)]
    tensors = {name: torch.randn(64, 48) * (1 + n) for n, name in enumerate(names)}
    save_file(tensors | {names[17]: torch.zeros(64, 48)}, path)
    return path


def layers(text: str) -> list[str]:
    return [line for line in text.splitlines() if "· attention output" in line and ":" not in line]


def test_fifteen_rows_are_listed_and_how_many_more_there_are(deep: Path) -> None:
    printed = run("analyze", str(deep)).stdout
    assert len(layers(printed)) == 15
    assert "and 5 more: --full lists all" in printed
    assert len(layers(run("analyze", str(deep), "--full").stdout)) == 20


def test_the_whole_list_has_the_blocks_by_number(deep: Path) -> None:
    listed = layers(run("analyze", str(deep), "--full").stdout)
    assert [int(line.split("Block ")[1].split(" ")[0]) for line in listed] == list(range(20))


def test_layers_with_findings_come_first_and_carry_a_sign(deep: Path) -> None:
    assert layers(run("analyze", str(deep)).stdout)[0].startswith(("✗ Block 17", "! Block 17"))


def test_sorted_by_a_column(deep: Path) -> None:
    largest = layers(run("analyze", str(deep), "--sort", "sv_max").stdout)
    assert [line.split(" ·")[0].split()[-1] for line in largest[:3]] == ["19", "18", "16"]
    least = layers(run("analyze", str(deep), "--sort", "norms.sv_max:asc").stdout)
    assert "Block 17" in least[0]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_name_is_wrapped_and_no_line_is_wider_than_the_terminal(deep: Path, columns: int) -> None:
    lines = run("analyze", str(deep), columns=columns).stdout.splitlines()
    assert max(map(len, lines)) <= columns
    assert len([line for line in lines if "attention output" in line and "·" in line]) >= 15


def test_a_pipe_has_no_line_breaks(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    printed = CliRunner().invoke(main, ["analyze", str(deep)]).stdout
    assert len(layers(printed)) == 15
    assert max(map(len, printed.splitlines())) > 80
    starts = ("bad:", "check:", "do:", "see:", "note:")
    sentences = [line for line in printed.splitlines() if line.lstrip().startswith(starts)]
    assert len(sentences) == len([line for line in printed.splitlines() if line.startswith("  ") and ":" in line])
