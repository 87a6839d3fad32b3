"""The same weight in other checkpoints: from the newest run of each, in the order of their steps."""

from analysis.weight import WeightInfo
from app.runs import elsewhere, reports
from tests.service import Service, model

NAME = "model.layers.0.self_attn.q_proj.weight"


def info(service: Service) -> WeightInfo:
    with service.database.reading() as session:
        return next(row.weight for row in reports.table(session, 1, "esd").rows if row.weight.name == NAME)


def test_each_checkpoint_is_seen_once_by_step(service: Service) -> None:
    for step in (200, 100):
        service.client.post(f"/api/v1/checkpoints?filename=m{step}.safetensors&facts=steps={step}", content=model())
    service.run(1)
    service.run(2)
    service.run(2, diagnostics={"esd": {}})
    service.work()
    with service.database.reading() as session:
        found = elsewhere.find(session, info(service), ["esd", "norms"])
    assert [(seen.checkpoint.id, seen.run, seen.step) for seen in found] == [(2, 3, 100.0), (1, 1, 200.0)]
    assert set(found[0].rows) == {"esd", "norms"}  # norms of the run before
    assert found[0].rows["esd"].weight.name == NAME
    service.client.patch("/api/v1/checkpoints/2", json={"trashed": True})
    with service.database.reading() as session:
        assert [seen.checkpoint.id for seen in elsewhere.find(session, info(service), ["esd"])] == [1]
