"""The rules on singular values alone: the authors' counts, the closed forms, and what a budget has to hold."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from peft.tuners.lora.conversion import _find_cutoff_index

from analysis.errors import UnreachableTarget
from analysis.prescriptions.lora_rank.ranks import Spectrum, above_noise, budget, count, facts
from tests.analysis.prescriptions.golden import told

GOLDEN = told()["lora_resize"]
VALUES = np.array(GOLDEN["singular_values"])
OF_KOHYA = {"sv_ratio": "ratio", "sv_cumulative": "nuclear", "sv_fro": "frobenius"}
falling = st.lists(st.floats(0.01, 100.0), min_size=1, max_size=12).map(lambda s: np.array(sorted(s, reverse=True)))


@pytest.mark.parametrize("case", GOLDEN["kohya"], ids=lambda case: f"{case['method']}-{case['param']}")
def test_a_rule_of_kohya_keeps_what_it_says_and_not_one_more(case: dict[str, float]) -> None:
    found = count(VALUES, OF_KOHYA[str(case["method"])], case["param"])
    assert found == case["by_definition"] == case["kohya_rank"] - 1


@pytest.mark.parametrize("case", GOLDEN["peft_energy"], ids=lambda case: str(case["threshold"]))
def test_energy_is_that_of_peft(case: dict[str, float]) -> None:
    assert count(VALUES, "energy", case["threshold"]) == case["rank"]


@given(falling, st.floats(0.05, 0.999))
def test_energy_is_that_of_peft_on_any_values(values: NDArray[np.float64], share: float) -> None:
    sums = np.cumsum(values**2)
    if np.min(np.abs(sums / sums[-1] - share)) > 1e-5:
        assert count(values, "energy", share) == _find_cutoff_index(torch.from_numpy(values), share)


def test_nothing_is_kept_of_a_zero_update_and_all_for_the_whole() -> None:
    assert count(np.zeros(3), "energy", 0.9) == 0
    assert count(np.ones(3), "energy", 1.0) == 3
    assert count(np.array([2.0, 0.2]), "ratio", 10.0) == 2


def test_the_threshold_of_noise_is_that_of_the_paper() -> None:
    random = torch.Generator().manual_seed(3)
    noise = torch.randn(120, 120, generator=random, dtype=torch.float64)
    spikes = torch.linalg.qr(torch.randn(120, 3, generator=random, dtype=torch.float64))[0]
    values = torch.linalg.svdvals(noise + 90.0 * spikes @ spikes.mT).numpy()
    assert above_noise(values, 120, 120) == 3
    assert above_noise(torch.linalg.svdvals(noise).numpy(), 120, 120) == 0
    median = np.median(values)
    assert np.count_nonzero(values > 2.86 * median) == 3  # 2.858 at β = 1, of which the formula gives 2.86


def test_facts_are_those_of_the_truncation() -> None:
    spectrum = Spectrum(np.array([3.0, 4.0 / 3.0, 1.0]), 10, 3)
    kept = facts(spectrum, 2)
    energy = 9.0 + 16.0 / 9.0
    assert kept["energy_kept"] == pytest.approx(energy / (energy + 1.0))
    assert kept["relative_error"] == pytest.approx((1.0 / (energy + 1.0)) ** 0.5)
    assert kept["parameters"] == 20
    assert kept["first_over_last"] == pytest.approx(2.25)


@settings(max_examples=60)
@given(st.lists(falling.map(lambda s: s[:3]), min_size=1, max_size=3), st.integers(0, 30))
def test_no_other_choice_for_the_same_parameters_is_better(layers: list[NDArray[np.float64]], more: int) -> None:
    spectra = {str(at): Spectrum(values, 7, len(values)) for at, values in enumerate(layers)}
    parameters = float(sum(s.sides for s in spectra.values()) + more)
    found = budget(spectra, parameters, 100)

    def kept(choice: tuple[int, ...]) -> float:
        return sum(float((s.values[:k] ** 2).sum()) for s, k in zip(spectra.values(), choice, strict=True))

    allowed = itertools.product(*(range(len(s.values) + 1) for s in spectra.values()))
    best = max(kept(choice) for choice in allowed if 7 * sum(choice) <= parameters)
    assert kept(tuple(found.values())) == pytest.approx(best)


def test_a_budget_of_less_than_a_direction_each_is_refused() -> None:
    spectra = {name: Spectrum(np.array([1.0, 0.5]), 100, 2) for name in "ab"}
    with pytest.raises(UnreachableTarget, match="less than one direction for each of 2 modules, which takes 200"):
        budget(spectra, 199.0, 8)
    assert sum(budget(spectra, 200.0, 8).values()) == 2


def test_a_budget_keeps_no_direction_of_rounding_and_no_more_than_the_cap() -> None:
    spectra = {"a": Spectrum(np.array([9.0, 8.0, 7.0]), 10, 2), "b": Spectrum(np.array([1.0, 0.5]), 10, 2)}
    assert budget(spectra, 1000.0, 100) == {"a": 2, "b": 2}
    assert budget(spectra, 1000.0, 1) == {"a": 1, "b": 1}
