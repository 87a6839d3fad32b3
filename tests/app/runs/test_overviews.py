"""What lists tell of a run agrees with its report."""

from app.models import Overview
from app.runs import overviews
from tests.service import Service, model


def test_an_overview_agrees_with_the_report(analysed: Service) -> None:
    report = analysed.get("/api/v1/runs/1/report")
    with analysed.database.reading() as session:
        row = session.get_one(Overview, (1, 0))
        summary = report["summary"]["esd"]
        assert (row.median_alpha, row.usual or 0, row.fitted or 0) == (
            summary["median_readable"], summary["usual"], summary["readable"]
        )  # fmt: skip
        assert row.findings == len(report["findings"])
        assert (row.finding or "").rstrip(".") in {finding["text"].rstrip(".") for finding in report["findings"]} | {""}
        assert row.headline == summary["headline"]
        assert {(role, depth) for role, depth, _ in row.cells} <= {("q", 0), ("q", 1), ("up", 0), ("up", 1)}


def test_of_a_comparison_each_tuned_checkpoint_has_its_own_intruders(compared: Service) -> None:
    compared.run(1, 3, diagnostics={"intruders": {}})
    compared.work()
    count = compared.get("/api/v1/runs/2/report")["summary"]["intruders"]["intruders"]
    with compared.database.reading() as session:
        rows = [session.get_one(Overview, (2, position)) for position in (0, 1)]
        assert [row.intruders for row in rows] == [None, count]
        assert rows[0].headline == compared.get("/api/v1/runs/2/report")["summary"]["intruders"]["headline"]


def test_a_run_that_goes_on_has_none_and_one_without_rows_is_empty(service: Service) -> None:
    service.upload(model())
    service.run(1)
    with service.database.reading() as session:
        assert overviews.find(session, 1) is None
    service.client.post("/api/v1/runs/1/cancel")
    with service.database.reading() as session:
        assert overviews.find(session, 1) == []
    with service.database.writing() as session:
        overviews.store(session, 1, [])
