from dataclasses import replace

import pytest
from safetensors.torch import save

from analysis.diagnostics.first_look.cost import Prediction
from analysis.weight import TensorInfo
from app.pages import checkpoints
from app.pages.checkpoints import predict_times, tensor_row
from tests.app.pages.reader import read, words
from tests.service import Service, model, tensors


def test_tensors_are_listed_before_any_analysis(service: Service) -> None:
    service.upload(model())
    service.work()
    page = read(service.client.get("/checkpoints/1").text)
    rows = [row for row in page.all("tr") if "data-search" in row.attributes]
    stated = service.get("/api/v1/checkpoints/1/tensors")
    assert len(rows) == len(stated) == 7
    for row, tensor in zip(rows, stated, strict=True):
        assert tensor["name"] in row.text
        assert " × ".join(map(str, tensor["shape"])) in row.text
        assert (tensor["skip"] or "yes") in row.text
    assert "7 tensors, 5 of them to analyse" in page.one("section", id="tensors").text
    assert service.get("/api/v1/checkpoints/1")["files"][0]["sha256"] in page.one("section", id="files").text


def test_of_very_many_tensors_the_first_are_listed(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "LISTED", 3)
    monkeypatch.setattr(checkpoints, "PREDICTED", 6)
    service.upload(model())
    service.work()
    page = read(service.client.get("/checkpoints/1").text)
    assert len([row for row in page.all("tr") if "data-search" in row.attributes]) == 3
    section = page.one("section", id="tensors")
    assert "7 tensors, 5 of them to analyse" in section.text
    assert "4 more: all of them by the API" in words(section)


def test_a_rejected_checkpoint_says_why_and_offers_no_analysis(service: Service) -> None:
    service.upload(b"<html>", filename="page.html")
    service.work()
    page = read(service.client.get("/checkpoints/1").text)
    reason = service.get("/api/v1/checkpoints/1")["reason"]
    assert reason["message"] in words(page.one("div", id="reason"))
    assert reason["code"] in page.one("div", id="reason").text
    assert not page.all("form", action="/checkpoints/1/analyse")


def test_a_checkpoint_that_is_being_read_keeps_the_page_watching(service: Service) -> None:
    service.upload(model())
    page = read(service.client.get("/checkpoints/1").text)
    assert "data-moving" in page.one("div", id="head").attributes
    assert "Reading the file." in page.one("div", id="reason").text


def test_the_buttons_do_what_they_say(analysed: Service) -> None:
    answer = analysed.client.post("/checkpoints/1/analyse", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/2")
    assert "1 running" in read(analysed.client.get("/checkpoints/1").text).one("section", id="runs").text
    assert stored(analysed)
    answer = analysed.client.post("/checkpoints/1/delete", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/checkpoints?undo=1")
    assert analysed.get("/api/v1/checkpoints") == []
    assert stored(analysed)  # it can be restored
    analysed.client.post("/checkpoints/1/delete")
    analysed.get("/api/v1/checkpoints/1", status=404)
    assert stored(analysed) == []


def stored(service: Service) -> list[str]:
    """The digests of the files that the storage holds."""
    return [path.name for path in service.storage.blobs.glob("??/*")]


def test_the_form_asks_for_what_is_chosen(analysed: Service) -> None:
    form = {"diagnostic": ["esd", "random_matrix"], "esd.max_evals": "500", "random_matrix.replicas": "1"}
    answer = analysed.client.post("/checkpoints/1/analyse", data=form, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/2")
    asked = analysed.get("/api/v1/runs/2")["diagnostics"]
    assert list(asked) == ["esd", "random_matrix"]
    assert (asked["esd"]["max_evals"], asked["random_matrix"]["replicas"]) == (500, 1)


def test_a_wrong_option_is_told_where_it_stands(analysed: Service) -> None:
    answer = analysed.client.post("/checkpoints/1/analyse", data={"diagnostic": "esd", "esd.max_evals": "-1"})
    assert answer.status_code == 422
    page = read(answer.text)
    assert "open" in page.one("details", id="chooser").attributes
    assert page.one("input", name="esd.max_evals").attributes["value"] == "-1"
    (said,) = [words(p) for p in page.all("p", class_="callout bad")]
    assert said == "Option max_evals: -1 is not a whole number from 0 to 1000000000."
    assert len(analysed.get("/api/v1/runs")) == 1


@pytest.mark.parametrize("body", ["x" * 200_000, "&".join(f"a{i}=1" for i in range(2000))])
def test_a_form_beyond_all_measure_is_refused(analysed: Service, body: str) -> None:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert analysed.client.post("/checkpoints/1/analyse", content=body, headers=kind).status_code == 400


def test_a_tensor_is_found_by_name_role_and_reason() -> None:
    stored = {
        "name": "A.bias",
        "shape": [4],
        "dtype": "float16",
        "nbytes": 8,
        "role": "bias",
        "depth": None,
        "skip": "Flat",
    }
    row = tensor_row(stored)
    assert row.search == "a.bias bias float16 flat"
    assert (row.shape, row.size) == ("4", "8 bytes")


def with_average() -> bytes:
    """Weights, and their running average beside them."""
    return save(tensors() | {f"ema.{name}": tensor + 1 for name, tensor in tensors().items()})


def test_a_copy_of_the_weights_is_added_by_a_button(service: Service) -> None:
    service.upload(with_average())
    service.work()
    copies = read(service.client.get("/checkpoints/1").text).one("div", id="copies")
    assert f"Add ema, {len(tensors())} tensors" in copies.text
    answer = service.client.post("/checkpoints/1/copies", data={"part": "ema"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/checkpoints/2")
    service.work()
    copy = service.get("/api/v1/checkpoints/2")
    assert (copy["part"], copy["state"], copy["name"]) == ("ema", "ready", "model.safetensors (ema)")
    page = read(service.client.get("/checkpoints/2").text)
    assert "This is a copy of the weights" in page.one("div", id="part").text
    assert not page.all("div", id="copies")


def test_a_copy_that_the_file_does_not_hold_is_not_added(service: Service) -> None:
    service.upload(model())
    service.work()
    assert not read(service.client.get("/checkpoints/1").text).all("div", id="copies")
    answer = service.client.post("/checkpoints/1/copies", data={"part": "ema"}, follow_redirects=False)
    assert answer.status_code == 404
    assert len(service.get("/api/v1/checkpoints")) == 1


def test_a_first_look_is_offered_where_the_analysis_takes_long(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.upload(model())
    service.work()
    assert "First look" not in read(service.client.get("/checkpoints/1").text).one("div", id="head").text
    monkeypatch.setattr("app.pages.checkpoints.predict", lambda *_: Prediction(840.0, 61.0))
    head = read(service.client.get("/checkpoints/1").text).one("div", id="head")
    assert "Analyse, about 14 min" in words(head)
    assert "First look, about 1 min 1 s" in words(head)
    service.client.post("/checkpoints/1/analyse", data={"diagnostic": "first_look"})
    service.work()
    assert list(service.get("/api/v1/runs/1/report")["tables"]) == ["first_look"]


def test_times_are_said_only_where_there_is_something_to_choose() -> None:
    large = TensorInfo("w", (16384, 16384), "float32", 4 * 16384**2, "q", 0, None)
    assert predict_times([large]) is not None
    assert predict_times([]) is None
    assert predict_times([replace(large, shape=(512, 512))] * 10_000) is None, "all small: a first look takes as long"
