"""Figures over HTTP: every declared one draws."""

from collections.abc import Iterator
from typing import Any

import pytest

from analysis.diagnostic import Diagnostic, Scope
from analysis.diagnostics import DIAGNOSTICS
from tests.service import Service, model, settings

WEIGHT = "model.layers.0.mlp.up_proj.weight"


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a base and two others, of which each diagnostic has a run of its own."""
    service = Service(settings(tmp_path_factory.mktemp("three")))
    for layers, name in enumerate(("base", "one", "other"), 1):
        service.upload(model(layers), filename=f"{name}.safetensors")
    yield service
    service.close()


@pytest.mark.parametrize("diagnostic", [each for each in DIAGNOSTICS if each.figures], ids=lambda each: each.name)
def test_every_declared_figure_is_plotly_json(three: Service, diagnostic: Diagnostic) -> None:
    several = range(1, 2) if diagnostic.scope is Scope.ONE else range(1, 4)
    run = three.run(*several, diagnostics={diagnostic.name: {}})["id"]
    three.work()
    places: dict[Scope, dict[str, Any]] = {Scope.PAIR: {"position": 1}, Scope.UPDATES: {"group": "0,1,2"}}
    place = places.get(diagnostic.scope, {})
    for figure in diagnostic.figures:
        drawn = three.get(f"/api/v1/runs/{run}/figures/{diagnostic.name}/{figure.name}", weight=WEIGHT, **place)
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
