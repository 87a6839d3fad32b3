"""A run as it happens."""

import json
from pathlib import Path
from typing import Any

from tests.service import Service, model, settings


def events(service: Service, run: int = 1) -> list[tuple[str, Any]]:
    answer = service.client.get(f"/api/v1/runs/{run}/events")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in answer.text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def test_a_finished_run_tells_its_rows_and_ends(analysed: Service) -> None:
    heard = events(analysed)
    kinds = [kind for kind, _ in heard]
    assert kinds == ["row"] * 15 + ["progress", "end"]
    assert heard[-1][1] == analysed.get("/api/v1/runs/1")
    report = analysed.get("/api/v1/runs/1/report")["tables"]
    for name, rows in report.items():
        assert [row for kind, row in heard if kind == "row" and row["diagnostic"] == name] == [
            {"diagnostic": name, **row} for row in rows
        ]


def test_a_stopped_run_ends_too(service: Service) -> None:
    service.upload(model())
    service.run(1)
    service.client.post("/api/v1/runs/1/cancel")
    assert [kind for kind, _ in events(service)] == ["progress", "end"]


def test_a_run_that_is_not_there_is_not_found(service: Service) -> None:
    assert service.get("/api/v1/runs/1/events", 404)["code"] == "not-found"


def test_rows_of_a_comparison_come_as_the_report_has_them(compared: Service) -> None:
    heard = [row for kind, row in events(compared) if kind == "row"]
    report = compared.get("/api/v1/runs/1/report")["tables"]
    for name, rows in report.items():
        told = [row for row in heard if row["diagnostic"] == name]
        assert sorted(map(str, told)) == sorted(str({"diagnostic": name, **row}) for row in rows)
        assert all(row["checkpoints"] for row in told)


def test_listeners_are_counted(tmp_path: Path) -> None:
    service = Service(settings(tmp_path / "data", stream_limit=0))
    service.upload(model())
    service.run(1)
    answer = service.client.get("/api/v1/runs/1/events")
    assert (answer.status_code, answer.json()["code"]) == (503, "too-many-waiting")
    service.close()
