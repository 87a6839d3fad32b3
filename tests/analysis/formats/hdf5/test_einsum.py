"""Kernels of EinsumDense as matrices, against what the equations themselves compute."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from analysis.formats.arrays import Held
from analysis.formats.hdf5.einsum import as_matrix
from analysis.formats.stored import Array, Aside

Shape = tuple[int, ...]


def kernel(shape: Shape) -> Held:
    values = np.random.default_rng(0).normal(size=shape).astype("<f4")
    return Held(Path("model.keras"), values.tobytes(), shape, "float32")


def numbers(array: Array | Aside) -> NDArray[np.float32]:
    assert not isinstance(array, Aside)
    return np.asarray(array.load().view("<f4"))


@pytest.mark.parametrize(
    ("equation", "given", "shape"),
    [
        ("abc,cde->abde", (2, 3, 24), (24, 4, 5)),  # Keras's MultiHeadAttention
        ("abde,dec->abc", (2, 3, 4, 5), (4, 5, 24)),
        ("btd,ndh->btnh", (2, 3, 24), (4, 24, 5)),  # Gemma of KerasHub
        ("bsd,kdh->bskh", (2, 3, 24), (1, 24, 5)),
        ("btnh,nhd->btd", (2, 3, 4, 5), (4, 5, 24)),
        ("...x,yx->...y", (2, 3, 24), (7, 24)),  # the outputs first
        ("abc,cd->abd", (2, 3, 24), (24, 7)),
    ],
)
def test_the_equation_says_which_sides_are_inputs(equation: str, given: Shape, shape: Shape) -> None:
    """What comes in, flat, times the matrix is what the equation gives."""
    array = kernel(shape)
    x = np.random.default_rng(1).normal(size=given)
    wanted = np.einsum(equation, x, array.load().view("<f4").astype(float))
    found = numbers(as_matrix(array, (), equation)).astype(float)
    computed = x.reshape(6, -1) @ found
    assert found.ndim == 2
    np.testing.assert_allclose(computed, wanted.reshape(6, -1), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("shape", "bias", "wanted"),
    [
        ((24, 4, 5), (4, 5), (24, 20)),
        ((4, 24, 5), (4, 5), (24, 20)),
        ((4, 5, 24), (24,), (20, 24)),
        ((3, 4), (), (3, 4)),
    ],
)
def test_without_an_equation_the_bias_says_it(shape: Shape, bias: Shape, wanted: Shape) -> None:
    assert numbers(as_matrix(kernel(shape), bias, "")).shape == wanted


@pytest.mark.parametrize(("shape", "bias"), [((24, 4, 5), ()), ((4, 4, 5), (4,)), ((4, 5, 6), (7,))])
def test_where_nothing_says_it_the_kernel_is_set_aside(shape: Shape, bias: Shape) -> None:
    found = as_matrix(kernel(shape), bias, "nonsense" * 100)
    assert isinstance(found, Aside)
    assert "model.keras" in found.reason


def test_a_matrix_for_each_element_is_set_aside() -> None:
    found = as_matrix(kernel((4, 5, 6)), (), "btnh,nhd->btnd")
    assert isinstance(found, Aside)
    assert "btnh,nhd->btnd" in found.reason
