"""Figures over HTTP: every declared one draws."""

import pytest

from analysis.diagnostic import Scope
from analysis.diagnostics import DIAGNOSTICS
from analysis.diagnostics import diagnostic as diagnostic_named
from tests.service import Service, model

WEIGHT = "model.layers.0.mlp.up_proj.weight"
DECLARED = [(diagnostic.name, figure.name) for diagnostic in DIAGNOSTICS for figure in diagnostic.figures]


@pytest.mark.parametrize(("diagnostic", "figure"), DECLARED)
def test_every_declared_figure_is_plotly_json(service: Service, diagnostic: str, figure: str) -> None:
    for layers, name in enumerate(("base", "one", "other"), 1):
        service.upload(model(layers), filename=f"{name}.safetensors")
    scope = diagnostic_named(diagnostic).scope
    service.run(*(range(1, 2) if scope is Scope.ONE else range(1, 4)), diagnostics={diagnostic: {}})
    service.work()
    place = {"position": 1} if scope is Scope.PAIR else {"group": "0,1,2"} if scope is Scope.UPDATES else {}
    drawn = service.get(f"/api/v1/runs/1/figures/{diagnostic}/{figure}", weight=WEIGHT, **place)
    assert set(drawn) == {"data", "layout"}
    assert drawn["data"] or drawn["layout"]["meta"]["note"]


@pytest.mark.parametrize("kind", ["depth", "flow", "distribution", "heatmap"])
def test_every_number_has_its_pictures(analysed: Service, kind: str) -> None:
    assert analysed.get(f"/api/v1/runs/1/figures/norms/entropy.{kind}")["data"]
    assert analysed.get(f"/api/v1/runs/1/figures/norms/kernel.{kind}", 404)["code"] == "not-found"


def test_faults_are_said(analysed: Service) -> None:
    place = "/api/v1/runs/1/figures"
    (alone,) = [f.name for f in DIAGNOSTICS[0].figures if f.kind == "density"]
    assert analysed.get(f"{place}/esd/nonsense", 404)["code"] == "not-found"
    assert analysed.get(f"{place}/nonsense/{alone}", 404)["code"] == "not-found"
    assert analysed.get(f"{place}/esd/{alone}", 400)["code"] == "bad-request"
    assert analysed.get(f"{place}/esd/{alone}", 404, weight="nobody")["code"] == "not-found"
