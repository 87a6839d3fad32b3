"""Projections whose heads have a dimension of their own, against the products of their models' code."""

import pytest
import torch

from tests.analysis.tensors.layouts.examples import cut


@pytest.mark.parametrize(
    ("name", "flat"),
    [
        ("transformer.layer.0.rel_attn.q", lambda w: w.flatten(1).T),  # XLNet: einsum("ibh,hnd->ibnd")
        ("transformer.layer.0.rel_attn.o", lambda w: w.flatten(1)),  # einsum("ibnd,hnd->ibh")
        ("params/encoder/attention/query/kernel", lambda w: w.flatten(1).T),  # Flax's DenseGeneral
        ("params/encoder/attention/out/kernel", lambda w: w.flatten(0, 1).T),
    ],
)
def test_heads_apart_are_one_matrix(name: str, flat: object) -> None:
    tensor = torch.randn(12, 4, 6)
    (weight,) = cut({name: tensor}).values()
    assert callable(flat)
    assert torch.equal(weight.slices[0], flat(tensor))
