"""Facts as fields: what is stated, what the files say, and the form on a checkpoint's page."""

from app.models import Checkpoint
from app.pages.facts import changes, fact, facts_in_words, sheet
from tests.app.pages.reader import read, words
from tests.service import Service, model


def row() -> Checkpoint:
    found = {"width": 64, "model_type": "llama", "learning_rate": 0.01}
    return Checkpoint(id=3, name="m", facts=found, stated={"width": 96.0, "step": 20000.0})


def test_a_field_has_what_is_stated_and_what_the_files_say() -> None:
    fields = {field.name: field for field in sheet(row(), prefix="3.").fields}
    assert (fields["3.width"].value, fields["3.width"].found, fields["3.width"].against) == ("96", "64", True)
    assert (fields["3.learning_rate"].value, fields["3.learning_rate"].found) == ("", "0.01")
    assert (fields["3.step"].value, fields["3.step"].against) == ("20000", False)


def test_what_was_sent_comes_back_with_what_is_wrong() -> None:
    found = sheet(row(), {"width": ["-3"], "step": [""]})
    assert found.wrong
    assert [(f.value, f.error) for f in found.fields if f.name in ("width", "step")] == [
        ("-3", "Width must be above 0, not -3."), ("", "")
    ]  # fmt: skip


def test_an_empty_field_takes_its_fact_back_and_an_absent_one_leaves_it() -> None:
    assert changes({"width": [""], "step": ["7"], "other": ["x"]}) == {"width": None, "step": 7.0}


def test_what_is_known_in_words() -> None:
    assert facts_in_words(row()) == [
        ("width", "96", "64"), ("model type", "llama", ""), ("learning rate", "0.01", ""), ("step", "20,000", "")
    ]  # fmt: skip


def test_the_form_of_a_checkpoint(service: Service) -> None:
    service.send("m", {"model.safetensors": model(), "config.json": b'{"hidden_size": 24}'})
    service.work()
    sent = {"name": "narrow", "width": "48", "learning_rate": "1e-3", "optimizer": "AdamW"}
    answer = service.client.post("/checkpoints/1/facts", data=sent, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/checkpoints/1")
    facts = words(read(service.client.get("/checkpoints/1").text).one("section", id="facts"))
    assert "width48 files say 24" in facts
    assert "learning rate0.001" in facts
    assert service.get("/api/v1/checkpoints/1")["name"] == "narrow"


def test_a_wrong_fact_comes_back_marked(service: Service) -> None:
    service.upload(model())
    service.work()
    answer = service.client.post("/checkpoints/1/facts", data={"name": "other", "weight_decay": "-1"})
    assert answer.status_code == 422
    page = read(answer.text)
    assert page.one("input", name="weight_decay").attributes["aria-invalid"] == "true"
    assert "must be 0 or more" in words(page.one("section", id="facts"))
    assert service.get("/api/v1/checkpoints/1")["name"] == "model.safetensors"


def test_a_fact_as_it_is_written() -> None:
    assert [fact(value) for value in (30522, 0.0001, 20000.0, "pt", True, None)] == [
        "30,522", "0.0001", "20,000", "pt", "yes", "–"
    ]  # fmt: skip
