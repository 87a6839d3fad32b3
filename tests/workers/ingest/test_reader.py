"""The child by itself: one request in, one answer out. What it may not do is in test_supervisor.py."""

import errno
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from analysis.errors import DamagedFile, UnsafeFile
from tests.service import model
from workers.ingest import reader
from workers.ingest.supervisor import limits_for


def test_safetensors_are_listed_and_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(model())
    found = reader.read([tmp_path / "m.safetensors"], tmp_path / "target")
    assert (found["format"], found["kind"], found["rewritten"]) == ("safetensors", "model", False)
    assert ["model.embed_tokens.weight", (40, 24), "float32", 3840, None] in found["tensors"]
    assert not (tmp_path / "target").exists()


def test_what_is_not_safetensors_is_rewritten(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2, 2)}, tmp_path / "m.bin")
    assert reader.read([tmp_path / "m.bin"], tmp_path / "target")["rewritten"] is True
    assert (tmp_path / "target").exists()


def test_more_tensors_than_may_are_refused_before_a_byte_is_written(tmp_path: Path) -> None:
    torch.save({f"a{n}": torch.ones(1) for n in range(11)}, tmp_path / "m.bin")
    with pytest.raises(UnsafeFile, match="it has 11 tensors, and at most 10 are read") as refused:
        reader.read([tmp_path / "m.bin"], tmp_path / "target", tensors=10)
    assert refused.value.code == "too-many-tensors"
    assert not (tmp_path / "target").exists()


def test_a_rewrite_needs_room(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(8, 8)}, tmp_path / "m.bin")
    with pytest.raises(OSError, match="the rewrite takes 256 bytes and the disk has room for 255") as full:
        reader.read([tmp_path / "m.bin"], tmp_path / "target", room=255)
    assert full.value.errno == errno.ENOSPC
    assert not (tmp_path / "target").exists()


def test_a_small_file_stays_small(tmp_path: Path) -> None:
    """One number stretched over a matrix of 61 MB."""
    torch.save({"a": torch.ones(1).expand(4000, 4000)}, tmp_path / "m.bin")
    assert (tmp_path / "m.bin").stat().st_size < 2000
    with pytest.raises(UnsafeFile, match="share storages, and take 64,000,000 bytes out of a file of"):
        reader.read([tmp_path / "m.bin"], tmp_path / "target")


def test_what_is_packed_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from analysis.formats.readers.numpy_archive import Deflated

    values = np.random.default_rng(0).normal(size=(64, 64)).astype("f4")
    np.savez_compressed(tmp_path / "m.npz", embed_tokens=values, lm_head=values, other=values + 1)
    opened: list[tuple[int, ...]] = []
    inflate = Deflated._inflate

    def count(array: Deflated) -> Iterator[bytes]:
        opened.append(array.shape)
        return inflate(array)

    monkeypatch.setattr(Deflated, "_inflate", count)
    found = reader.read([tmp_path / "m.npz"], tmp_path / "target")
    assert len(opened) == 3
    assert found["beyond"]["same"] == {"lm_head": "embed_tokens"}


def answer(*paths: Path) -> Any:
    request = {
        "paths": [*map(str, paths)],
        "target": str(paths[0].with_name("target")),
        "limits": asdict(limits_for(0)),
    }
    done = subprocess.run(
        [sys.executable, "-m", "workers.ingest.reader"], input=json.dumps(request).encode(), capture_output=True,
        check=True, cwd=Path(__file__).parents[3], timeout=120,
    )  # fmt: skip
    return json.loads(done.stdout)


def test_an_answer_is_json_whatever_happens(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html>")
    error = answer(tmp_path / "page.html")["error"]
    assert set(error) == {"class", "code", "message"}


def test_it_ends_at_once_with_its_whole_answer() -> None:
    body = "import atexit\nfrom workers.ingest import reader\natexit.register(print, 1)\nreader.end_with('x' * 10**6)"
    done = subprocess.run(
        [sys.executable, "-c", body], capture_output=True, check=True, cwd=Path(__file__).parents[3], timeout=120
    )
    assert done.stdout == b"x" * 10**6


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "x"), {"errno": errno.ENOSPC}),
        (OSError(errno.EFBIG, "File too large", "x"), {"class": UnsafeFile.__name__, "code": "unbounded"}),
        (MemoryError(), {"class": UnsafeFile.__name__, "code": "over-memory"}),
        (ValueError("odd"), {"class": UnsafeFile.__name__, "code": "reader-crashed"}),
        (DamagedFile("cut off", "bad-header"), {"class": DamagedFile.__name__, "code": "bad-header"}),
    ],
)
def test_an_error_keeps_its_kind(error: Exception, told: dict[str, Any]) -> None:
    assert told.items() <= reader.error_json(error, "m.bin").items()
