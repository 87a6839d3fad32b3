"""The table of dtypes, against torch and safetensors."""

import numpy as np
import pytest
import safetensors.torch
import torch

from analysis.formats.dtypes import DTYPES, SAFETENSORS_DTYPES, Sized
from analysis.tensors.constants import FLOATS


def test_widths_are_those_of_torch() -> None:
    known = {name: dtype for name, dtype in DTYPES.items() if hasattr(torch, name)}
    assert len(known) >= 20
    for name, dtype in known.items():
        assert getattr(torch, name).itemsize * 8 == dtype.bits, name


def test_words_are_as_wide_as_the_elements() -> None:
    for dtype in DTYPES.values():
        assert np.dtype(dtype.word).itemsize * 8 == max(dtype.bits, 8)


def test_every_name_that_safetensors_has_for_a_torch_dtype_is_known() -> None:
    theirs = {code: str(kind).removeprefix("torch.") for code, kind in safetensors.torch._TYPES.items() if kind}
    assert {code: SAFETENSORS_DTYPES[code].name for code in theirs} == theirs


def test_analysable_dtypes_are_known() -> None:
    assert set(FLOATS) <= set(DTYPES)


@pytest.mark.parametrize(
    ("name", "count", "nbytes"), [("float32", 3, 12), ("float4_e2m1", 4, 2), ("float4_e2m1", 3, None)]
)
def test_bytes_of_a_count(name: str, count: int, nbytes: int | None) -> None:
    assert DTYPES[name].nbytes(count) == nbytes


@pytest.mark.parametrize(
    ("shape", "dtype", "size", "nbytes"),
    [((), "float32", 1, 4), ((3, 5), "bfloat16", 15, 30), ((0, 4), "float64", 0, 0), ((3,), "float4_e2m1", 3, 0)],
)
def test_how_much_an_array_holds(shape: tuple[int, ...], dtype: str, size: int, nbytes: int) -> None:
    class Array(Sized):
        pass

    array = Array()
    array.shape, array.dtype = shape, dtype
    assert (array.size, array.nbytes) == (size, nbytes)
