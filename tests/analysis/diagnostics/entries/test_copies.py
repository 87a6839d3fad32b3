"""Digests tell bytes apart, samples tell likeness."""

import pytest
import torch

from analysis.diagnostics.entries import copies
from tests.analysis.diagnostics.battery import randn


def test_digests_hang_on_bytes_and_type() -> None:
    one = randn(1, 40, 30)
    assert copies.digest(one) == copies.digest(one.clone()) == copies.digest(one.mT.contiguous().mT)
    changed = one.clone()
    changed[0, 39, 29] = torch.nextafter(changed[0, 39, 29], torch.tensor(9.0))
    assert copies.digest(changed) != copies.digest(one)
    assert copies.digest(one.to(torch.float64)) != copies.digest(one)
    assert copies.digest(one.bfloat16()) != copies.digest(one.half())


@pytest.mark.parametrize("shape", [(1, 256, 256), (9, 64, 64), (1, 20, 30)])
def test_samples_give_the_cosine(shape: tuple[int, int, int]) -> None:
    one, other = randn(*shape), randn(*shape, seed=1)
    assert copies.cosine(copies.sample(one), copies.sample(3.0 * one)) == pytest.approx(1.0, abs=1e-6)
    assert abs(copies.cosine(copies.sample(one), copies.sample(other))) < 0.2
    mixed = one + other
    assert copies.cosine(copies.sample(one), copies.sample(mixed)) == pytest.approx(0.5**0.5, abs=0.1)


def test_a_sample_keeps_clear_of_columns() -> None:
    striped = torch.arange(512.0).expand(512, 512)[None]
    assert len(set(copies.sample(striped).tolist())) > 200


def test_zero_is_like_nothing() -> None:
    zero = copies.sample(torch.zeros(1, 8, 8))
    assert copies.cosine(zero, copies.sample(randn(1, 8, 8))) == 0.0
