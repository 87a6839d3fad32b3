"""The section “What to do” of a run's page: the form, what the rules said, and their files."""

from tests.app.pages.reader import read
from tests.prescriptions import compared
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


def test_fields_of_a_rule_are_its_options(service: Service) -> None:
    page = run_of(service).client.get("/runs/1").text
    assert 'name="trainable.fraction" value="0.5"' in page
    assert send(service, kind="trainable", **{"trainable.fraction": "0.25"}) == 303
    assert service.get("/api/v1/runs/1/prescriptions/1")["options"]["fraction"] == 0.25
    answer = service.client.post("/runs/1/prescribe", data={"kind": "trainable", "trainable.fraction": "9"})
    assert (answer.status_code, "from 1e-06 to 1" in answer.text) == (400, True)


def test_a_rule_on_weights_is_asked_watched_and_shown_when_it_is_done(service: Service) -> None:
    compared(service)
    page = service.client.get("/runs/1").text
    assert "From the weights" in page
    assert 'action="/runs/1/prescribe"' in page
    asked = {"kind": "lora-rank", "position": "2", "lora-rank.rule": "energy", "lora-rank.value": "0.9"}
    assert send(service, **asked) == 303
    assert send(service, kind="lineage", position="0,1") == 400
    found = read(service.client.get("/runs/1").text).one("details", id="todo-1")
    assert "data-moving" in found.attributes
    assert "Waits for a worker." in found.text
    service.work()
    found = read(service.client.get("/runs/1").text).one("details", id="todo-1")
    assert "data-moving" not in found.attributes
    assert "Validated on" in found.text
    assert "adapter/adapter_model.safetensors" in found.text
    assert service.get("/api/v1/runs/1/prescriptions/1")["positions"] == [0, 2]
    drawn = service.get("/api/v1/runs/1/prescriptions/1/figure")
    assert (drawn["data"][0]["type"], len(drawn["data"][0]["y"])) == ("bar", 2)
    assert service.client.post("/runs/1/prescriptions/1/delete", follow_redirects=False).status_code == 303
    assert service.get("/api/v1/runs/1/prescriptions") == []


def test_several_checkpoints_are_chosen_by_their_boxes(service: Service) -> None:
    compared(service)
    fields = {"kind": "lineage", "position": ["0", "2"]}
    assert service.client.post("/runs/1/prescribe", data=fields, follow_redirects=False).status_code == 303
    service.work()
    told = service.get("/api/v1/runs/1/prescriptions/1")
    assert (told["positions"], told["state"]) == ([0, 2], "done")
    answer = service.client.post("/runs/1/prescribe", data={"kind": "lineage", "position": "1"})
    assert (answer.status_code, "not 1 checkpoint" in answer.text) == (400, True)


def test_why_a_worker_could_not_is_said_in_words(service: Service) -> None:
    compared(service)
    assert send(service, kind="lora-rank", **{"lora-rank.rule": "budget", "lora-rank.value": "1"}) == 303
    service.work()
    found = read(service.client.get("/runs/1").text).one("details", id="todo-1")
    assert service.get("/api/v1/runs/1/prescriptions/1")["reason"]["message"][1:].rstrip(".") in found.text


def test_a_table_that_the_run_lacks_is_measured_by_a_worker(service: Service) -> None:
    run_of(service)
    assert send(service, kind="sparsity", **{"sparsity.target": "0.3"}) == 303
    assert service.get("/api/v1/runs/1/prescriptions/1")["state"] == "queued"
    service.work()
    told = service.get("/api/v1/runs/1/prescriptions/1")
    assert (told["state"], told["record"]["estimator"]) == ("done", "alpha_peak")
    assert "llm_compressor.yaml" in told["files"]
