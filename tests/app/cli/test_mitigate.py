"""`eigenscope mitigate`: a folder that PEFT loads, what was done in words, and refusals that leave nothing behind."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from app.cli.main import main
from tests.analysis.mitigation import planted


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """A folder with a base, and an adapter of it with one planted intruder."""
    planted.base(tmp_path / "base")
    planted.adapted(tmp_path / "lora", planted.adapter(("layers.0.q",)))
    return tmp_path


def run(folder: Path, *options: str, base: str = "base", tuned: str = "lora") -> Result:
    paths = [str(folder / base), str(folder / tuned), "--out", str(folder / "out")]
    return CliRunner().invoke(main, ["mitigate", *paths, *options])


def test_it_writes_an_adapter_that_peft_loads_and_says_what_it_did(folders: Path) -> None:
    result = run(folders, "--lambda", "0")
    assert result.exit_code == 0, result.output
    assert "1 intruder in 1 of 4 matrices before, 0 after." in result.output
    assert "Block 0 · q " in result.output
    assert "Energy lost" in result.output
    assert set(planted.deltas(planted.loaded(folders / "out"))) == set(planted.deltas(planted.adapter()))


def test_json_holds_every_matrix_and_the_recipe(folders: Path) -> None:
    result = run(
        folders, "--json", "--lambda", "0.5", "--k", "3", "--epsilon", "0.6", "--only", "strongest", "--rank", "9"
    )
    told: dict[str, Any] = json.loads(result.stdout)
    assert told["recipe"] == {
        "lambda": 0.5, "k": 3, "epsilon": 0.6, "only": "strongest", "form": "auto", "rank": 9,
    }  # fmt: skip
    (changed,) = [each for each in told["weights"] if each["before"]]
    assert (changed["rank_before"], changed["rank"]) == (4, 5)
    assert told["files"] == ["adapter_config.json", "adapter_model.safetensors"]


def test_a_rank_below_the_adapters_own_is_not_followed_and_said(folders: Path) -> None:
    said = "Rank 2 is below the present rank of 1 module, which was kept."
    assert said in " ".join(run(folders, "--rank", "2").output.split())


def test_nothing_is_written_over(folders: Path) -> None:
    (folders / "out").mkdir()
    (folders / "out" / "notes.txt").write_text("mine")
    result = run(folders)
    assert result.exit_code == 2
    assert "is not empty" in result.output
    assert [path.name for path in (folders / "out").iterdir()] == ["notes.txt"]


def test_nothing_to_shrink_is_said_and_leaves_no_folder(folders: Path) -> None:
    result = run(folders, "--epsilon", "0.01")
    assert result.exit_code == 3
    assert "no-intruders" in result.stderr
    assert not (folders / "out").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--lambda", "-1"), "option lambda: -1.0 is not a number from 0 to 10"),
        (("--lambda", "nan"), "option lambda: nan"),
        (("--k", "0"), "option k: 0"),
        (("--form", "onnx"), "option form: 'onnx'"),
    ],
)
def test_a_wrong_option_is_a_usage_error(folders: Path, options: tuple[str, ...], said: str) -> None:
    result = run(folders, *options)
    assert result.exit_code == 2
    assert said in " ".join(result.output.replace("│", " ").split())
    assert not (folders / "out").exists()


def test_a_base_of_another_model_is_refused(folders: Path) -> None:
    planted.saved(folders / "other", {"blocks.0.w.weight": torch.randn(9, 5)})
    result = run(folders, base="other")
    assert result.exit_code == 3
    assert "unknown-names" in result.stderr
    assert not (folders / "out").exists()


def test_a_file_that_is_no_checkpoint_is_named(folders: Path) -> None:
    (folders / "junk.bin").write_bytes(b"<!doctype html>")
    result = run(folders, tuned="junk.bin")
    assert result.exit_code == 3
    assert "junk.bin" in result.stderr
