"""Learning rates: the authors' numbers for each map, at any base."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.prescriptions.golden import llama, members, model, prescribe, save, told

MAPS = {"tb_linear_map": "tempbalance", "tb_sqrt": "sqrt", "tb_log2": "log2", "tb_step": "step"}


@pytest.mark.parametrize("case", told()["tempbalance"]["cases"], ids=lambda case: case["assign"])
def test_tempbalance(case: Mapping[str, Any]) -> None:
    found = prescribe("learning-rate", model(), map=MAPS[case["assign"]], base=told()["tempbalance"]["base_lr"])
    assert found.entries == pytest.approx({name: case["lr"][name] for name in found.entries}, rel=1e-4)
    assert {rate for name, rate in case["lr"].items() if name not in found.entries} == {1e-3}


@pytest.mark.parametrize("case", told()["llr"]["cases"], ids=lambda case: str(case["remove_first_last"]))
def test_llr(case: Mapping[str, Any]) -> None:
    found = prescribe("learning-rate", model(), map="llr")
    assert {name: found.entries[name] for name in case["lr"]} == pytest.approx(case["lr"], rel=1e-4)
    assert set(found.entries) - set(case["lr"]) <= {"model.embed_tokens.weight", "lm_head.weight"}


def test_rates_are_absolute(tmp_path: Path) -> None:
    given = members(save(llama(), tmp_path / "m.safetensors"))
    one, two = (prescribe("learning-rate", given, base=base) for base in (1e-3, 2e-3))
    assert two.entries == pytest.approx({name: 2 * float(rate or 0) for name, rate in one.entries.items()})
    assert min(map(float, one.entries.values())) == pytest.approx(5e-4)  # type: ignore[arg-type]
    assert "extrapolation" in " ".join(one.answer.notes)
