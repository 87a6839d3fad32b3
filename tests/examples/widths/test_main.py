"""The experiment's command: what it trains, what it writes."""

import json
import sys
from pathlib import Path

import pytest

from app.demo.lists import MANIFEST, list_experiment
from examples.widths import __main__ as main
from examples.widths.recipes import Recipe
from tests.examples.widths.made import write


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["widths", *arguments])
    main.main()


def test_what_is_trained_is_measured_and_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = write(tmp_path)
    run(monkeypatch, "--out", str(tmp_path), "--measure")
    said = json.loads((tmp_path / "results.json").read_text())
    assert list(said) == ["sqrt", "constant", "linear", "together"]
    assert said["linear"]["runs"] == ["base-d64-seed0", "linear-d96-seed0", "linear-d128-seed0"]
    assert (tmp_path / "results.md").read_text() in capsys.readouterr().out
    assert (tmp_path / MANIFEST).exists()
    found = list_experiment(tmp_path)
    assert list(found.files) == [recipe.name for recipe in results]
    assert all(len(files) == 4 for files in found.files.values())
    assert [wanted.names[-1] for wanted in found.runs] == [
        "sqrt-d128-seed0",
        "constant-d128-seed0",
        "linear-d128-seed0",
    ]
    assert {wanted.names[0] for wanted in found.runs} == {"base-d64-seed0"}


def test_only_what_is_asked_for_is_trained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    results = write(tmp_path)
    asked: list[Recipe] = []

    def each(recipes: list[Recipe], *_: object) -> list[object]:
        asked.extend(recipes)
        return [results[recipe] for recipe in recipes]

    monkeypatch.setattr(main, "each", each)
    monkeypatch.setattr(main, "text", lambda: None)
    run(monkeypatch, "--out", str(tmp_path), "--widths", "64", "96", "128", "--seeds", "0")
    assert [recipe.name for recipe in asked] == [recipe.name for recipe in results]
    with pytest.raises(SystemExit):
        run(monkeypatch, "--widths", "65")
