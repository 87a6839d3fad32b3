"""What is read in the test's own process is what a child process answers."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from tests.hostile import HOSTILE
from tests.readers import read_here
from tests.service import model
from workers.ingest.supervisor import COMMAND, limits_for, supervise

CODE = next(each for each in HOSTILE if each.code == "pickle-code")


def build(kind: str, folder: Path) -> Sequence[Path]:
    if kind == "hostile":
        return CODE.build(folder)
    path = folder / "model"
    if kind == "safetensors":
        path.write_bytes(model())
    else:
        torch.save({"a.weight": torch.ones(3, 4)}, path)
    return [path]


@pytest.mark.parametrize("kind", ["safetensors", "pickle", "hostile"])
def test_the_answer_is_that_of_a_child(kind: str, tmp_path: Path) -> None:
    limits = limits_for(2**20)
    request = json.dumps(
        {
            "paths": [str(path) for path in build(kind, tmp_path)],
            "target": str(tmp_path / "target"),
            "limits": asdict(limits),
            "part": None,
        }
    ).encode()
    here = read_here(kind, COMMAND, request, limits)
    assert json.loads(here) == json.loads(supervise(kind, COMMAND, request, limits))
    assert ("error" in json.loads(here)) == (kind == "hostile")
