"""The option --device: one that is not there is refused, not tried."""

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
