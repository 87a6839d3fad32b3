"""WeightWatcher asked about one weight says what it says about a whole model, and agrees with us."""

from importlib.metadata import PackageNotFoundError
from typing import Any

import pytest
import torch

from analysis.diagnostics import reference
from analysis.errors import NoReference
from analysis.tensors.matrices import Header, describe, weights
from analysis.weight import Weight


def weight_of(tensor: torch.Tensor, name: str = "layers.0.q_proj.weight") -> Weight:
    (info,) = describe({name: Header(tuple(tensor.shape), "float32", tensor.nbytes)})
    (weight,) = weights(info, tensor)
    return weight


@pytest.mark.parametrize("shape", [(96, 64), (40, 24, 3, 3)])
def test_every_column_agrees(shape: tuple[int, ...]) -> None:
    random = torch.Generator().manual_seed(0)
    name = "layers.0.q_proj.weight" if len(shape) == 2 else "layer1.0.conv1.weight"
    found = reference.compare(weight_of(torch.randn(shape, generator=random), name))
    different = [(c.column, c.ours, c.theirs) for c in found if c.agrees is False]
    assert different == [] or {name for name, _, _ in different} <= {"matrix_rank"}
    alpha = next(c for c in found if c.column == "alpha")
    assert alpha.agrees is True
    assert sum(c.agrees is True for c in found) > 12


def test_a_difference_is_seen() -> None:
    assert reference.agree(1.0, 1.0 + 2e-6, 1e-6) is False
    assert reference.agree(2.0, 2.0, 0.0) is True
    assert reference.agree(1.0, None, 1.0) is None


def test_a_weight_that_it_leaves_out_is_told() -> None:
    with pytest.raises(NoReference, match="leaves this weight out"):
        reference.compare(weight_of(torch.randn(2, 30)))


def test_without_it_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> Any:
        raise PackageNotFoundError

    monkeypatch.setattr(reference, "version", missing)
    with pytest.raises(NoReference, match="pip install"):
        reference.find_version()
