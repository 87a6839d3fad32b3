"""A run's checkpoints as the analysis takes them."""

from dataclasses import asdict

import torch

from analysis.tensors.matrices import Header, describe
from app.runs import runs
from app.runs.members import facts_of, file_facts_of, members_of, names_of, others_of, tensor_info
from tests import comparisons as made
from tests.service import Service, model


def test_a_tensor_survives_its_json() -> None:
    (info,) = describe({"layers.0.q_proj.weight": Header((8, 4), "float32", 128)})
    assert tensor_info({**asdict(info), "shape": [8, 4], "from a later version": 1}) == info


def test_the_members_come_in_the_order_of_the_run(service: Service) -> None:
    ids = [service.upload(model(layers), filename="m.safetensors")["id"] for layers in (1, 2)]
    service.work()
    answer = service.client.patch(f"/api/v1/checkpoints/{ids[0]}", json={"facts": {"step": 7}})
    assert answer.status_code == 200
    run = service.client.post("/api/v1/runs", json={"checkpoints": ids[::-1], "diagnostics": {"norms": {}}}).json()
    with service.database.reading() as session:
        row = runs.get(session, run["id"])
        assert [len(member.tensors) for member in members_of(session, row)] == [
            service.get(f"/api/v1/checkpoints/{i}")["tensors"] for i in ids[::-1]
        ]
        assert len(set(names_of(row))) == 2
        assert [facts.get("step") for facts in facts_of(row)] == [None, 7]
        assert [facts.get("step") for facts in file_facts_of(row)] == [None, None]


def test_others_are_compared_with_the_first(service: Service) -> None:
    files = [made.model(made.base()), made.adapter(), made.model(made.base() | {made.LEFT_OUT: torch.ones(made.WIDTH)})]
    for at, content in enumerate(files):
        service.send(str(at), content)
    run = service.run(1, 2, 3, diagnostics={"update": {}})
    service.work()
    with service.database.reading() as session:
        base, adapter, tuned = others_of(session, runs.get(session, run["id"]))
    assert base is adapter is None
    assert tuned is not None
    assert (tuned.same, tuned.changed, tuned.unread) == (1, (made.LEFT_OUT,), ())
