from pathlib import Path

import pytest

from examples.prescriptions import runs
from examples.prescriptions.data import Texts
from examples.prescriptions.experiments import experiment
from examples.prescriptions.llama import Llama


def test_a_seed_is_tried_on_its_own_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, texts: Texts, little: Llama
) -> None:
    monkeypatch.setattr(runs, "llama", lambda seed, given, out: little)
    found, seconds = runs.trials(("LLaMA", 0), "sparsity", texts, tmp_path)
    assert found == experiment("sparsity").trials(little, tmp_path / "x")
    assert seconds > 0.0


def test_other_processes_find_the_work_by_its_name() -> None:
    """`python -m` runs `__main__` under another name, which a spawned process cannot import."""
    assert runs.trials.__module__ == "examples.prescriptions.runs"
