"""Runs over HTTP."""

import pytest

from tests import comparisons as made
from tests.app import families as family
from tests.hostile import entry, safetensors
from tests.service import Service, model


def test_a_run_from_request_to_report(service: Service) -> None:
    service.upload(model())
    answer = service.client.post("/api/v1/runs", json={"checkpoints": [1], "diagnostics": {"norms": {}}})
    assert answer.status_code == 201
    assert answer.headers["location"] == "/api/v1/runs/1"
    assert answer.json()["checkpoints"] == [{"id": 1, "name": "model.safetensors"}]
    service.work()
    report = service.get("/api/v1/runs/1/report")
    assert list(report) == ["coverage", "summary", "tables", "findings", "options"]
    assert report["tables"]["norms"][0]["weight"] == "model.embed_tokens.weight"


def test_the_newest_comes_first(analysed: Service) -> None:
    analysed.run(1)
    assert [run["id"] for run in analysed.get("/api/v1/runs")] == [2, 1]
    assert [run["id"] for run in analysed.get("/api/v1/runs", limit=1)] == [2]


def test_a_run_can_be_stopped_and_deleted(service: Service) -> None:
    service.upload(model())
    service.run(1)
    assert service.client.post("/api/v1/runs/1/cancel").json()["state"] == "cancelled"
    assert service.client.delete("/api/v1/runs/1").status_code == 204
    assert service.get("/api/v1/runs/1", 404)["code"] == "not-found"


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({}, 422, "invalid-request"),
        ({"checkpoints": []}, 422, "invalid-request"),
        ({"checkpoints": ["x"]}, 422, "invalid-request"),
        ({"checkpoints": [1], "colour": "red"}, 422, "invalid-request"),
        ({"checkpoints": [2**40]}, 422, "invalid-request"),
        ({"checkpoints": [5]}, 404, "not-found"),
        ({"checkpoints": [1, 1]}, 400, "bad-request"),
        ({"checkpoints": [1], "diagnostics": {"astrology": {}}}, 400, "bad-option"),
        ({"checkpoints": [1], "diagnostics": {"esd": {"sign": "leo"}}}, 400, "bad-option"),
        ({"checkpoints": [1], "diagnostics": {}}, 400, "bad-request"),
    ],
)
def test_what_cannot_be_done_is_said(service: Service, asked: object, status: int, code: str) -> None:
    service.upload(model())
    answer = service.client.post("/api/v1/runs", json=asked)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_rejected_checkpoint_is_a_conflict(service: Service) -> None:
    service.upload(b"")
    service.work()
    answer = service.client.post("/api/v1/runs", json={"checkpoints": [1]})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


NAMES = ["../../etc/passwd", "<script>alert(1)</script>", "a\x00b", "x" * 65_536, "=1+1", "", "ü\n"]


def test_names_of_tensors_are_only_names(service: Service) -> None:
    """Every door shows them, none trips over them, and none takes them for anything else."""
    header = {name: entry(64 * n, 64 * n + 64, (4, 4)) for n, name in enumerate(NAMES)}
    service.upload(safetensors(header, bytes(64 * len(NAMES))))
    service.run(1)
    service.work()
    assert service.get("/api/v1/runs/1")["state"] == "done"
    for path in ("checkpoints/1/tensors", "runs/1/report", "runs/1/tables/norms", "runs/1/tables/norms.csv",
                 "runs/1/events", "runs"):  # fmt: skip
        assert service.client.get(f"/api/v1/{path}").status_code == 200, path
    rows = {row["weight"]: row for row in service.get("/api/v1/runs/1/report")["tables"]["norms"]}
    assert {"../../etc/passwd", "<script>alert(1)</script>", "a\x00b", "x" * 65_536} <= set(rows)
    assert "\r\n'=1+1," in service.client.get("/api/v1/runs/1/tables/norms.csv").text


def test_the_scaling_follows_the_facts_without_a_new_run(service: Service) -> None:
    ids = family.upload(service)
    service.run(*ids, diagnostics=family.ASKED)
    service.work()
    bare = service.get("/api/v1/runs/1/scaling")
    assert (bare["recipe"], bare["checkpoints"][0]) == (None, "d16.safetensors")
    assert "learning rate" in bare["missing"]
    assert bare["scaling"]["overall"]["exponent"] is None
    family.state(service, ids)
    told = service.get("/api/v1/runs/1/scaling", target_width=128)
    assert told["scaling"]["overall"]["exponent"]["value"] == pytest.approx(0.75, abs=1e-4)
    assert told["recipe"]["groups"][0]["lr"] == pytest.approx(0.64 / 128)
    assert told["recipe"]["python"].startswith("# width 128, from width 16\n")
    assert [each["name"] for each in told["repairs"]] == ["d32.safetensors", "d48.safetensors"]


def test_a_run_of_something_else_has_no_scaling(analysed: Service) -> None:
    assert analysed.get("/api/v1/runs/1/scaling", 404)["code"] == "not-found"
    assert analysed.get("/api/v1/runs/1/scaling", 422, target_width=0)["code"] == "invalid-request"


def test_no_family_is_refused_with_its_reason(service: Service) -> None:
    family.upload(service)
    service.send("bert", made.model(made.base()))
    service.send("lora", made.adapter())
    service.work()
    for ids, code in (([1], "bad-option"), ([1, 5], "no-family"), ([1, 6], "adapter-in-family")):
        answer = service.client.post("/api/v1/runs", json={"checkpoints": ids, "diagnostics": family.ASKED})
        assert answer.status_code in (400, 409)
        assert answer.json()["code"] == code


def test_runs_are_named_labelled_and_searched(analysed: Service) -> None:
    analysed.run(1)
    answer = analysed.client.patch("/api/v1/runs/1", json={"name": "Sweep", "tags": ["v2"], "notes": "why"})
    assert [answer.json()[name] for name in ("name", "tags", "notes", "trashed_at")] == ["Sweep", ["v2"], "why", None]
    assert [each["id"] for each in analysed.get("/api/v1/runs", q="sweep")] == [1]
    assert [each["id"] for each in analysed.get("/api/v1/runs", tag="v2")] == [1]
    assert [each["id"] for each in analysed.get("/api/v1/runs", state="running")] == [2]
    first = analysed.client.get("/api/v1/runs", params={"limit": 1, "sort": "-ended"})
    assert ([each["id"] for each in first.json()], first.headers["x-total-count"]) == ([1], "2")
    assert [each["id"] for each in analysed.client.get(first.links["next"]["url"]).json()] == [2]
    analysed.client.patch("/api/v1/runs/1", json={"trashed": True})
    assert [each["id"] for each in analysed.get("/api/v1/runs", show="trash")] == [1]
