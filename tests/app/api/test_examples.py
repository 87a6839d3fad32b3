"""The examples of what no model describes are of the form that the service answers with."""

from app.api import examples
from tests.service import Service


def test_a_report_has_the_examples_parts(analysed: Service) -> None:
    report = analysed.get("/api/v1/runs/1/report")
    assert list(examples.REPORT) == list(report)
    assert set(examples.REPORT["coverage"]) == set(report["coverage"])
    assert set(examples.REPORT["findings"][0]) == set(report["findings"][0])
    assert set(examples.REPORT["summary"]["esd"]) <= set(report["summary"]["esd"])
    assert set(examples.ROW) <= set(report["tables"]["esd"][0])


def test_a_figure_has_the_examples_parts(analysed: Service) -> None:
    figure = analysed.get("/api/v1/runs/1/figures/esd/alpha.depth")
    assert list(examples.FIGURE) == list(figure)
    assert set(examples.FIGURE["data"][0]) <= {name for trace in figure["data"] for name in trace}


def test_a_csv_has_the_examples_columns(analysed: Service) -> None:
    header = analysed.client.get("/api/v1/runs/1/tables/esd.csv").text.splitlines()[0].split(",")
    assert set(examples.CSV.splitlines()[0].split(",")) <= set(header)


def test_events_are_named_as_in_the_example(analysed: Service) -> None:
    told = analysed.client.get("/api/v1/runs/1/events").text
    for line in examples.EVENTS.splitlines():
        assert not line.startswith("event: ") or line in told


def test_ok_is_the_responses_of_a_route() -> None:
    assert examples.ok(1) == {200: {"content": {"application/json": {"example": 1}}}}
