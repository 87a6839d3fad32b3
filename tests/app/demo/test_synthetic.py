import hashlib
import json
from functools import cache
from pathlib import Path

import numpy as np

from analysis.formats import open_checkpoint
from app.demo import matrices, synthetic


@cache
def made() -> tuple[matrices.Tensors, matrices.Tensors, matrices.Tensors]:
    weights = synthetic.base()
    factors = synthetic.adapter(weights)
    return weights, factors, synthetic.full(weights, factors)


def intruders(before: np.ndarray, after: np.ndarray) -> int:
    """The authors' rule (arXiv 2410.21228) with k = 10 and ε = 0.5, in NumPy."""
    old, new = (np.linalg.svd(weight.astype(np.float64), full_matrices=False)[0] for weight in (before, after))
    return int((np.abs(new[:, :10].T @ old).max(1) < 0.5).sum())


def merged(block: int, part: str) -> np.ndarray:
    weights, factors, _ = made()
    name = f"model.layers.{block}.{part}"
    update = (factors[f"base_model.model.{name}.lora_B.weight"] @ factors[f"base_model.model.{name}.lora_A.weight"]) * (
        matrices.ALPHA / matrices.RANK
    )
    return weights[f"{name}.weight"] + update


def test_the_adapter_intrudes_in_its_last_blocks_only() -> None:
    weights, _, _ = made()
    counts = [
        sum(intruders(weights[f"model.layers.{b}.{part}.weight"], merged(b, part)) for part in synthetic.SHAPES)
        for b in range(synthetic.BLOCKS)
    ]
    assert counts[:2] == [0, 0]
    assert counts[-1] >= len(synthetic.SHAPES)
    assert counts == sorted(counts)


def test_the_full_update_intrudes_nowhere() -> None:
    weights, _, tuned = made()
    for name, _ in synthetic.modules():
        assert not np.array_equal(weights[f"{name}.weight"], tuned[f"{name}.weight"])
        assert intruders(weights[f"{name}.weight"], tuned[f"{name}.weight"]) == 0


def test_the_updates_share_more_than_chance() -> None:
    weights, _, tuned = made()
    name = "model.layers.5.mlp.down_proj"
    before = weights[f"{name}.weight"]
    one, other = merged(5, "mlp.down_proj") - before, tuned[f"{name}.weight"] - before
    cosine = float((one * other).sum() / (np.linalg.norm(one) * np.linalg.norm(other)))
    assert cosine > 0.1  # chance: 1 / √147,456 = 0.003


def test_the_files_are_checkpoints_and_the_same_each_time(tmp_path: Path) -> None:
    once, again = synthetic.write(tmp_path / "1"), synthetic.write(tmp_path / "2")
    assert all("Synthetic" in name for name in once)
    assert [open_checkpoint(files).kind for files in once.values()] == ["model", "adapter", "model"]
    for name, files in once.items():
        for one, other in zip(files, again[name], strict=True):
            assert hashlib.sha256(one.read_bytes()).digest() == hashlib.sha256(other.read_bytes()).digest()


def test_the_adapter_says_what_peft_would(tmp_path: Path) -> None:
    from peft import LoraConfig

    path = next(file for file in synthetic.write(tmp_path)["Synthetic LoRA r=8"] if file.suffix == ".json")
    config = LoraConfig.from_pretrained(str(path.parent))
    assert (config.r, config.lora_alpha) == (matrices.RANK, matrices.ALPHA)
    assert set(json.loads(path.read_text())["target_modules"]) == set(config.target_modules)
