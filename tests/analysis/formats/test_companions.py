"""Which files of a folder are a checkpoint: one table, and every way in goes by it."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from analysis.formats import companions, open_checkpoint
from analysis.formats.companions import choose, kind_of, training_state
from app.cli.remote.files import to_send
from app.uploads import sources
from app.uploads.sources import Found
from tests.conftest import missing
from tests.hostile.hdf5_files import layer, made

SCRIPT = Path(__file__).parents[3] / "frontend" / "static" / "js" / "files.js"
TRAINER = ["pytorch_model.bin", "config.json", "trainer_state.json", "training_args.json"]
STATES = ["optimizer.pt", "scheduler.pt", "scaler.pt", "rng_state.pth", "rng_state_0.pth", "training_args.bin"]

CASES = [
    (["model.safetensors", "config.json", "README.md", "tokenizer.json"], ["model.safetensors", "config.json"], []),
    ([*TRAINER, *STATES], TRAINER, STATES),
    (
        ["model.safetensors", "optimizer.bin", "scheduler.bin", "sampler.bin", "sampler_1.bin", "random_states_0.pkl"],
        ["model.safetensors"],
        ["optimizer.bin", "scheduler.bin", "sampler.bin", "sampler_1.bin", "random_states_0.pkl"],
    ),
    (
        ["mp_rank_00_model_states.pt", "zero_pp_rank_0_mp_rank_00_optim_states.pt", "optimizer.pt"],
        ["mp_rank_00_model_states.pt", "zero_pp_rank_0_mp_rank_00_optim_states.pt"],
        ["optimizer.pt"],
    ),
    (
        ["consolidated.00.pth", "consolidated.01.pth", "params.json", "tokenizer.model"],
        ["consolidated.00.pth", "consolidated.01.pth", "params.json"],
        [],
    ),
    ([".metadata", "__0_0.distcp", "train.pt"], [".metadata", "__0_0.distcp"], ["train.pt"]),
    (
        ["pytorch_model.bin", "pytorch_model.bin.index.json", "m.safetensors", "m.safetensors.index.json"],
        ["m.safetensors", "m.safetensors.index.json"],
        ["pytorch_model.bin"],
    ),
    (["adapter_model.safetensors", "adapter_config.json"], ["adapter_model.safetensors", "adapter_config.json"], []),
    (
        ["flax_model.msgpack", "model.onnx", "model.onnx_data", "pytorch_model.bin", "tf_model.h5", "config.json"],
        ["pytorch_model.bin", "config.json"],
        ["flax_model.msgpack", "model.onnx", "model.onnx_data", "tf_model.h5"],
    ),
    (["model.onnx", "model.onnx_data", "statistics.npz"], ["model.onnx", "model.onnx_data"], ["statistics.npz"]),
    (["a.gguf", "a.npz", "README.md"], ["a.gguf"], ["a.npz"]),
    (["model.keras", "model.weights.h5", "x.npy"], ["model.keras", "model.weights.h5"], ["x.npy"]),
    (["flax_model.msgpack", "optimizer.pt", "x.npz"], ["flax_model.msgpack"], ["optimizer.pt", "x.npz"]),
    (["a.npz", "b.npy", "notes.txt"], ["a.npz", "b.npy"], []),
    (["MODEL.SAFETENSORS", "Config.json", "Optimizer.pt"], ["MODEL.SAFETENSORS", "Config.json"], ["Optimizer.pt"]),
]
each = pytest.mark.parametrize(("there", "taken", "left"), CASES)


def trainer_folder(folder: Path) -> None:
    """As `Trainer.save_model` and its checkpoints leave it, in small."""
    torch.save({"a": torch.ones(2, 2), "b": torch.ones(2), "c": torch.ones(3)}, folder / "pytorch_model.bin")
    torch.save({"state": {0: {"exp_avg": torch.ones(2, 2)}}, "param_groups": []}, folder / "optimizer.pt")
    torch.save({"last_epoch": 7, "_last_lr": [1e-4]}, folder / "scheduler.pt")
    torch.save({"python": 1, "cpu": torch.get_rng_state()}, folder / "rng_state.pth")
    (folder / "config.json").write_text('{"hidden_size": 2}')
    log = [{"step": 10, "learning_rate": 2e-4}, {"step": 20, "learning_rate": 1e-4}]
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": 20, "log_history": log}))


@each
def test_a_choice_has_weights_companions_and_the_rest_with_reasons(
    there: list[str], taken: list[str], left: list[str]
) -> None:
    found = choose(there)
    assert set(found.weights + found.companions) == set(taken)
    assert set(found.left_out) == set(left)
    for name, reason in found.left_out.items():
        kind = kind_of(found.weights[0])
        assert kind is not None
        assert reason == (training_state(name) or kind.instead)


def test_files_without_weights_are_no_choice() -> None:
    assert choose(["README.md", "optimizer.pt"]).weights == ()


@each
def test_a_source_takes_the_same(there: list[str], taken: list[str], left: list[str]) -> None:
    chosen = sources.choose([Found(name, name, 1, "v") for name in there])
    assert {file.name for file in chosen if file.left_out is None} == set(taken)
    assert {file.name for file in chosen if file.left_out is not None} == set(left)


@each
def test_check_sends_the_same(tmp_path: Path, there: list[str], taken: list[str], left: list[str]) -> None:
    for name in there:
        (tmp_path / name).write_bytes(b"x")
    with CliRunner().isolation() as (_, err, _):
        assert {path.name for _, path in to_send([tmp_path])} == set(taken)
        told = err.getvalue().decode()
    assert [name for name in left if f"not sent: {name} (" not in told] == []
    assert told.count("not sent") == len(left)


@each
def test_the_page_sends_the_same(there: list[str], taken: list[str], left: list[str]) -> None:
    node = shutil.which("node")
    if node is None:
        missing("node is not installed")
    assert node is not None
    files = [{"path": f"run/{name}"} for name in there]
    (group,) = _groups(node, files)
    assert {found["path"] for found in group["files"]} == {f"run/{name}" for name in taken}
    assert group["left_out"] == {f"run/{name}": choose(there).left_out[name] for name in left}


@pytest.mark.parametrize(
    "parts",
    [
        ["consolidated.00.pth", "consolidated.01.pth"],
        ["mp_rank_00_model_states.pt", "zero_pp_rank_0_mp_rank_00_optim_states.pt"],
        ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
    ],
)
def test_parts_that_are_dropped_without_a_folder_are_one_checkpoint(parts: list[str]) -> None:
    node = shutil.which("node")
    if node is None:
        missing("node is not installed")
    assert node is not None
    assert [len(group["files"]) for group in _groups(node, [{"path": name} for name in parts])] == [2]
    assert len(_groups(node, [{"path": f"x{name}.pt".replace("-of-", "")} for name in parts])) == 2


def _groups(node: str, files: list[dict[str, str]]) -> Any:
    program = f"{SCRIPT.read_text()}\nconsole.log(JSON.stringify(groups({json.dumps(files)}, {_table()})))"
    command = [node, "--input-type=module", "-e", program]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)


def _table() -> str:
    return json.dumps(companions.to_json())


def test_a_trainers_folder_is_its_model_and_what_its_files_say(tmp_path: Path) -> None:
    trainer_folder(tmp_path)
    checkpoint = open_checkpoint([tmp_path])
    assert list(checkpoint.stored) == ["a", "b", "c"]
    assert {fact: checkpoint.facts[fact] for fact in ("width", "step", "mean_learning_rate")} == {
        "width": 2, "step": 20, "mean_learning_rate": pytest.approx(1.5e-4),
    }  # fmt: skip
    assert checkpoint.facts["ignored_files"] == (
        "optimizer.pt (state of the optimizer), rng_state.pth (state of the random numbers), "
        "scheduler.pt (state of the learning rate's schedule)"
    )


def test_a_state_that_is_asked_for_alone_is_read(tmp_path: Path) -> None:
    trainer_folder(tmp_path)
    assert open_checkpoint([tmp_path / "rng_state.pth"]).format == "torch-zip"


def test_of_a_folder_with_several_formats_one_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "weights.npz", kernel=np.eye(3))
    (path,) = made(layer)(tmp_path)
    checkpoint = open_checkpoint([tmp_path])
    assert checkpoint.format == "hdf5"
    assert checkpoint.facts["ignored_files"] == "weights.npz (the Keras files are read instead)"
    torch.save({"fc.weight": torch.ones(3, 3)}, tmp_path / "pytorch_model.bin")
    assert open_checkpoint([tmp_path]).facts["ignored_files"] == (
        f"{path.name} (the PyTorch files are read instead), weights.npz (the PyTorch files are read instead)"
    )
