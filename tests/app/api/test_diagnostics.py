"""The registry over HTTP."""

from analysis.diagnostics import DIAGNOSTICS
from tests.service import Service


def test_the_registry_is_told_whole(service: Service) -> None:
    told = service.get("/api/v1/diagnostics")
    assert [each["name"] for each in told] == [each.name for each in DIAGNOSTICS]
    assert [each["name"] for each in told if each["default"]] == [each.name for each in DIAGNOSTICS if each.default]
    for shown, known in zip(told, DIAGNOSTICS, strict=True):
        assert [column["name"] for column in shown["columns"]] == [column.name for column in known.columns]
        assert all(column["meaning"] for column in shown["columns"])
        assert {figure["name"]: figure["per_weight"] for figure in shown["figures"]} == {
            figure.name: figure.per_weight for figure in known.figures
        }
