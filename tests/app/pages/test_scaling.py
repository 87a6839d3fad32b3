"""The form of width scaling: whose facts, saved together, and the run that it starts."""

import pytest
from safetensors.torch import save

from tests import comparisons as made
from tests import families
from tests.app import families as family
from tests.app.pages.reader import Page, read, words
from tests.service import Service


def form(service: Service, address: str) -> Page:
    answer = service.client.get(address)
    assert answer.status_code == 200
    return read(answer.text)


def facts(ids: list[int], rule: str = "λ constant") -> dict[str, str]:
    told = zip(ids, families.settings(rule), strict=False)
    return {f"{i}.{name}": f"{value}" for i, given in told for name, value in families.facts(given).items()}


def test_models_are_listed_and_adapters_are_not(service: Service) -> None:
    assert "No model is ready" in form(service, "/scaling").all("div", class_="callout quiet")[0].text
    family.upload(service)
    service.send("lora", made.adapter())
    service.upload(b"<html>", filename="page.html")
    service.work()
    found = form(service, "/scaling")
    assert [box.attributes["value"] for box in found.all("input", name="of")] == ["4", "3", "2", "1"]
    assert not found.all("form", id="stating")
    assert found.one("a", href="/scaling").attributes["aria-current"] == "page"


def test_those_in_the_address_are_asked_for_their_facts(service: Service) -> None:
    service.send("b", {"model.safetensors": save(families.model(families.settings("λ constant")[1])),
                       "config.json": b'{"hidden_size": 24}', "args.json": b'{"lr": 0.1, "wd": 0}'})  # fmt: skip
    family.upload(service, widths=(16.0,))
    service.client.patch("/api/v1/checkpoints/2", json={"facts": {"width": 16, "optimizer": "AdamW"}})
    found = form(service, "/scaling?of=1&of=2&of=1")
    links = [link.attributes["href"] or "" for link in found.all("a")]
    assert [link for link in links if "/checkpoints/" in link] == ["/checkpoints/2", "/checkpoints/1"]  # by width
    assert found.one("input", name="1.learning_rate").attributes["placeholder"] == "0.1"
    assert found.one("input", name="1.weight_decay").attributes["placeholder"] == "0"
    assert found.one("input", name="1.width").attributes["value"] == ""
    assert found.one("input", name="2.width").attributes["value"] == "16"
    assert found.one("input", name="2.optimizer").attributes["value"] == "AdamW"
    assert service.client.get("/scaling?of=0").status_code == 404
    assert service.client.get("/scaling?of=77").status_code == 404


def test_facts_are_saved_and_the_run_started(service: Service) -> None:
    ids = family.upload(service)
    sent = {"of": [str(i) for i in reversed(ids)], **facts(ids)}
    answer = service.client.post("/scaling", data=sent, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/1")
    run = service.get("/api/v1/runs/1")
    assert run["diagnostics"] == {"top_singular_value": {"quantiles": False}}
    service.work()
    assert service.get("/api/v1/runs/1/scaling")["scaling"]["overall"]["exponent"]["value"] == pytest.approx(
        0.75, abs=1e-4
    )


def test_facts_are_saved_for_a_report_that_is_there(service: Service) -> None:
    ids = family.upload(service)
    service.run(*ids, diagnostics=family.ASKED)
    service.work()
    sent = {"of": [str(i) for i in ids], **facts(ids), "run": "1", "save": "1"}
    answer = service.client.post("/scaling", data=sent, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/1")
    assert len(service.get("/api/v1/runs")) == 1
    empty = {name: "" if "." in name else value for name, value in sent.items()}
    service.client.post("/scaling", data=empty, follow_redirects=False)
    assert [service.get(f"/api/v1/checkpoints/{i}")["stated"] for i in ids] == [{}] * 4
    alone = {name: value for name, value in sent.items() if name != "run"}
    answer = service.client.post("/scaling", data=alone, follow_redirects=False)
    assert answer.headers["location"] == "/scaling?of=1&of=2&of=3&of=4"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("learning_rate", "fast", "must be a number"),
        ("weight_decay", "-1", "must be 0 or more"),
        ("step", "0", "above 0"),
    ],
)
def test_a_wrong_field_is_marked_and_nothing_saved(service: Service, name: str, value: str, said: str) -> None:
    ids = family.upload(service)
    sent = {"of": [str(i) for i in ids], **facts(ids), f"2.{name}": value}
    answer = service.client.post("/scaling", data=sent)
    assert answer.status_code == 422
    found = read(answer.text)
    assert "The facts were not saved" in words(found.one("div", id="wrong"))
    assert found.one("input", name=f"2.{name}").attributes["value"] == value
    assert said in words(found.one("small", id=f"2.{name}-e"))
    assert found.one("input", name="3.learning_rate").attributes["value"] == f"{0.64 / 32}"
    assert [service.get(f"/api/v1/checkpoints/{i}")["stated"] for i in ids] == [{}] * 4
    assert service.get("/api/v1/runs") == []


def test_an_independent_decay_is_kept_as_pytorchs(service: Service) -> None:
    ids = family.upload(service)[:2]
    sent = {"of": ["1", "2"], "1.learning_rate": "0.1", "1.weight_decay": "0.001", "independent": "on", "save": "1"}
    service.client.post("/scaling", data=sent, follow_redirects=False)
    assert service.get(f"/api/v1/checkpoints/{ids[0]}")["stated"] == {"learning_rate": 0.1, "weight_decay": 0.01}
    answer = service.client.post("/scaling", data={**sent, "1.learning_rate": ""})
    assert answer.status_code == 422
    assert "needs a learning rate above 0" in words(read(answer.text).one("div", id="wrong"))


def test_what_is_no_family_is_refused_in_words(service: Service) -> None:
    family.upload(service)
    service.send("bert", made.model(made.base()))
    service.work()
    one = service.client.post("/scaling", data={"of": "1"})
    assert (one.status_code, "two models or more" in words(read(one.text).one("div", id="wrong"))) == (422, True)
    assert service.client.post("/scaling", data={}).status_code == 422
    other = service.client.post("/scaling", data={"of": ["1", "5"]})
    assert other.status_code == 422
    assert "same name" in words(read(other.text).one("div", id="wrong"))
    assert service.client.post("/scaling", data={"of": "99"}).status_code == 404


def test_what_contradicts_the_files_is_told_beside_the_field(service: Service) -> None:
    files = {"model.safetensors": save(families.model(families.settings("λ constant")[1])), "args.json": b'{"lr": 0.1}'}
    service.send("b", files)
    service.work()
    service.client.patch("/api/v1/checkpoints/1", json={"facts": {"learning_rate": 0.2}})
    assert "The files say 0.1." in form(service, "/scaling?of=1").one("table").text
