from typing import Any

import numpy as np
import pytest

from analysis.prescriptions.monitor.initial import all_look_initial, looks_initial


def looks(matrix: Any) -> Any:
    return looks_initial(matrix, float(np.linalg.norm(matrix, 2)))


@pytest.mark.parametrize("shape", [(64, 64), (300, 200), (64, 500)])
def test_random_numbers_look_initial(shape: tuple[int, int]) -> None:
    for seed in range(20):
        generator = np.random.default_rng(seed)
        assert looks(0.02 * generator.normal(size=shape))
        assert looks(generator.uniform(-0.1, 0.1, size=shape))


def test_trained_matrices_do_not() -> None:
    generator = np.random.default_rng(0)
    noise = generator.normal(size=(200, 300))
    spike = noise + 3.0 * np.outer(generator.normal(size=200), generator.normal(size=300)) / np.sqrt(10)
    heavy = generator.standard_t(3, size=(200, 300))
    assert not looks(spike)
    assert not looks(heavy)
    assert not looks(np.full((40, 40), 2.0))


def test_small_matrices_say_nothing() -> None:
    assert looks(np.random.default_rng(1).normal(size=(16, 300))) is None
    assert all_look_initial([True, None, True, True])
    assert not all_look_initial([True, True, None])
    assert not all_look_initial([True, True, True, False])
