import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from app.demo.lists import MANIFEST, list_experiment
from examples import __main__ as main
from examples import data
from examples.measure import files
from examples.recipes import Recipe, grid
from examples.train import Trained
from tests.examples.runs import whole_grid

RUNS = {run.recipe.name: run for run in whole_grid()}


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training and measuring are other tests' business."""
    monkeypatch.setattr(main, "texts", lambda out: ((data.Split((), ()), data.Split((), ())), ()))
    monkeypatch.setattr(main, "each", lambda recipes, work, jobs: [RUNS[recipe.name].result for recipe in recipes])
    monkeypatch.setattr(
        main, "measure", lambda recipes, _: {recipe.name: RUNS[recipe.name].found for recipe in recipes}
    )


@pytest.mark.usefixtures("untrained")
def test_numbers_figures_and_list_are_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["examples", "--out", str(tmp_path), "--seeds", "0"])
    main.main()
    assert {path.name for path in tmp_path.iterdir()} == {
        "results.json", "results.md", MANIFEST, "intruders.png", "forgetting.png", "sweep.png",
    }  # fmt: skip
    results = json.loads((tmp_path / "results.json").read_text())
    assert {each["recipe"]["seed"] for each in results} == {0}
    table = [line for line in (tmp_path / "results.md").read_text().splitlines() if line.startswith("| ")]
    assert len(table) == 1 + len(results)
    assert (tmp_path / "results.md").read_text() in capsys.readouterr().out


def test_the_dashboard_gets_a_base_and_a_run_of_each_kind(tmp_path: Path, minilm: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps(main.manifest(grid(), tmp_path)))
    for recipe in grid():
        for path in files(recipe, tmp_path):
            path.parent.mkdir(exist_ok=True)
            path.touch()
    found = list_experiment(tmp_path).files
    assert len(found) == 5
    assert next(iter(found.values())) == [minilm]
    assert sum(len(files) == 2 for files in found.values()) == 3


def test_texts_are_collected_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    splits = data.Split(("a", "b"), (0, 1)), data.Split(("c",), (1,))
    monkeypatch.setattr(main, "task", lambda: splits)
    monkeypatch.setattr(main, "unrelated", lambda: ("p", "q"))
    assert main.texts(tmp_path) == (splits, ("p", "q"))
    monkeypatch.setattr(main, "task", lambda: pytest.fail("collected again"))
    assert main.texts(tmp_path) == (splits, ("p", "q"))
    assert json.loads((tmp_path / "texts.json").read_text())["splits"] == [
        {name: list(values) for name, values in asdict(split).items()} for split in splits
    ]


def threads(recipe: Recipe) -> Trained:
    return replace(RUNS[recipe.name].result, seconds=float(torch.get_num_threads()))


def test_runs_come_in_order_and_have_one_thread_each() -> None:
    recipes = grid()[:3]
    found = list(main.each(recipes, threads, jobs=2))
    assert found == [replace(RUNS[recipe.name].result, seconds=1.0) for recipe in recipes]
