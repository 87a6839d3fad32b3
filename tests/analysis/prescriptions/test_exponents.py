"""The exponents under their names: those of the authors' code, their errors, and when their spread is none."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.diagnostics import requests
from analysis.engine.single import analyze
from analysis.errors import IncompleteReport, UnmeasuredLayer
from analysis.prescriptions.exponents import ESTIMATORS, exponents, why_not_apart
from analysis.prescriptions.naming import module_of
from analysis.prescriptions.recorded import read_report
from tests.analysis.prescriptions.golden import llama, members, model, save, told

ALPHA = told()["alpha"]
GOLDEN = {
    "alpha_hill_median": dict(zip(ALPHA["names"], ALPHA["alpha_mid"], strict=True)),
    "alpha_peak": dict(zip(ALPHA["names"], ALPHA["alpha_peak"], strict=True)),
    "alpha_hill_top10": told()["alphaq"]["baseline_top10"],
}


@pytest.mark.parametrize("estimator", GOLDEN)
def test_exponents_are_those_of_the_authors(estimator: str) -> None:
    found = {module_of(each.tensor): each.alpha for each in exponents(model(), estimator)}
    wanted = GOLDEN[estimator]
    assert [found[name] for name in wanted] == pytest.approx(list(wanted.values()), abs=2e-3)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_estimator_gives_an_error_and_a_size(estimator: str) -> None:
    found = exponents(model(), estimator)
    assert all(each.alpha > 1.0 and 0.0 < each.error < 10.0 for each in found)
    assert sum(each.parameters for each in found) == sum(i.size for i in model().checkpoints[0].tensors if not i.skip)


def test_eigenvalues_are_in_no_report() -> None:
    (request,) = requests({"esd": {}})
    content = json.dumps(analyze(model().checkpoints[0], (request,)).to_json()).encode()
    alone = replace(model(), checkpoints=(), report=read_report(content))
    assert exponents(alone, "alpha_ks")
    with pytest.raises(IncompleteReport, match="does not keep the eigenvalues"):
        exponents(alone, "alpha_hill_top10")


def test_a_matrix_without_an_exponent_is_named(tmp_path: Path) -> None:
    tensors = llama()
    tensors["model.layers.0.mlp.down_proj.weight"].zero_()
    with pytest.raises(UnmeasuredLayer, match=r"model\.layers\.0\.mlp\.down_proj\.weight has no alpha_ks"):
        exponents(members(save(tensors, tmp_path / "m.safetensors")), "alpha_ks")


def test_a_spread_of_errors_alone_is_none_at_its_level() -> None:
    random = np.random.default_rng(0)
    errors = [0.2] * 12
    alike = [why_not_apart(list(3.0 + 0.2 * random.standard_normal(12)), errors) is None for _ in range(400)]
    assert 0.02 < np.mean(alike) < 0.09
    assert why_not_apart([2.0, 3.0, 4.0], [0.1] * 3) is None
    assert "only one exponent" in str(why_not_apart([2.0], [0.1]))
