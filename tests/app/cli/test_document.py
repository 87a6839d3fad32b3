"""`--html`: the file that a command writes beside what it prints."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from app.cli.document import steps
from app.cli.main import main
from tests import comparisons as made


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_analyze_also_writes_the_report_as_one_file(small: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    result = run("analyze", str(small), "--json", "--html", str(file))
    assert result.exit_code == 0, result.output
    report, text = json.loads(result.stdout), file.read_text("utf-8")
    assert f"<h1>{small.stem}</h1>" in text
    assert text.count("<tr data-key=") == len(report["tables"]["esd"])
    measured = sum(row["alpha"] is not None for row in report["tables"]["esd"])
    assert text.count('"kind":"density"') >= measured > 0
    for finding in report["findings"]:
        assert finding["text"][:20] in text


def test_compare_writes_its_figures(tmp_path: Path) -> None:
    places = [tmp_path / "base.safetensors", tmp_path / "full.safetensors"]
    for place, weights in zip(places, (made.base(), made.full()), strict=True):
        place.write_bytes(made.model(weights)["model.safetensors"])
    file = tmp_path / "report.html"
    result = run("compare", *map(str, places), "--diagnostic", "update", "--html", str(file))
    assert result.exit_code == 0, result.output
    text = file.read_text("utf-8")
    assert "<h1>base, full</h1>" in text
    assert "What changed" in text


@pytest.mark.parametrize("command", ["analyze", "compare"])
def test_a_place_that_cannot_be_written_is_refused_first(command: str, small: Path, tmp_path: Path) -> None:
    arguments = [str(small)] * (2 if command == "compare" else 1)
    result = run(command, *arguments, "--html", str(tmp_path / "nowhere" / "report.html"))
    assert result.exit_code == 2
    assert "cannot be written" in result.output
    assert "Analysed" not in result.output


def test_the_steps_of_a_series_are_by_place() -> None:
    base, *tuned = [SimpleNamespace(facts=facts) for facts in ({}, {"step": 100}, {"step": 3.0})]
    assert steps([base, *tuned]) == {1: 100.0, 2: 3.0}
    assert steps([base, *tuned, base]) == {}
