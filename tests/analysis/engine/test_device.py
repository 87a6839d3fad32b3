"""The device, as far as a machine without one can tell: memory that runs out is planted."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch

from analysis.engine.batching import share
from analysis.engine.device import best_device, check_device, on_device, on_devices
from analysis.errors import OptionError
from analysis.linalg.spectrum import decompose
from analysis.weight import Factors, Weight, WeightInfo


@pytest.fixture
def weight() -> Weight:
    return Weight(WeightInfo("w", "w", 3, 2, 1, "other", None), torch.randn(1, 3, 2))


def test_the_cpu_is_the_device_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert best_device() == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert best_device() == "cuda"


@pytest.mark.parametrize(("name", "found"), [("cpu", "cpu"), ("cpu:0", "cpu"), ("cuda", "cuda"), ("cuda:1", "cuda:1")])
def test_a_device_that_is_there(name: str, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert check_device(name) == found


@pytest.mark.parametrize("name", ["", "gpu", "mps", "meta", "cuda:2"])
def test_a_device_that_is_not_there(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(OptionError):
        check_device(name)


def test_on_the_cpu_nothing_moves(weight: Weight) -> None:
    assert on_device("cpu", weight, lambda there: there is weight)


def test_the_weight_moves_to_the_device(weight: Weight) -> None:
    """The meta device is one that every machine has."""
    assert on_device("meta", weight, lambda there: there.slices.device.type) == "meta"


def test_a_spectrum_found_before_moves_with_the_weight(weight: Weight) -> None:
    found = weight.spectrum
    assert on_device("meta", weight, lambda there: there.spectrum) is found


def test_when_its_memory_runs_out_the_cpu_goes_on(weight: Weight) -> None:
    seen = []

    def run(there: Weight) -> float:
        seen.append(there.slices.device.type)
        if there.slices.device.type != "cpu":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 TiB.")
        return there.spectrum.largest

    assert on_device("meta", weight, run) == decompose(weight.slices).largest
    assert seen == ["meta", "cpu"]


def test_other_errors_are_not_hidden(weight: Weight) -> None:
    def run(there: Weight) -> float:
        raise RuntimeError("CUDA error: device-side assert triggered")

    with pytest.raises(RuntimeError, match="device-side assert"):
        on_device("meta", weight, run)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_weights_that_belong_together_move_together(device: str, weight: Weight) -> None:
    tuned = replace(weight, base=weight, factors=Factors(torch.randn(3, 1), torch.randn(1, 2)))

    def run(there: Mapping[int, Weight | str]) -> None:
        base, moved = there[0], there[1]
        assert isinstance(base, Weight)
        assert isinstance(moved, Weight)
        assert moved.base is base
        assert moved.factors is not None
        assert {base.slices.device.type, moved.slices.device.type, moved.factors.left.device.type} == {device}
        assert there[2] == "not there"

    on_devices(device, {0: weight, 1: tuned, 2: "not there"}, run)


def test_when_its_memory_runs_out_all_of_them_go_on_on_the_cpu(weight: Weight) -> None:
    def run(there: Mapping[int, Weight | str]) -> bool:
        base = there[0]
        assert isinstance(base, Weight)
        if base.slices.device.type != "cpu":
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return base is weight

    assert on_devices("meta", {0: weight, 1: replace(weight, base=weight)}, run)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("shape", [(1, 300, 200), (1, 200, 300), (9, 64, 32), (1, 1, 50)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_cuda_gives_what_the_cpu_gives(shape: tuple[int, ...], dtype: torch.dtype, weight: Weight) -> None:
    slices = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)
    here = decompose(slices)
    there = on_device("cuda", replace(weight, numbers=slices), lambda moved: moved.spectrum)
    assert there.kernel == here.kernel
    assert there.values == pytest.approx(here.values, rel=1e-9)
    assert there.squared_norm == pytest.approx(here.squared_norm, rel=1e-13)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("shape", [(300, 200), (9, 64, 32), (384, 384)])
def test_cuda_in_one_batch_gives_what_the_cpu_gives(shape: tuple[int, ...], weight: Weight) -> None:
    noise = torch.Generator().manual_seed(0)
    stacked = shape if len(shape) == 3 else (1, *shape)
    alike = [replace(weight, numbers=torch.randn(stacked, generator=noise)) for _ in range(8)]
    share(alike, "cuda")
    for given in alike:
        here = decompose(given.slices)
        assert vars(given)["spectrum"].kernel == here.kernel
        assert given.spectrum.values == pytest.approx(here.values, rel=1e-9)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_falls_back_when_its_memory_really_runs_out(weight: Weight) -> None:
    def run(there: Weight) -> str:
        if there.slices.is_cuda:
            torch.empty(1 << 50, device="cuda")
        return there.slices.device.type

    assert on_device("cuda", weight, run) == "cpu"
