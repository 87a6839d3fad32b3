"""Kept results: found again within a project, bounded, and gone when nobody uses them."""

from typing import Any

import pytest
from sqlalchemy import select, update

from app.access import projects, quotas
from app.models import KeptResult
from app.runs import kept
from app.settings import Settings
from tests import comparisons as made
from tests.service import Service, model

FOREVER = Settings(keep_results_days=1e9)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The diagnostics that were computed, one for each weight and group."""
    from analysis import diagnostic

    names: list[str] = []

    def spy(request: Any, weights: Any) -> Any:
        names.append(request.diagnostic.name)
        return diagnostic.measure(request, weights)

    monkeypatch.setattr("analysis.engine.single.measure", spy)
    monkeypatch.setattr("analysis.engine.pieces.measure", spy)
    return names


def report(service: Service, run: int) -> Any:
    return service.get(f"/api/v1/runs/{run}/report")


def test_a_second_run_copies_the_rows_of_the_first(analysed: Service, measured: list[str]) -> None:
    analysed.run(1)
    analysed.work()
    assert measured == []
    assert report(analysed, 2) == report(analysed, 1)
    curves = [analysed.get(f"/api/v1/runs/{run}/curves/esd/eigenvalues")["rows"] for run in (1, 2)]
    assert curves[0] == curves[1] != []


def test_the_rows_stay_when_what_is_kept_goes(analysed: Service, measured: list[str]) -> None:
    before = report(analysed, 1)
    with analysed.everything.writing() as session:
        session.query(KeptResult).delete()
    assert report(analysed, 1) == before
    analysed.run(1)
    analysed.work()
    assert measured != []
    assert report(analysed, 2) == before


def test_another_project_finds_nothing(analysed: Service, measured: list[str]) -> None:
    with analysed.everything.writing() as session:
        projects.create(session, "other")
    content = model()
    headers = {"Eigenscope-Project": "other"}
    made_there = analysed.client.post("/api/v1/checkpoints", content=content, headers=headers).json()
    analysed.client.post("/api/v1/runs", json={"checkpoints": [made_there["id"]]}, headers=headers)
    analysed.work()
    assert measured != []


def test_a_comparison_is_found_again(service: Service, measured: list[str]) -> None:
    for name, files in (("base", made.model(made.base())), ("lora", made.adapter())):
        service.send(name, files)
    for _ in range(2):
        service.run(1, 2)
        service.work()
    assert len(measured) == sum(map(len, report(service, 1)["tables"].values()))
    assert report(service, 2) == report(service, 1)


def test_nothing_is_kept_where_that_is_set(service: Service) -> None:
    service.settings = service.settings.model_copy(update={"keep_results_days": 0.0})
    service.upload(model())
    service.run(1)
    service.work()
    assert service.get("/api/v1/runs/1")["state"] == "done"
    with service.everything.reading() as session:
        assert session.query(KeptResult).count() == 0


def entries(service: Service) -> dict[tuple[int, str], bytes]:
    with service.everything.reading() as session:
        rows = session.execute(select(KeptResult.project_id, KeptResult.key, KeptResult.data)).all()
    return {(row.project_id, row.key): row.data for row in rows}


def test_the_same_key_twice_is_one_entry_in_each_project(service: Service) -> None:
    for project in (1, 1, 2):
        with service.everything.writing() as session:
            kept.keep(session, FOREVER, project, {"a": b"x" * project, "b": b"y"})
    assert entries(service) == {(1, "a"): b"x", (1, "b"): b"y", (2, "a"): b"xx", (2, "b"): b"y"}
    with service.everything.reading() as session:
        assert kept.find(session, 2, ["a", "c"]) == {"a": b"xx"}


def test_what_was_not_used_for_long_goes(service: Service) -> None:
    with service.everything.writing() as session:
        kept.keep(session, FOREVER, 1, {"old": b"x", "used": b"y"})
        session.execute(update(KeptResult).values(used_at=KeptResult.used_at - 2 * kept.DAY))
    with service.everything.writing() as session:
        kept.mark(session, 1, ["used"])
        kept.forget(session, Settings(keep_results_days=1.0))
    assert list(entries(service)) == [(1, "used")]


def test_what_passes_the_quota_goes_least_used_first(service: Service) -> None:
    for number in range(10):
        with service.everything.writing() as session:
            kept.keep(session, FOREVER, 1, {f"{number}": bytes(100)})
            kept.keep(session, FOREVER, 2, {f"{number}": bytes(10)})
    with service.everything.writing() as session:
        kept.forget(session, Settings(keep_results_days=1e6, quota_results=500))
    assert [key for project, key in entries(service) if project == 1] == ["6", "7", "8", "9"]
    assert len(entries(service)) == 14


def test_it_counts_in_the_projects_usage_and_has_a_limit_of_its_own(analysed: Service) -> None:
    size = sum(map(len, entries(analysed).values()))
    assert size > 0
    with analysed.database.reading() as session:
        assert quotas.usage(session).results == size
    changed = analysed.client.patch("/api/v1/projects/default", json={"results": 0}).json()
    assert (changed["usage"]["results"], changed["limits"]["results"]) == (size, 0)
    with analysed.everything.writing() as session:
        kept.forget(session, FOREVER)
    assert entries(analysed) == {}


def test_a_database_that_is_away_is_no_reason_to_stop(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "find", None)
    assert kept.ProjectResults(service.everything, 1).get(["a"]) == {}
