"""Matrices one after the other: of one checkpoint, and of several that lie on each other."""

import torch

from analysis.engine.comparison import open_comparison
from analysis.engine.reading import read_matrices, read_weights
from analysis.weight import TensorInfo
from tests.analysis.examples import InMemory, some_tensors


def tuned(base: InMemory, change: float) -> InMemory:
    return InMemory({name: base.read(name) + change * torch.ones_like(base.read(name)) for name in NAMES})


NAMES = ("a.weight", "b.weight")


def base() -> InMemory:
    return InMemory(
        {name: torch.randn(20, 10, generator=torch.Generator().manual_seed(n)) for n, name in enumerate(NAMES)}
    )


def test_every_matrix_of_one_checkpoint_comes_once() -> None:
    heard: list[TensorInfo] = []
    found = [weight.info.name for weight in read_weights(some_tensors(), heard.append)]
    assert len(found) == len(set(found))
    assert len(heard) == len(some_tensors().tensors)


def test_matrices_of_several_come_together() -> None:
    first = base()
    run = open_comparison((first, tuned(first, 0.1), tuned(first, 0.3)), ("base", "one", "two"), ())
    found = list(read_matrices(run, (0, 1, 2)))
    assert [one.planned.name for one in found] == list(NAMES)
    for one in found:
        assert one.reason is None
        assert not isinstance(one.weights, str)
        before, first_, second = one.weights
        assert torch.allclose(second.matrix - before.matrix, 3 * (first_.matrix - before.matrix), atol=1e-5)
        assert second.base is before


def test_what_cannot_be_compared_has_a_reason() -> None:
    first = base()
    other = InMemory({"a.weight": first.read("a.weight"), "b.weight": torch.full((20, 10), torch.nan)})
    less = InMemory({"a.weight": first.read("a.weight") + 1.0})
    run = open_comparison((first, other, less), ("base", "other", "less"), ())
    reasons = {one.planned.name: one.reason for one in read_matrices(run, (0, 1, 2))}
    assert reasons == {"a.weight": None, "b.weight": "less: it does not have this tensor"}
    reasons = {one.planned.name: one.reason for one in read_matrices(run, (0, 1))}
    assert reasons["b.weight"] == "other: 200 of 200 values are NaN or infinite"
    reasons = {one.planned.name: one.reason for one in read_matrices(run, (0, 2))}
    assert set(reasons) == {"a.weight"}
