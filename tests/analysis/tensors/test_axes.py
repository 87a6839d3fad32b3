"""Sides that each count one thing, against einsum."""

import pytest
import torch

from analysis.tensors.axes import Place, count, extents, matrix_at, places


@pytest.mark.parametrize(
    ("axes", "equation"), [("ioo", "d,dnh->nh"), ("oio", "d,ndh->nh"), ("iio", "nh,nhd->d"), ("oii", "nh,dnh->d")]
)
def test_a_matrix_is_what_its_equation_computes(axes: str, equation: str) -> None:
    tensor = torch.randn(4, 6, 5, dtype=torch.float64)
    lengths = dict(zip(equation.split(",")[1].split("-")[0], tensor.shape, strict=True))
    x = torch.randn([lengths[letter] for letter in equation.split(",")[0]], dtype=torch.float64)
    computed = torch.from_numpy(matrix_at(tensor.numpy(), axes, Place())) @ x.flatten()
    assert torch.allclose(computed, torch.einsum(equation, x, tensor).flatten())


def test_layers_and_parts_are_matrices_of_their_own() -> None:
    tensor = torch.randn(3, 2, 4, 6, 5)
    there = list(places(tensor.shape, "lpoio"))
    assert there == [Place(layer, part) for layer in range(3) for part in range(2)]
    assert extents(tensor.shape, "lpoio") == (20, 6)
    assert count(tensor.shape, "lpoio", "l") == 3
    found = torch.from_numpy(matrix_at(tensor.numpy(), "lpoio", Place(2, 1)))
    assert torch.equal(found, tensor[2, 1].transpose(1, 2).reshape(20, 6))
