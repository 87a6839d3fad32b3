from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import demo
from app.cli.main import main
from app.demo import minilm
from tests.app.demo.experiment import write_experiment
from tests.service import settings


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    return write_experiment(tmp_path / "out")


def test_a_second_call_adds_nothing(tmp_path: Path, experiment: Path) -> None:
    chosen = settings(tmp_path / "data")
    first, second = demo.fill(chosen, experiment), demo.fill(chosen, experiment)
    assert (first.added, second.added) == (2, 0)
    assert (second.checkpoints, second.runs) == (first.checkpoints, first.runs)
    assert list((tmp_path / "data" / "incoming").iterdir()) == []


def test_without_an_experiment_it_is_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "find", lambda: None)
    found = demo.fill(settings(tmp_path / "data"))
    assert (len(found.checkpoints), len(found.runs), found.added) == (7, 3, 7)
    assert list((tmp_path / "data" / "work").iterdir()) == []


def test_the_command_says_what_there_is(tmp_path: Path, experiment: Path) -> None:
    call = ["demo", str(experiment), "--data-dir", str(tmp_path / "data")]
    first, second = CliRunner().invoke(main, call), CliRunner().invoke(main, call)
    assert (first.exit_code, second.exit_code) == (0, 0), first.output
    assert "2 checkpoints, 2 of them new; runs 1, 2." in first.output
    assert "all of them already exist" in second.output


def test_the_command_refuses_in_words(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["demo", str(tmp_path), "--data-dir", str(tmp_path / "data")])
    assert result.exit_code == 1
    assert "`make example` writes it" in result.output
