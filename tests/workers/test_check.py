"""A worker checks one weight: both columns are kept, and what cannot be checked says why."""

import pytest

from analysis.diagnostics import reference
from analysis.errors import NoReference
from app.models import Check
from app.runs import checks
from tests.service import Service

NAME = "model.layers.1.mlp.up_proj.weight"


def ask(service: Service) -> Check:
    with service.database.writing() as session:
        identity = checks.request(session, 1, NAME).id
    service.work()
    with service.database.reading() as session:
        return session.get_one(Check, identity)


def test_both_columns_are_kept(analysed: Service) -> None:
    row = ask(analysed)
    assert (row.state, row.reason) == ("done", None)
    assert row.version == reference.find_version()
    norm = next(column for column in row.columns if column["column"] == "norm")
    report = analysed.get("/api/v1/runs/1/report")["tables"]["norms"]
    assert norm["ours"] == pytest.approx(next(one for one in report if one["weight"] == NAME)["norm"], rel=1e-6)
    assert norm["agrees"] is True


def test_without_weightwatcher_the_reason_is_told(analysed: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise NoReference("WeightWatcher is not installed where the worker runs.")

    monkeypatch.setattr("workers.check.find_version", missing)
    row = ask(analysed)
    assert (row.state, row.reason_code) == ("failed", "reference-unavailable")
