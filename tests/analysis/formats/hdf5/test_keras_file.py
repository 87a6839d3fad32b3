"""`.keras`, `.weights.h5` and `.h5`, against what Keras 3 itself has in its variables."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from analysis.errors import UnknownFormat
from analysis.formats import open_checkpoint, rewrite
from analysis.formats.hdf5.einsum import UNKNOWN
from analysis.tensors.matrices import matrices, weights
from tests.hostile.hdf5_files import NAME, layer, made
from workers.ingest.supervisor import ingest

ENDINGS = (".keras", ".weights.h5", ".h5")
MODELS = ("convolutions", "attention", "recurrent")
each_file = pytest.mark.parametrize("file", [f"{model}{ending}" for model in MODELS for ending in ENDINGS])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What keras_models.py writes, with Keras on torch."""
    made_in = tmp_path_factory.mktemp("keras")
    script = Path(__file__).with_name("keras_models.py")
    environment = {
        **os.environ,
        "KERAS_BACKEND": "torch",
        "CUDA_VISIBLE_DEVICES": "",
        "KERAS_HOME": str(made_in / "home"),
    }
    subprocess.run([sys.executable, script, made_in], check=True, env=environment, capture_output=True, timeout=150)
    return made_in


# kernels of EinsumDense without a bias: the weights alone do not say how they lie
NO_EQUATION = {"back/kernel", "heads_first/kernel"}


def keras_name(name: str) -> str:
    """A name as Keras has it: by attributes, and with its own name for the kernel of a depthwise convolution."""
    name = name.replace("apart/depthwise_kernel", "apart/kernel")
    return name.replace("backward_layer/", "backward_gru/").replace("forward_layer/", "forward_gru/")


@each_file
def test_every_variable_is_that_of_keras(file: str, folder: Path) -> None:
    checkpoint = open_checkpoint([folder / file])
    with np.load(folder / f"{file.split('.')[0]}.npz") as theirs:
        unknown = {name for name, each in checkpoint.aside.items() if "EinsumDense" in each.reason}
        assert {keras_name(name) for name in checkpoint.stored} | unknown == set(theirs.files)
        assert unknown == (NO_EQUATION if file == "attention.weights.h5" else set())
        for name in checkpoint.stored:
            wanted = theirs[keras_name(name)]
            wanted = wanted.transpose(1, 0, 2) if name == "heads_first/kernel" else wanted
            found = checkpoint.read(name).float().numpy()
            np.testing.assert_array_equal(found, wanted.reshape(found.shape))


@each_file
def test_the_optimizer_is_set_aside(file: str, folder: Path) -> None:
    checkpoint = open_checkpoint([folder / file])
    assert len(checkpoint.aside) > len(checkpoint.stored) or file.endswith("recurrent.h5")
    assert {each.reason for each in checkpoint.aside.values()} <= {"state of the optimizer, no weight", UNKNOWN}


def shapes(path: Path) -> dict[str, tuple[int, int, int]]:
    """Of each tensor: outputs and inputs of its matrices, and how many slices they have."""
    planned = [(info.name, matrices(info)) for info in open_checkpoint([path]).tensors if info.skip is None]
    return {name: (each[0].rows, each[0].columns, each[0].slices) for name, each in planned}


@pytest.mark.parametrize("ending", ENDINGS)
def test_kernels_lie_as_keras_has_them(ending: str, folder: Path) -> None:
    found = shapes(folder / f"convolutions{ending}")
    assert found["first/kernel"] == (8, 3, 9)
    assert found["apart/depthwise_kernel"] == (2, 9, 8)  # of each of 8 channels two filters of nine taps
    assert found["separable_conv2d/pointwise_kernel"] == (12, 16, 1)
    assert found["conv2d_transpose/kernel"] == (10, 12, 9)
    assert found["head/kernel"] == (9, 10, 1)
    found = shapes(folder / f"attention{ending}")
    assert {found[f"multi_head_attention/{each}/kernel"] for each in ("query", "key", "value")} == {(24, 24, 1)}
    assert found["einsum_dense/kernel"] == (20, 24, 1)
    found = shapes(folder / f"recurrent{ending}")
    assert found["lstm/lstm_cell/recurrent_kernel"] == (7, 7, 1)  # one of four gates
    assert found["lstm/lstm_cell/kernel"] == (7, 8, 1)
    assert found["conv1d/kernel"] == (6, 7, 3)
    assert found["conv_lstm2d/conv_lstm_cell/kernel"] == (4, 2, 9)  # one of four gates
    assert found["conv_lstm2d/conv_lstm_cell/recurrent_kernel"] == (4, 4, 9)


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_an_equation_says_which_sides_are_inputs(ending: str, folder: Path) -> None:
    found = shapes(folder / f"attention{ending}")
    assert found["back/kernel"] == (7, 20, 1)
    assert found["heads_first/kernel"] == (20, 7, 1)
    assert found["joined/kernel"] == (6, 20, 1)


