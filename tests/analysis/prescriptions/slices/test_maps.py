"""QK and OV maps of heads: by d × d as by n × n, the bound that no rotation passes, and a planted edit."""

import math

import numpy as np
import pytest

from analysis.prescriptions.slices.maps import (
    energy_shares,
    heads_holding,
    logit_bound,
    product_values,
    safe_bound,
    top_share,
)
from tests.analysis.prescriptions.golden import model, told


@pytest.mark.parametrize("row", told()["qk_heads"]["rows"], ids=lambda row: str(row["head"]))
def test_the_golden_heads(row: dict[str, float]) -> None:
    q, k = (
        model().checkpoints[0].read(f"model.layers.0.self_attn.{name}_proj.weight").double().numpy() for name in "qk"
    )
    at = slice(16 * int(row["head"]), 16 * int(row["head"]) + 16)
    values = product_values(q[at], k[at])
    assert values[0] == pytest.approx(row["sigma1"], rel=1e-9)
    assert values == pytest.approx(np.linalg.svd(q[at].T @ k[at], compute_uv=False)[:16], abs=1e-12)
    assert safe_bound(q[at], k[at]) == pytest.approx(row["safe_bound"], rel=1e-9)


def test_the_safe_bound_holds_for_every_rotation_and_sigma_does_not() -> None:
    random = np.random.default_rng(0)
    q, k = random.normal(size=(2, 8, 40))
    largest = 0.0
    for _ in range(300):
        turn = np.linalg.qr(random.normal(size=(8, 8)))[0]
        largest = max(largest, float(product_values(turn @ q, k)[0]))
    assert product_values(q, k)[0] < largest <= safe_bound(q, k)


def test_no_normed_input_passes_the_logit_bound() -> None:
    random = np.random.default_rng(1)
    q, k = random.normal(size=(2, 8, 40))
    gain = random.uniform(0.2, 3.0, size=40)
    bound = logit_bound(q, k, gain)
    left, _, right = np.linalg.svd(gain[:, None] * (q.T @ k) * gain)
    inputs = [random.normal(size=(2, 40)) for _ in range(200)] + [np.stack([left[:, 0], right[0]])]
    for x, y in inputs:
        x, y = (v / math.sqrt(np.mean(v**2)) * gain for v in (x, y))
        assert abs((q @ x) @ (k @ y)) / math.sqrt(8) <= bound * (1 + 1e-12)
    assert logit_bound(q, k) == pytest.approx(safe_bound(q, k) * 40 / math.sqrt(8))


def test_a_planted_edit_sits_in_one_head() -> None:
    update = 1e-4 * np.random.default_rng(2).normal(size=(32, 32))
    update[:, 8:16] += np.outer(np.ones(32), np.arange(8.0))
    heads = [update[:, at : at + 8] for at in range(0, 32, 8)]
    shares = energy_shares(heads)
    assert shares[1] > 0.99
    assert sum(shares) == pytest.approx(1.0)
    assert heads_holding(shares) == 1
    assert top_share(np.linalg.svd(heads[1], compute_uv=False)) == pytest.approx(1.0, abs=1e-4)


def test_shares_of_equal_and_of_zero_heads() -> None:
    assert heads_holding([0.1] * 10) == 9
    assert energy_shares([np.zeros((2, 2))] * 3) == [0.0] * 3
    assert heads_holding([0.0, 0.0]) == heads_holding([]) == 0
    assert top_share(np.zeros(3)) is None
    assert top_share(np.ones(4)) == 0.25
