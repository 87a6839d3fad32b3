"""The optimizer's state by way of the limited child: the same as read here, and nothing believed."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from analysis.errors import UnknownFormat, UnsafeFile
from analysis.formats.pytorch.optimizer import read_optimizer
from tests.analysis.formats.pytorch.test_optimizer import save, trained
from workers.ingest import optimizers
from workers.ingest.optimizers import read_apart, tell


def answering(monkeypatch: pytest.MonkeyPatch, told: Any) -> None:
    answer = told if isinstance(told, bytes) else json.dumps(told).encode()
    monkeypatch.setattr(optimizers, "supervise", lambda *_: answer)


@pytest.mark.parametrize("named", [False, True])
def test_it_is_the_same_as_read_here(tmp_path: Path, named: bool) -> None:
    path = save(tmp_path, trained(named=named)[1].state_dict())
    here, apart = read_optimizer(path), read_apart(path)
    assert apart == here
    assert torch.equal(apart.read(0, "exp_avg"), here.read(0, "exp_avg"))


def test_a_file_that_is_none_is_refused_with_its_own_code(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormat, match=r"optimizer\.pt holds no state") as refused:
        read_apart(save(tmp_path, {"w": torch.ones(2, 2)}))
    assert refused.value.code == "no-tensors"


def test_nothing_in_it_is_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "run"),)

    state = trained()[1].state_dict()
    path = save(tmp_path, state | {"projector": Trap()})
    with pytest.raises(UnsafeFile, match="mkdir"):
        read_apart(path)
    assert not (tmp_path / "run").exists()


def test_a_stretched_moment_does_not_take_the_memory(tmp_path: Path) -> None:
    """One number as a matrix of 64 MB."""
    state = trained()[1].state_dict()
    state["state"][0]["exp_avg"] = torch.ones(1).expand(4000, 4000)
    with pytest.raises(UnsafeFile) as refused:
        read_apart(save(tmp_path, state))
    assert refused.value.code == "unbounded"


def test_what_the_child_says_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path, trained()[1].state_dict())
    told = json.loads(json.dumps(tell(read_optimizer(path))))
    place = told["moments"][0][1]["exp_avg"]
    for at, value in ((0, -8), (1, [2**40, -1]), (2, "float99"), (3, [1]), (0, "0")):
        wrong = json.loads(json.dumps(told))
        wrong["moments"][0][1]["exp_avg"] = [*place[:at], value, *place[at + 1 :]]
        answering(monkeypatch, wrong)
        with pytest.raises(UnsafeFile) as refused:
            read_apart(path)
        assert refused.value.code == "reader-crashed"
    wrong["moments"][0][1]["exp_avg"] = [place[0], [4000, 4000], *place[2:]]
    answering(monkeypatch, wrong)
    with pytest.raises(UnsafeFile):
        read_apart(path)
    answering(monkeypatch, b"[1")
    with pytest.raises(UnsafeFile):
        read_apart(path)
