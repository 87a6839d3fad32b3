"""Tensors of several files without an index."""

from pathlib import Path

import pytest

from analysis.errors import CheckpointError
from analysis.formats.shards.joining import join_files
from analysis.formats.stored import Contents, Stored


def held(name: str, path: Path) -> Contents:
    return Contents({name: Stored(path, 0, (2,), "float32")})


def test_each_file_has_its_own() -> None:
    found = join_files({Path("1.pt"): held("a", Path("1.pt")), Path("2.pt"): held("b", Path("2.pt"))})
    assert list(found) == ["a", "b"]


@pytest.mark.parametrize(("name", "code"), [("2.pt", "duplicate-tensor"), ("consolidated.01.pth", "tensor-parallel")])
def test_one_name_in_two_files(name: str, code: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        join_files({Path("1.pt"): held("a", Path("1.pt")), Path(name): held("a", Path(name))})
    assert caught.value.code == code
