import math

import pytest
import torch

from analysis import weight as module
from analysis.errors import NotFinite
from analysis.linalg.spectrum import Spectrum, decompose
from analysis.weight import TensorInfo, Weight, WeightInfo


def info(name: str = "model.layers.3.self_attn.q_proj.weight", rows: int = 3, columns: int = 2) -> WeightInfo:
    return WeightInfo(name, name, rows, columns, 1, "q", 3)


def test_size_counts_numbers() -> None:
    assert TensorInfo("w", (3, 4, 5), "float32", 240, "conv", None, None).size == 60
    assert TensorInfo("w", (), "float32", 4, "other", None, "a single number").size == 1


def test_label_is_for_people() -> None:
    assert info().label == "Block 3 · query"


def test_cost_grows_with_the_smaller_side() -> None:
    assert info(rows=4096, columns=4096).cost > 10 * info(rows=30522, columns=384).cost
    assert info(rows=10, columns=99).cost == info(rows=99, columns=10).cost


def test_the_decomposition_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counting(slices: torch.Tensor) -> Spectrum:
        calls.append(slices)
        return decompose(slices)

    monkeypatch.setattr(module, "decompose", counting)
    weight = Weight(info(), torch.randn(1, 3, 2))
    assert weight.spectrum is weight.spectrum
    assert len(calls) == 1


def test_what_diagnostics_share_is_found_once() -> None:
    weight, found = Weight(info(), torch.randn(1, 3, 2)), iter("abc")
    assert [weight.find_once(what, lambda: next(found)) for what in ("one", "other", "one", "one")] == [
        "a",
        "b",
        "a",
        "a",
    ]
    assert Weight(info(), weight.numbers).find_once("one", lambda: next(found)) == "c"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_are_refused_by_name_and_count(bad: float) -> None:
    slices = torch.zeros(1, 3, 2)
    slices[0, 1, 1] = slices[0, 2, 0] = bad
    with pytest.raises(NotFinite, match=r"model\.layers\.3\.self_attn\.q_proj\.weight: 2 of 6 values"):
        _ = Weight(info(), slices).spectrum
