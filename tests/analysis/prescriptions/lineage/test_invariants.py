"""Heads in another basis: the same function, other matrices, the same products."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.formats import open_checkpoint
from analysis.prescriptions.lineage.invariants import compare_invariants, correlation, distance, products
from analysis.prescriptions.members import Members
from analysis.prescriptions.prescription import Prescription
from analysis.prescriptions.slices.attention import attentions, read_projections
from tests.analysis.prescriptions.golden import llama, members, prescribe, save

CONFIG = {"model_type": "llama", "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 64}
HEADS, GROUPS, SIZE = 4, 2, 16


def rebased(base: dict[str, Tensor], layers: int = 3) -> dict[str, Tensor]:
    """Every group's queries and keys, values and outputs in a basis of their own, which is not orthogonal."""
    found = dict(base)
    random = torch.Generator().manual_seed(2)
    for layer in range(layers):
        q, k, v, o = (f"model.layers.{layer}.self_attn.{part}_proj.weight" for part in "qkvo")
        for name in (q, k, v, o):
            found[name] = found[name].double().clone()
        for group in range(GROUPS):
            turn, other = (torch.randn(SIZE, SIZE, generator=random).double() for _ in range(2))
            rows = slice(group * SIZE, (group + 1) * SIZE)
            found[k][rows] = torch.linalg.inv(turn).T @ found[k][rows]
            found[v][rows] = other @ found[v][rows]
            for head in range(group * HEADS // GROUPS, (group + 1) * HEADS // GROUPS):
                part = slice(head * SIZE, (head + 1) * SIZE)
                found[q][part] = turn @ found[q][part]
                found[o][:, part] = found[o][:, part] @ torch.linalg.inv(other)
    return found


def opened(tensors: dict[str, Tensor], folder: Path, config: bool = True) -> Members:
    folder.mkdir()
    if config:
        (folder / "config.json").write_text(json.dumps(CONFIG))
    save(tensors, folder / "model.safetensors")
    return members(folder)


def lineage(tmp_path: Path, *tensors: dict[str, Tensor]) -> Prescription:
    for at, each in enumerate(tensors):
        opened(each, tmp_path / f"m{at}")
    return prescribe("lineage", members(*(tmp_path / f"m{at}" for at in range(len(tensors)))))


def test_another_basis_of_the_heads_is_recognised(tmp_path: Path) -> None:
    found = lineage(tmp_path, llama(), llama(seed=7), rebased(llama())).answer
    first, second = found.extra["candidates"]
    assert (first["relation"], second["relation"]) == ("reparametrised", "unrelated")
    assert found.extra["base"] == "m0"
    assert first["invariants"]["distance"] < 1e-9
    assert first["invariants"]["attentions"] == 3
    assert any("Another basis of the heads keeps them" in note for note in found.notes)


def test_unrelated_models_stay_unrelated(tmp_path: Path) -> None:
    (only,) = lineage(tmp_path, llama(seed=1), llama(seed=0)).answer.extra["candidates"]
    assert only["relation"] == "unrelated"
    assert only["invariants"]["distance"] > 0.01


def test_a_frozen_attention_is_no_other_basis(tmp_path: Path) -> None:
    """MLPs drawn anew over the same attention: its products agree, since its matrices do."""
    other = llama(seed=5)
    mixed = {name: (other if "mlp" in name else llama())[name] for name in other}
    (only,) = lineage(tmp_path, llama(), mixed).answer.extra["candidates"]
    assert only["relation"] == "part"
    assert "invariants" not in only


@pytest.mark.parametrize("config", [True, False])
def test_products_are_those_of_the_matrices(tmp_path: Path, config: bool) -> None:
    """Without a number of heads the whole projections make one map, where their shapes fit."""
    tensors = llama(layers=1)
    wide = torch.randn(64, 64, generator=torch.Generator().manual_seed(1))
    if not config:
        tensors |= {f"model.layers.0.self_attn.{part}_proj.weight": wide.T + wide for part in "kv"}
    checkpoint = opened(tensors, tmp_path / "m", config).checkpoints[0]
    (infos,) = attentions(checkpoint).values()
    found = products(read_projections(checkpoint, infos))
    q, k = (tensors[f"model.layers.0.self_attn.{part}_proj.weight"].double().numpy() for part in "qk")
    if config:
        maps = [q[16 * i : 16 * i + 16].T @ k[16 * (i // 2) : 16 * (i // 2) + 16] for i in range(4)]
        wanted = np.sort(np.concatenate([np.linalg.svd(m, compute_uv=False)[:16] for m in maps]))[::-1]
    else:
        wanted = np.linalg.svd(q.T @ k, compute_uv=False)
    assert found["qk"] == pytest.approx(wanted, rel=1e-8)


def test_nothing_to_compare_is_none(tmp_path: Path) -> None:
    checkpoint = open_checkpoint([save({"w.weight": torch.randn(8, 8)}, tmp_path / "w.safetensors")])
    assert compare_invariants(checkpoint, checkpoint, ["w.weight"]) is None


def test_distance_and_correlation() -> None:
    values = np.array([4.0, 2.0, 1.0])
    assert distance(values, 1.5 * values) == pytest.approx(0.5)
    assert correlation(values, 1.5 * values) == pytest.approx(1.0)
    assert correlation(values, np.zeros(3)) is None
    assert distance(np.zeros(2), np.ones(2)) == 1.0
