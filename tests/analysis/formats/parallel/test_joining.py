"""Several files as one checkpoint."""

from pathlib import Path

import pytest

from analysis.errors import DamagedFile
from analysis.formats.parallel.joining import join_contents
from analysis.formats.stored import Array, Aside, Contents, Stored


def stored(path: Path) -> Array:
    return Stored(path, 0, (2, 2), "float32")


def test_files_side_by_side() -> None:
    a, b = Path("a"), Path("b")
    aside = Aside((), "float32", 4, "no weight")
    whole = join_contents(
        {
            a: Contents({"x": stored(a)}, {"step": 1}, {"s": aside}),
            b: Contents({"y": stored(b)}, {"lr": 2}, {"s": aside}),
        }
    )
    assert list(whole.tensors) == ["x", "y"]
    assert whole.facts == {"step": 1, "lr": 2}
    assert whole.aside == {"s": aside, "s (b)": aside}


def test_one_tensor_in_two_files() -> None:
    a, b = Path("a"), Path("b")
    with pytest.raises(DamagedFile, match="tensor x is in a and b"):
        join_contents({a: Contents({"x": stored(a)}), b: Contents({"x": stored(b)})})


def test_files_of_one_name_are_told_apart_by_their_places() -> None:
    paths = [Path(folder) / "model.safetensors" for folder in ("a", "b", "c")]
    held = [Contents({name: stored(path)}) for name, path in zip("xyx", paths, strict=True)]
    with pytest.raises(DamagedFile) as told:
        join_contents(dict(zip(paths, held, strict=True)))
    assert told.value.message.startswith(
        "3 of 3 files are called model.safetensors, and files 1 and 3 both hold the tensor x:"
    )
    assert "Give one at a time" in told.value.message
