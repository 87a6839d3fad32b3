"""What the files beside a checkpoint say of its training."""

import json
import pickle
from pathlib import Path

import pytest

from analysis.formats.facts import config_facts
from analysis.formats.training import ARGUMENTS, LARGEST_ARGUMENTS, training_facts


def written(folder: Path, name: str, content: object) -> Path:
    (folder / name).write_text(json.dumps(content))
    return folder


ARGS = {"learning_rate": 3e-4, "weight_decay": 0.1, "optim": "adamw_torch", "lr_scheduler_type": "cosine", "seed": 1}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_training_arguments(tmp_path: Path, name: str) -> None:
    assert training_facts(written(tmp_path, name, ARGS)) == {
        "learning_rate": 3e-4, "weight_decay": 0.1, "optimizer": "adamw_torch", "schedule": "cosine"
    }  # fmt: skip


def test_no_decay_is_a_fact_too(tmp_path: Path) -> None:
    assert training_facts(written(tmp_path, "args.json", {"wd": 0, "lr": 1e-3})) == {
        "weight_decay": 0, "learning_rate": 1e-3
    }  # fmt: skip


def test_the_state_of_the_trainer(tmp_path: Path) -> None:
    log = [{"step": 10, "learning_rate": 2.0}, {"step": 15, "loss": 3.0}, {"step": 40, "learning_rate": 1.0}]
    found = training_facts(written(tmp_path, "trainer_state.json", {"global_step": 40, "log_history": log}))
    assert found == {
        "step": 40, "mean_learning_rate": (10 * 2.0 + 30 * 1.0) / 40,
        "learning_rate": 2.0, "learning_rate_from": "the highest in the log",
    }  # fmt: skip


@pytest.mark.parametrize(
    "log", [None, {}, [], [3], [{"step": 10, "learning_rate": 2.0}], [{"step": 9, "learning_rate": 1.0}] * 2]
)
def test_a_log_that_does_not_tell_the_mean(tmp_path: Path, log: object) -> None:
    assert training_facts(written(tmp_path, "trainer_state.json", {"global_step": 40, "log_history": log})) == {
        "step": 40
    }


def test_they_join_the_facts_of_the_config(tmp_path: Path) -> None:
    written(tmp_path, "config.json", {"hidden_size": 64, "num_hidden_layers": 2})
    written(tmp_path, "trainer_state.json", {"global_step": 7})
    assert config_facts(written(tmp_path, "training_args.json", ARGS)) == {
        "width": 64, "depth": 2, "step": 7,
        "learning_rate": 3e-4, "weight_decay": 0.1, "optimizer": "adamw_torch", "schedule": "cosine",
    }  # fmt: skip


def test_the_pickle_of_the_trainer_is_never_read(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return exec, (f"open({str(tmp_path / 'run')!r}, 'w')",)

    (tmp_path / "training_args.bin").write_bytes(pickle.dumps(Bomb()))
    assert training_facts(tmp_path) == {}
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        "x",
        {"learning_rate": "3e-4", "weight_decay": True, "optim": 3},
        {"learning_rate": 0, "weight_decay": -1, "optim": "", "lr_scheduler_type": {}},
        {"learning_rate": 1e300},
    ],
)
def test_what_makes_no_sense_is_no_fact(tmp_path: Path, arguments: object) -> None:
    assert training_facts(written(tmp_path, "training_args.json", arguments)) == {}
    assert training_facts(written(tmp_path, "trainer_state.json", {"global_step": "9"})) == {}
    assert training_facts(written(tmp_path, "trainer_state.json", {"global_step": 0})) == {}


def test_hostile_files_are_no_facts(tmp_path: Path) -> None:
    (tmp_path / "training_args.json").write_text('{"learning_rate": 1}' + " " * LARGEST_ARGUMENTS)
    (tmp_path / "trainer_state.json").write_text('{"a":' * 100_000)
    assert training_facts(tmp_path) == {}
    (tmp_path / "training_args.json").write_text('{"learning_rate": NaN}')
    assert training_facts(tmp_path) == {}