def test_a_dense_kernel_is_turned(folder: Path) -> None:
    checkpoint = open_checkpoint([folder / "attention.keras"])
    info = next(info for info in checkpoint.tensors if info.name == "multi_head_attention/attention_output/kernel")
    (weight,) = weights(info, checkpoint.read(info.name))
    with np.load(folder / "attention.npz") as theirs:
        wanted = theirs[info.name].reshape(24, 24)  # (heads and d_head, outputs)
    np.testing.assert_allclose(weight.matrix.numpy(), wanted.T)


def test_layers_are_called_by_their_attributes(folder: Path) -> None:
    stored = open_checkpoint([folder / "blocks.weights.h5"]).stored
    kernels = {name for name in stored if not name.endswith("bias")}
    assert kernels == {"fc1/kernel", "embed/embeddings", "blocks/dense/kernel", "blocks/dense_1/kernel"}


def test_shards_are_one_model(folder: Path) -> None:
    whole = open_checkpoint([folder / "blocks.weights.h5"])
    parts = open_checkpoint(sorted(folder.glob("shards_*.weights.h5")))
    assert len(list(folder.glob("shards_*.weights.h5"))) > 1
    assert parts.stored.keys() == whole.stored.keys()
    for name in whole.stored:
        np.testing.assert_array_equal(parts.read(name).numpy(), whole.read(name).numpy())


def test_facts_say_what_the_file_says(folder: Path) -> None:
    facts = open_checkpoint([folder / "attention.keras"]).facts
    assert facts["class"] == "Functional"
    assert str(facts["keras_version"]).startswith("3.")
    assert open_checkpoint([folder / "attention.h5"]).facts["backend"] == "torch"


def test_a_rewrite_is_what_safetensors_reads(folder: Path, tmp_path: Path) -> None:
    checkpoint = open_checkpoint([folder / "convolutions.keras"])
    rewrite(checkpoint, tmp_path / "rewritten")
    for name, found in safetensors.numpy.load_file(tmp_path / "rewritten").items():
        np.testing.assert_array_equal(found, checkpoint.read(name).numpy())


@pytest.mark.parametrize("file", ["attention.keras", "attention.h5"])
def test_the_limited_child_reads_it_too(file: str, folder: Path, tmp_path: Path) -> None:
    report = ingest([folder / file], tmp_path / "model.safetensors")
    assert report.rewritten
    assert {info.name for info in report.tensors} == {info.name for info in open_checkpoint([folder / file]).tensors}


def test_what_was_zipped_again_is_read_once_unpacked(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(folder / "attention.keras") as archive:
        archive.extractall(tmp_path / "model")
    with zipfile.ZipFile(tmp_path / "again.zip", "w") as archive:
        for inner in sorted((tmp_path / "model").iterdir(), reverse=True):
            archive.write(inner, f"model/{inner.name}")
    with pytest.raises(UnknownFormat, match=r"give the model\.weights\.h5 inside"):
        open_checkpoint([tmp_path / "again.zip"])
    stored = open_checkpoint([tmp_path / "model" / "model.weights.h5"]).stored
    assert stored.keys() | NO_EQUATION == open_checkpoint([folder / "attention.keras"]).stored.keys()


def test_without_the_package_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = made(layer)(tmp_path)
    assert path.name == NAME
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UnknownFormat, match=r"eigenscope\[formats\]"):
        open_checkpoint([path])
