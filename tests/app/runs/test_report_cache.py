"""Reports of ended runs are read once, and are never another's or an old one."""

from typing import Any

import pytest
from sqlalchemy import event

from app.errors import NotFound
from app.models import Checkpoint
from app.runs.report_cache import KeptReport, ReportCache
from tests.service import Service, model


def done(service: Service) -> int:
    service.upload(model())
    run = service.run(1)
    service.work()
    return int(run["id"])


def find(service: Service, cache: ReportCache, run: int) -> KeptReport:
    with service.database.reading() as session:
        return cache.find(session, run)


def test_an_ended_run_is_read_once_and_what_is_made_of_it_made_once(service: Service) -> None:
    run, cache = done(service), ReportCache()
    first = find(service, cache, run)
    asked: list[str] = []

    def note(*call: Any) -> None:
        asked.append(call[2])

    event.listen(service.database.engine, "before_cursor_execute", note)
    assert find(service, cache, run) is first
    assert not [statement for statement in asked if "FROM results" in statement]
    assert first.make_once("rows", lambda report: [len(report.tables)]) is first.make_once("rows", lambda report: [0])
    with service.database.reading() as session:
        name = first.report.tables[0].diagnostic.name
        assert cache.table(session, run, name) is first.report.tables[0]
        with pytest.raises(NotFound, match="does not have that diagnostic"):
            cache.table(session, run, "nothing")


def test_another_name_is_another_report(service: Service) -> None:
    run, cache = done(service), ReportCache()
    before = find(service, cache, run).report
    with service.database.writing() as session:
        session.get_one(Checkpoint, 1).name = "renamed"
    after = find(service, cache, run).report
    assert (before.names, after.names) != (after.names, before.names)
    assert after.names == ("renamed",)
    assert after.tables[0].rows == before.tables[0].rows


def test_a_run_that_has_not_ended_is_read_each_time(service: Service) -> None:
    service.upload(model())
    run, cache = int(service.run(1)["id"]), ReportCache()
    assert find(service, cache, run).rows == 0
    service.work()
    assert find(service, cache, run).rows > 0


def test_one_that_is_deleted_or_of_another_project_is_not_there(service: Service) -> None:
    run, cache = done(service), ReportCache()
    find(service, cache, run)
    with service.everything.within(2).reading() as session, pytest.raises(NotFound):
        cache.find(session, run)
    for _ in range(2):  # to the trash, then for good
        service.client.delete(f"/api/v1/runs/{run}")
    with service.database.reading() as session, pytest.raises(NotFound):
        cache.find(session, run)


def test_one_that_is_larger_than_the_room_is_read_each_time(service: Service) -> None:
    run, cache = done(service), ReportCache(room=1)
    assert find(service, cache, run) is not find(service, cache, run)


def test_another_question_about_a_page_or_table_reads_no_rows(service: Service) -> None:
    run = done(service)
    paths = [f"/runs/{run}?q=a", f"/runs/{run}/rows", f"/runs/{run}/health", f"/api/v1/runs/{run}/report"]
    name = next(iter(service.get(f"/api/v1/runs/{run}")["diagnostics"]))
    paths += [f"/api/v1/runs/{run}/tables/{name}", f"/api/v1/runs/{run}/tables/{name}.csv"]
    assert service.client.get(f"/runs/{run}").status_code == 200
    asked: list[str] = []

    def note(*call: Any) -> None:
        asked.append(call[2])

    event.listen(service.everything.engine, "before_cursor_execute", note)
    for path in paths:
        assert service.client.get(path).status_code == 200
    rows = [statement for statement in asked if "results.values" in statement.replace('"', "")]
    assert rows == []


def test_parts_are_kept_each_by_itself(service: Service) -> None:
    run, cache = done(service), ReportCache()
    with service.database.reading() as session:
        first, rest = (cache.find(session, run, part) for part in (range(0, 2), range(2, 100)))
        assert first.rows + rest.rows == cache.find(session, run).rows
        assert cache.find(session, run, range(0, 2)) is first
        assert cache.find(session, run, range(2, 100)) is rest
