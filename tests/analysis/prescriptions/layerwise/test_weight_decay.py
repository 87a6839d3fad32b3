"""Weight decay: the authors' numbers, how far they raise the mean, and the form that keeps it."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.analysis.prescriptions.golden import model, prescribe, told


@pytest.mark.parametrize("case", told()["alphadecay"]["cases"], ids=lambda case: str(case["max_ratio"]))
def test_alphadecay(case: Mapping[str, Any]) -> None:
    found = prescribe("weight-decay", model(), high=case["max_ratio"], low=case["min_ratio"])
    assert found.entries == pytest.approx({name: case["weight_decay"][name] for name in found.entries}, rel=1e-4)
    assert {each for name, each in case["weight_decay"].items() if name not in found.entries} == {0.1}
    extra = found.answer.extra
    assert extra["mean_ratio"] == pytest.approx(case["mean_ratio"], rel=1e-4)
    assert extra["mean_ratio_by_parameters"] == pytest.approx(case["mean_ratio_by_parameters"], rel=1e-4)


def test_the_mean_can_be_kept() -> None:
    found = prescribe("weight-decay", model(), keep_mean=True)
    sizes = {info.name: info.size for info in model().checkpoints[0].tensors}
    total = sum(sizes[name] for name in found.entries)
    assert sum(float(v or 0) * sizes[n] for n, v in found.entries.items()) / total == pytest.approx(0.1)
    assert "axolotl.yaml" not in found.answer.files
