"""Prescriptions over HTTP, from the request to the download."""

import json

from tests.service import Service, model

URL = "/api/v1/runs/1/prescriptions"


def run_of(service: Service) -> Service:
    service.upload(model(layers=4, width=64))
    service.run(1, diagnostics={"snr": {}})
    service.work()
    return service


def test_from_the_request_to_the_download(service: Service) -> None:
    client = run_of(service).client
    answer = client.post(URL, json={"kind": "trainable", "options": {"fraction": 0.25}})
    assert (answer.status_code, answer.headers["Location"]) == (201, f"{URL}/1")
    told = answer.json()
    assert told["files"][0] == "prescription.json"
    assert told["record"]["chosen"]
    assert service.get(URL) == [told] == [service.get(f"{URL}/1")]
    file = client.get(f"{URL}/1/files/unfrozen_parameters.yaml")
    assert file.text.startswith("unfrozen_parameters:\n")
    assert file.headers["Content-Disposition"] == 'attachment; filename="unfrozen_parameters.yaml"'
    assert json.loads(client.get(f"{URL}/1/files/prescription.json").content) == told["record"]
    nested = next(name for name in told["files"] if "/" in name)
    assert client.get(f"{URL}/1/files/{nested}").status_code == 200


def test_refusals(service: Service) -> None:
    client = run_of(service).client
    for body, status, code in (
        ({"kind": "trainable", "options": {"fraction": 0.01}}, 400, "unreachable-target"),
        ({"kind": "trainable", "options": {"share": 1}}, 400, "bad-option"),
        ({"kind": "pruning"}, 400, "bad-option"),
        ({"kind": "sparsity"}, 409, "table-missing"),
        ({"kind": "lineage"}, 400, "wrong-members"),
        ({"kind": "traps", "position": 3}, 404, "not-found"),
        ({"kind": "traps", "position": 0, "positions": [0]}, 400, "bad-request"),
        ({"kind": "traps", "options": {"leading": 0}}, 400, "bad-option"),
        ({"kind": "trainable", "positions": [0, 1]}, 400, "bad-request"),
        ({"kind": "trainable", "position": 3}, 404, "not-found"),
    ):
        answer = client.post(URL, json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), body
    assert service.get(URL) == []
    service.get(f"{URL}/7", 404)
    service.get("/api/v1/runs/9/prescriptions", 404)


def test_a_rule_on_weights_is_a_workers_from_queued_to_done(service: Service) -> None:
    client = run_of(service).client
    asked, key = {"kind": "traps", "options": {"largest": 2}}, {"Idempotency-Key": "a"}
    answer = client.post(URL, json=asked, headers=key)
    assert (answer.status_code, answer.headers["Location"]) == (202, f"{URL}/1")
    told = answer.json()
    assert (told["state"], told["options"]["largest"], told["record"]) == ("queued", 2, None)
    assert client.post(URL, json=asked, headers=key).json() == told
    service.get(f"{URL}/1/files/prescription.json", 404)
    service.work()
    told = service.get(f"{URL}/1")
    assert (told["state"], told["reason"], told["record"]["kind"]) == ("done", None, "traps")
    assert json.loads(client.get(f"{URL}/1/files/prescription.json").content) == told["record"]
    assert client.delete(f"{URL}/1").status_code == 204
    service.get(f"{URL}/1", 404)


def test_a_worker_measures_the_weights_where_it_is_asked_to(service: Service) -> None:
    client = run_of(service).client
    assert client.post(URL, json={"kind": "trainable"}).json()["state"] == "done"
    answer = client.post(URL, json={"kind": "trainable", "weights": True})
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    service.work()
    measured, read = (each["record"] for each in service.get(URL))
    assert measured["entries"] == read["entries"]
    assert measured["report"] != read["report"]
