"""One memory as an array and as a tensor, in every type that weights are stored in."""

import numpy as np
import pytest
import torch

from analysis.runtime.arrays import SPACING, WORDS, as_array, as_tensor, double, dtype_name, dtype_of

FLOATS = ["float64", "float32", "float16", *WORDS]


def values(name: str) -> torch.Tensor:
    """Powers of two, which all types hold."""
    return torch.tensor([[1.0, 2.0, 0.5], [4.0, 8.0, 0.25]]).to(getattr(torch, name))


@pytest.mark.parametrize("name", FLOATS)
def test_both_views_share_memory_type_and_values(name: str) -> None:
    tensor = values(name)
    array = as_array(tensor)
    assert (dtype_name(array), dtype_name(tensor), array.dtype) == (name, name, dtype_of(name))
    assert double(array).tolist() == tensor.double().tolist()
    back = as_tensor(array)
    assert back.dtype == tensor.dtype
    assert back.data_ptr() == tensor.data_ptr()
    assert as_array(array) is array
    assert as_tensor(tensor) is tensor


@pytest.mark.parametrize("name", FLOATS)
def test_a_transposed_part_is_one_too(name: str) -> None:
    tensor = values(name)
    part = as_array(tensor).T[1:]
    assert as_tensor(part).double().tolist() == tensor.mT[1:].double().tolist()
    assert double(as_array(tensor.mT[1:])).tolist() == tensor.mT[1:].double().tolist()


@pytest.mark.parametrize("name", FLOATS)
def test_the_spacing_is_pytorchs(name: str) -> None:
    assert SPACING[name] == torch.finfo(getattr(torch, name)).eps


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_every_pattern_of_bits_is_the_same_number(name: str) -> None:
    """All that are finite; what is no number is none on either side."""
    bits = np.arange(1 << (8 * dtype_of(name).itemsize), dtype=f"uint{8 * dtype_of(name).itemsize}")
    ours = double(bits.view(dtype_of(name)))
    theirs = as_tensor(bits.view(dtype_of(name))).double().numpy()
    np.testing.assert_array_equal(ours, theirs)


def test_float64_is_not_copied() -> None:
    array = np.ones(3)
    assert double(array) is array


def test_a_type_that_numpy_has_not_is_refused() -> None:
    with pytest.raises(TypeError):
        dtype_of("float6_e2m3")
