"""Weights decomposed together are as each by itself. The CPU takes the path of a GPU here: only the device differs."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from analysis.checkpoint import OpenCheckpoint
from analysis.diagnostics import requests
from analysis.engine import batching
from analysis.engine.batching import Ahead, batches, cutter, share
from analysis.engine.scheduling import bound
from analysis.engine.single import measure_tensor
from analysis.formats import open_checkpoint
from analysis.linalg.spectrum import decompose, decompose_each
from analysis.tensors.matrices import Header, describe
from analysis.weight import TensorInfo, Weight
from tests.analysis.diagnostics.battery import randn, weight


def tensors(*shapes: tuple[int, ...]) -> tuple[TensorInfo, ...]:
    return describe({f"t{i}.weight": Header(s, "float32", 4 * torch.Size(s).numel()) for i, s in enumerate(shapes)})


def names(tensors: tuple[TensorInfo, ...]) -> list[list[str]]:
    return [[info.name for info in batch] for batch in batches(tensors)]


def stored(folder: Path, state: dict[str, Tensor]) -> OpenCheckpoint:
    save_file(state, folder / "model.safetensors")
    return open_checkpoint([folder / "model.safetensors"])


@pytest.fixture
def checkpoint(tmp_path: Path) -> OpenCheckpoint:
    """Two blocks with biases, an embedding, a convolution, and one matrix that holds NaN."""
    state = {"embed_tokens.weight": randn(3000, 24, seed=9)}
    for i in range(2):
        state |= {f"layers.{i}.self_attn.{p}_proj.weight": randn(24, 24, seed=10 * i + ord(p)) for p in "qkvo"}
        state |= {f"layers.{i}.mlp.up_proj.weight": randn(96, 24, seed=i), f"layers.{i}.mlp.up_proj.bias": randn(96)}
        state[f"layers.{i}.mlp.down_proj.weight"] = randn(24, 96, seed=50 + i)
        state[f"layers.{i}.conv.weight"] = randn(12, 16, 3, 3, seed=60 + i)
    state["layers.1.mlp.down_proj.weight"][0, 0] = float("nan")
    return stored(tmp_path, state)


def test_each_finds_what_it_would_find_alone() -> None:
    found = [weight(randn(60, 40, seed=seed) * 10.0**seed) for seed in range(6)] + [weight(randn(40, 60))]
    share(found, "cpu")
    for given in found[:6]:
        alone = decompose(given.slices)
        assert "spectrum" in vars(given)
        assert given.spectrum.values == pytest.approx(alone.values, rel=1e-12)
        assert given.spectrum.kernel == alone.kernel
        assert given.spectrum.floor == pytest.approx(alone.floor, rel=1e-12)
    assert "spectrum" not in vars(found[6])  # none is like it


def test_one_call_for_all_of_a_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def counted(weights: Tensor) -> object:
        seen.append(tuple(weights.shape))
        return decompose_each(weights)

    monkeypatch.setattr(batching, "decompose_each", counted)
    share([weight(randn(60, 40)) for _ in range(5)] + [weight(randn(9, 8, 7)) for _ in range(3)], "cpu")
    assert seen == [(5, 1, 60, 40), (3, 9, 8, 7)]
    monkeypatch.setattr(batching, "GPU_BLOCK", 3 * 60 * 40)
    share([weight(randn(60, 40)) for _ in range(5)], "cpu")
    assert seen[2:] == [(3, 1, 60, 40), (2, 1, 60, 40)]


def test_types_are_not_mixed() -> None:
    found = [weight(randn(20, 30)), weight(randn(20, 30).to(torch.bfloat16))]
    share(found, "cpu")
    assert not any("spectrum" in vars(given) for given in found)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory."), None])
def test_what_fails_together_is_left_to_each(monkeypatch: pytest.MonkeyPatch, error: Exception | None) -> None:
    found = [weight(randn(20, 30, seed=seed)) for seed in range(3)]
    if error is None:
        found[1].slices[0, 0, 0] = float("inf")
    else:
        monkeypatch.setattr(batching, "decompose_each", lambda _: (_ for _ in ()).throw(error))
    share(found, "cpu")
    assert not any("spectrum" in vars(given) for given in found)
    assert found[0].spectrum.largest > 0.0


def test_small_neighbours_are_read_together_within_the_bound() -> None:
    small, gain, large = (64, 64), (64,), (2000, 1500)
    asked = tensors(small, gain, small, large, small)
    assert names(asked) == [["t0.weight", "t2.weight", "t4.weight"]]
    even = tensors(*[small] * 9)
    found = list(batches(even))
    assert [len(batch) for batch in found] == [5, 4]
    assert max(8 * sum(info.size for info in batch) for batch in found) <= bound(even)
    assert names(tensors(gain, large)) == []


def test_only_a_gpu_reads_ahead(checkpoint: OpenCheckpoint) -> None:
    assert not isinstance(cutter(checkpoint, checkpoint.tensors, "cpu"), Ahead)
    assert isinstance(cutter(checkpoint, checkpoint.tensors, "cuda"), Ahead)


def test_the_report_is_the_same_either_way(checkpoint: OpenCheckpoint) -> None:
    """Forced on the CPU: every column of every weight, to the rounding of a batched product."""
    asked, ahead = requests({"esd": {}, "norms": {}, "erg": {}}), Ahead(checkpoint, checkpoint.tensors, "cpu")
    kept = [info for info in checkpoint.tensors if info.skip is None]
    shared = 0
    for info in kept:
        found = ahead(info)
        shared += sum("spectrum" in vars(given) for given in found)
        together = list(measure_tensor(checkpoint, info, asked, cut=lambda _, found=found: found))  # type: ignore[misc]
        alone = list(measure_tensor(checkpoint, info, asked))
        for (name, one), (other_name, other) in zip(together, alone, strict=True):
            assert (name, one.weight, one.measurement.note) == (other_name, other.weight, other.measurement.note)
            for column, value in other.measurement.values.items():
                assert one.value(column) == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value)
    assert shared == 8 + 2 + 2  # attention, up, convolutions; the embedding is alone, one "down" is not finite


def test_a_tensor_asked_for_again_is_read_again(checkpoint: OpenCheckpoint) -> None:
    ahead = Ahead(checkpoint, checkpoint.tensors, "cpu")
    info = next(info for info in checkpoint.tensors if info.role == "up")
    (first,), (again,) = ahead(info), ahead(info)
    assert isinstance(first, Weight)
    assert torch.equal(first.slices, again.slices)
