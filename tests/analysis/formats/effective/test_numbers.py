"""Stored words as numbers, against torch's own dtypes and a stream of bits read one by one."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analysis.formats.effective.numbers import codes, each, numbers, over
from tests.analysis.formats.effective.files import opened

DTYPES = [
    torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float8_e8m0fnu,
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_code_of_the_small_floats(dtype: torch.dtype, tmp_path: Path) -> None:
    tensor = torch.arange(256, dtype=torch.uint8).view(dtype)
    found = numbers(opened(tmp_path, {"a": tensor}).stored["a"])
    np.testing.assert_array_equal(found, tensor.float().numpy())


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int8, torch.int64]
)
def test_the_usual_dtypes(dtype: torch.dtype, tmp_path: Path) -> None:
    tensor = (torch.randn(5, 3) * 50).to(dtype)
    found = numbers(opened(tmp_path, {"a": tensor}).stored["a"])
    np.testing.assert_array_equal(found, tensor.double().numpy())


@given(bits=st.sampled_from([2, 3, 4, 5, 6, 8]), words=st.lists(st.integers(0, 2**32 - 1), min_size=6, max_size=6))
def test_codes_are_a_stream_of_bits(bits: int, words: list[int]) -> None:
    stream = sum(word << (32 * place) for place, word in enumerate(words))
    count = 192 // bits
    wanted = [(stream >> (bits * place)) % 2**bits for place in range(count)]
    assert codes(np.array(words, np.uint32), bits, count).tolist() == wanted


def test_scales_of_groups_and_blocks() -> None:
    assert each(np.array([1, 2]), 3, 5).tolist() == [1, 1, 1, 2, 2]
    assert over((3, 4), np.array([[1, 2], [3, 4]]), (2, 2)).tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4]]
