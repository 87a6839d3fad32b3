"""What is odd about files that are read all the same."""

import io
import json
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from analysis.errors import MissingShard
from analysis.facts import LINKS, MISSING_INDEX
from analysis.formats import open_checkpoint
from analysis.formats.shards.notes import note_extra, note_missing_index


def save_shards(folder: Path) -> None:
    """Three shards with their index, as transformers names them."""
    names = {f"layer{number}": f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)}
    for tensor, name in names.items():
        safetensors.torch.save_file({tensor: torch.ones(2, 2)}, folder / name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))


def test_shards_without_their_index(tmp_path: Path) -> None:
    save_shards(tmp_path)
    assert MISSING_INDEX not in open_checkpoint([tmp_path]).facts
    next(tmp_path.glob("*.index.json")).unlink()
    found = open_checkpoint([tmp_path])
    assert found.facts[MISSING_INDEX] == "the 3 shards came without their index (….index.json)"


def test_shards_one_and_three_of_three(tmp_path: Path) -> None:
    save_shards(tmp_path)
    for path in (*tmp_path.glob("*.index.json"), *tmp_path.glob("*00002*")):
        path.unlink()
    with pytest.raises(MissingShard, match=r"model-00002-of-00003\.safetensors is missing"):
        open_checkpoint([tmp_path])


def test_gguf_has_no_index() -> None:
    assert note_missing_index([Path("m-00001-of-00002.gguf"), Path("m-00002-of-00002.gguf")]) == {}


def linked(content: bytes, ending: str) -> bytes:
    """The archive with the member of that ending marked as a link."""
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out := io.BytesIO(), "w") as target:
        for member in source.infolist():
            marked = zipfile.ZipInfo(member.filename)
            if member.filename.endswith(ending):
                marked.external_attr = (stat.S_IFLNK | 0o777) << 16
            target.writestr(marked, source.read(member))
    return out.getvalue()


def test_links_in_an_archive(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(4, 4)}, tmp_path / "m.pt")
    (tmp_path / "m.pt").write_bytes(linked((tmp_path / "m.pt").read_bytes(), "data/0"))
    assert torch.load(tmp_path / "m.pt")["w"].sum() == 16  # as torch reads it
    checkpoint = open_checkpoint([tmp_path / "m.pt"])
    assert checkpoint.read("w").sum() == 16
    assert checkpoint.facts[LINKS] == "the zip marks 1 member (m/data/0) as a link"
    np.savez(tmp_path / "m.npz", w=np.ones(3))
    (tmp_path / "m.npz").write_bytes(linked((tmp_path / "m.npz").read_bytes(), "w.npy"))
    assert open_checkpoint([tmp_path / "m.npz"]).facts[LINKS] == "the zip marks 1 member (w.npy) as a link"


def test_a_file_cannot_state_a_note_itself(tmp_path: Path) -> None:
    safetensors.torch.save_file({"w": torch.ones(2)}, tmp_path / "m.safetensors", {LINKS: "made up", "epoch": "3"})
    assert open_checkpoint([tmp_path / "m.safetensors"]).facts == {"epoch": "3"}


def test_three_names_are_listed() -> None:
    (text,) = note_extra(list("abcde")).values()
    assert "5 tensors (a, b, c and 2 more)" in text
