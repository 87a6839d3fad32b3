"""The section “What to do” of a run's page: the form, what the rules said, and their files."""

from tests.service import Service, model


def run_of(service: Service) -> Service:
    service.upload(model(layers=4, width=64))
    service.run(1, diagnostics={"snr": {}, "esd": {}})
    service.work()
    return service


def send(service: Service, **fields: str) -> int:
    return service.client.post("/runs/1/prescribe", data=fields, follow_redirects=False).status_code


def test_a_rule_is_asked_and_its_answer_shown_with_its_files(service: Service) -> None:
    page = run_of(service).client.get("/runs/1").text
    assert "What to do" in page
    assert "Layers to train" in page
    assert send(service, kind="trainable", options="fraction=0.25, model=a/b") == 303
    page = service.client.get("/runs/1").text
    assert "Validated on:" in page
    address = "/api/v1/runs/1/prescriptions/1/files/unfrozen_parameters.yaml"
    assert address in page
    assert service.client.get(address).status_code == 200


def test_a_doubt_is_shown_beside_the_answer(service: Service) -> None:
    run_of(service)
    assert send(service, kind="sparsity", options="estimator=alpha_ks") == 303
    told = service.get("/api/v1/runs/1/prescriptions/1")["record"]
    assert ("Not carried by the evidence" in service.client.get("/runs/1").text) is ("doubt" in told)


def test_what_cannot_be_is_a_page_that_says_why(service: Service) -> None:
    run_of(service)
    answer = service.client.post("/runs/1/prescribe", data={"kind": "trainable", "options": "fraction=9"})
    assert answer.status_code == 400
    assert "fraction" in answer.text
    assert send(service, kind="trainable", position="x") == 400
    assert send(service, kind="pruning") == 400
    assert service.get("/api/v1/runs/1/prescriptions") == []


def test_a_run_that_is_not_done_has_no_section(service: Service) -> None:
    service.upload(model())
    service.run(1)
    assert "What to do" not in service.client.get("/runs/1").text
