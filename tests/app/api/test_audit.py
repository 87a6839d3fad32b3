"""The audit log's route."""

from tests.service import Service, model


def test_it_tells_what_was_done(service: Service) -> None:
    service.upload(model())
    service.run(1)
    service.client.delete("/api/v1/runs/1")
    lines = service.get("/api/v1/audit")
    assert [line["action"] for line in lines] == ["run.delete", "run.request", "checkpoint.receive"]
    assert {line["actor"] for line in lines} == {"this machine"}
    link = service.client.get("/api/v1/audit", params={"limit": 2}).links["next"]["url"]
    assert [line["action"] for line in service.client.get(link).json()] == ["checkpoint.receive"]
    assert len(service.get("/api/v1/audit", action="run")) == 2
