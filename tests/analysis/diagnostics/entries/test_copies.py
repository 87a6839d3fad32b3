"""Digests tell bytes apart, samples tell likeness."""

import time
from itertools import combinations
from unittest.mock import ANY

import numpy as np
import pytest
import torch

from analysis.diagnostic import Measurement, Row
from analysis.diagnostics.entries import copies
from analysis.weight import WeightInfo
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


def measurement(values: np.ndarray, digest: str, place: int, rows: int = 8) -> Row:
    info = WeightInfo(f"layers.{place}.up_proj.weight", f"layers.{place}.up_proj.weight", rows, 64, 1, "up", place)
    return Row(info, (0,), Measurement({"digest": digest}, {"sample": values.astype(np.float32)}))


def copies_slowly(rows: list[Row]) -> list[tuple[int, int, float]]:
    """The rule by itself: each pair asked."""
    nearest: dict[int, tuple[int, float]] = {}
    for one, other in combinations(range(len(rows)), 2):
        size = copies.likeness(rows[one], rows[other])
        is_copy = rows[one].weight.rows == rows[other].weight.rows and size >= copies.ALIKE
        if is_copy and size > nearest.get(other, (0, 0.0))[1]:
            nearest[other] = (one, size)
    return sorted((one, other, size) for other, (one, size) in nearest.items())


def test_copies_are_those_that_every_pair_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "BLOCK", 7)
    noise = np.random.default_rng(3)
    rows: list[Row] = []
    for place in range(60):
        values: np.ndarray = noise.standard_normal(512)
        digest = str(place)
        if place and place % 3 == 0:  # nearly an earlier one, some of which are so themselves, or its opposite
            earlier = rows[int(noise.integers(place))].measurement.curves["sample"]
            values = noise.choice([-1, 1]) * earlier + noise.choice([0.01, 0.1, 0.3]) * values
        elif place % 7 == 0 and place:
            twin = rows[int(noise.integers(place))]
            values, digest = twin.measurement.curves["sample"], str(twin.value("digest"))
        elif place % 11 == 0:
            values = np.zeros(512)
        rows.append(measurement(values, digest, place, 8 + (place > 50)))
    found = copies.find_copies(rows)
    wanted = copies_slowly(rows)
    assert len(wanted) > 10
    at = {id(row): place for place, row in enumerate(rows)}
    assert sorted((at[id(one)], at[id(other)], size) for one, other, size in found) == wanted


def test_short_samples_tell_by_their_bytes_alone() -> None:
    alike = [measurement(np.ones(63), digest, place) for place, digest in enumerate("aba")]
    assert [(one is alike[0], other is alike[2], size) for one, other, size in copies.find_copies(alike)] == [
        (True, True, 1.0)
    ]


def test_ten_thousand_layers_of_one_shape_take_seconds() -> None:
    noise = np.random.default_rng(4).standard_normal((10_000, 64)).astype(np.float32)
    rows = [measurement(values, str(place), place) for place, values in enumerate(noise)]
    began = time.process_time()
    assert copies.find_copies([*rows, measurement(noise[7], "twin", len(rows))]) == [(rows[7], ANY, copies.MOST)]
    assert time.process_time() - began < 20.0  # every pair by itself: ten minutes
