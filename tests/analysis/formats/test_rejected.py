"""What a file is when it is no checkpoint. Whole files of each kind are in tests/hostile/."""

import pathlib
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from analysis.errors import REJECTIONS, UnknownFormat
from analysis.formats import open_checkpoint
from analysis.formats.rejected import KINDS, rejection
from tests.analysis.formats.readers.test_flax_msgpack import to_bytes
from tests.hostile import OTHERS, Hostile


@pytest.mark.parametrize("hostile", [h for h in OTHERS if h.code != "missing-file"], ids=lambda hostile: hostile.name)
def test_a_message_names_the_file_and_what_it_is(hostile: Hostile, tmp_path: Path) -> None:
    (path,) = hostile.build(tmp_path)
    if path.read_bytes()[:2] == b"PK":
        return  # torch_zip tells what is in a zip
    error = rejection(path, path.read_bytes()[:4096])
    assert error.code == hostile.code
    assert error.message.startswith(path.name)
    assert error.message.endswith((".", ".)"))


def test_the_codes_are_explained() -> None:
    assert {kind.code for kind in KINDS} <= set(REJECTIONS)


@pytest.mark.parametrize("head", ["ä".encode(), "aä".encode()[:2], "漢漢".encode()[:5], b"a,b\r\n\t1"])
def test_text_may_be_cut_within_a_character(head: bytes) -> None:
    assert rejection(Path("x"), head).code == "text-file"


@pytest.mark.parametrize("head", [b"<?xml version='1.0'?><html>", b"\xef\xbb\xbf<!doctype HTML>", b"<!-- x --><html>"])
def test_web_pages_of_every_sort(head: bytes) -> None:
    assert rejection(Path("x"), head).code == "html-page"


KERNEL = np.asfortranarray(np.random.default_rng(0).normal(size=(40, 60)).astype("f4"))


def run_advice(message: str, code: str, **names: object) -> None:
    """Runs what a message tells the user to run."""
    found = re.search(code, message)
    assert found is not None, message
    exec(found[0], {"numpy": np, "path": "model.ckpt", **names})


@pytest.mark.parametrize("kind", ["checkpoint", "SavedModel"])
def test_the_advice_for_tensorflow_gives_the_same_numbers(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """tf.train.list_variables and load_variable, as TensorFlow documents them."""
    held = {"dense/kernel/.ATTRIBUTES/VARIABLE_VALUE": KERNEL, "_CHECKPOINTABLE_OBJECT_GRAPH": np.array(b"x", object)}
    train = SimpleNamespace(
        list_variables=lambda path: [(name, list(array.shape)) for name, array in held.items()],
        load_variable=lambda path, name: held[name],
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.index").write_bytes(bytes(100))
    (tmp_path / "m.data-00000-of-00001").write_bytes(bytes(100))
    saved = next(each for each in OTHERS if each.name == "SavedModel").build(tmp_path)
    given = saved if kind == "SavedModel" else [tmp_path / "m.index", tmp_path / "m.data-00000-of-00001"]
    with pytest.raises(UnknownFormat, match="TensorFlow") as caught:
        open_checkpoint(given)
    assert caught.value.code == "tensorflow-file"
    run_advice(caught.value.message, r"numpy\.savez\(.*\)\}\)", tf=SimpleNamespace(train=train))
    checkpoint = open_checkpoint([tmp_path / "model.npz"])
    np.testing.assert_array_equal(checkpoint.read("dense/kernel").numpy(), KERNEL)
    assert list(checkpoint.aside) == ["_CHECKPOINTABLE_OBJECT_GRAPH"]


@pytest.mark.parametrize("files", [1, 2])
def test_the_advice_for_orbax_gives_the_same_numbers(
    files: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """StandardCheckpointer.restore returns a tree of arrays, which flax.serialization.to_bytes writes as msgpack."""
    monkeypatch.chdir(tmp_path)
    for name in ("_METADATA", "manifest.ocdbt")[:files]:
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(UnknownFormat, match="Orbax") as caught:
        open_checkpoint([tmp_path])
    assert caught.value.code == "orbax-checkpoint"
    checkpointer = SimpleNamespace(restore=lambda path: {"params": {"dense": {"kernel": KERNEL}}})
    names: dict[str, object] = {
        "orbax": SimpleNamespace(checkpoint=SimpleNamespace(StandardCheckpointer=lambda: checkpointer)),
        "flax": SimpleNamespace(serialization=SimpleNamespace(to_bytes=to_bytes)),
    }
    run_advice(caught.value.message, r"pathlib\.Path\(.*\)\)\)", pathlib=pathlib, **names)
    found = open_checkpoint([tmp_path / "flax_model.msgpack"]).read("params/dense/kernel")
    np.testing.assert_array_equal(found.numpy(), KERNEL)
