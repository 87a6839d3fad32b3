"""What several commands take: what is not there is refused with what is near, and not tried."""

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from app.cli.main import main

ARGUMENTS = {
    "analyze": ["x"],
    "compare": ["x", "x"],
    "mitigate": ["x", "x", "--out", "y"],
    "scaling": ["x:width=2"],
    "check": ["x", "--policy", "x"],
}


@pytest.mark.parametrize("command", ARGUMENTS)
@pytest.mark.parametrize("device", ["foo", "cuda", "cuda:7", "meta", "cpu:x"])
def test_a_device_that_is_not_there_is_refused(
    command: str, device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.chdir(tmp_path)
    Path("x").touch()
    done = CliRunner().invoke(main, [command, *ARGUMENTS[command], "--device", device])
    assert done.exit_code == 2, done.output
    assert f"'{device}'" in done.output.replace("\n", " ")
    assert "cpu" in done.output


def refused(*arguments: str) -> str:
    done = CliRunner().invoke(main, list(arguments))
    assert done.exit_code == 2, done.output
    return " ".join(done.output.split())


@pytest.mark.parametrize("arguments", [["analyze"], ["compare", "model.safetensors"], ["upload"]])
def test_a_mistyped_path_is_told_the_name_beside_it(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("model.safetensors", "other.safetensors"):
        Path(name).touch()
    said = refused(*arguments, "modle.safetensors")
    assert said.endswith("Did you mean 'model.safetensors'?")
    assert "Did you mean" not in refused(*arguments, "no/such/folder")


def test_a_mistyped_diagnostic_is_told_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    assert refused("analyze", str(tmp_path / "x"), "--diagnostic", "esdd").endswith("Did you mean 'esd'?")
