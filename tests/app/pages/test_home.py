import json
from dataclasses import replace

import pytest

from analysis.formats import companions
from app.access.quotas import usual
from app.demo import minilm
from tests.app.pages.reader import read, words
from tests.service import Service, model


def test_an_empty_service_shows_the_drop_zone_and_how_to_begin(service: Service) -> None:
    page = read(service.client.get("/").text)
    assert "Drop a checkpoint anywhere on this page" in page.one("form", id="drop").text
    assert not page.all("section", id="checkpoints")
    assert "curl -sf -X POST -T model.safetensors" in page.one("pre", id="ci-code").text


def test_the_commands_name_this_service(service: Service) -> None:
    code = read(service.client.get("/").text).one("pre", id="ci-code").text
    assert code.startswith("url=http://127.0.0.1:8000/api/v1\n")


def test_the_page_has_the_table_of_which_files_are_a_checkpoint(service: Service) -> None:
    form = read(service.client.get("/").text).one("form", id="drop")
    assert json.loads(form.attributes["data-formats"] or "") == companions.to_json()


def test_a_form_without_a_script_uploads_and_analyses(service: Service) -> None:
    files = [("files", ("tiny.safetensors", model()))]
    answer = service.client.post("/checkpoints", files=files, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/1")
    service.work()
    assert service.get("/api/v1/checkpoints/1")["name"] == "tiny.safetensors"
    assert service.get("/api/v1/runs/1")["state"] == "done"


def test_a_form_without_a_file_is_told_so(service: Service) -> None:
    answer = service.client.post("/checkpoints", files=[("files", ("", b""))])
    assert answer.status_code == 400
    assert "contains no file" in answer.text


def test_lists_show_names_numbers_and_reasons(analysed: Service) -> None:
    analysed.upload(b"<html>", filename="page.html")
    analysed.work()
    page = read(analysed.client.get("/").text)
    ready, rejected = page.one("tr", id="checkpoint-1"), page.one("tr", id="checkpoint-2")
    report = analysed.get("/api/v1/runs/1/report")
    assert report["summary"]["esd"]["readable"] == 0  # so small that no α is read, and none is shown
    assert "––" in words(ready)
    assert "Rejected" in rejected.text
    assert analysed.get("/api/v1/checkpoints/2")["reason"]["message"] in words(rejected)
    line = page.one("li", id="run-1")
    said = report["summary"]["esd"]["headline"].replace("docs/evidence.md", "What is known about α")
    assert said in words(line)
    assert page.one("a", href="/help/evidence").text == "What is known about α"  # the path is a link, no plain text
    assert not page.all("section", data_moving="")


def test_what_moves_is_marked(service: Service) -> None:
    service.upload(model())
    service.run(1)
    page = read(service.client.get("/").text)
    assert "data-moving" in page.one("section", id="checkpoints").attributes
    assert "1 waiting" in page.one("section", id="runs").text


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "find", lambda: None)


def test_an_empty_service_offers_a_demo_and_says_what_it_shows(service: Service, no_model: None) -> None:
    demo = read(service.client.get("/").text).one("section", id="demo")
    assert "All of it is made up" in words(demo)
    service.upload(model())
    assert not read(service.client.get("/").text).all("section", id="demo")


def test_the_demo_is_loaded_once_however_often_it_is_asked_for(service: Service, no_model: None) -> None:
    for _ in range(2):
        answer = service.client.post("/demo", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/runs/1")
    assert len(service.get("/api/v1/checkpoints")) == 7
    assert len(service.get("/api/v1/runs")) == 3
    assert "Synthetic base" in service.client.get("/").text


def test_other_sites_and_readers_load_no_demo(service: Service, no_model: None) -> None:
    assert service.client.post("/demo", headers={"Origin": "https://example.org"}).status_code == 403
    asked = {"name": "reads", "scope": "read", "project": "default"}
    token = service.client.post("/api/v1/tokens", json=asked).json()["token"]
    answer = service.caller(token).post("/demo")
    assert answer.status_code == 403
    assert "scope write" in answer.text
    page = read(service.caller(token).get("/").text)
    assert not page.all("form", action="/demo")
    assert "the token that you signed in with may only read" in words(page.one("section", id="demo"))
    assert service.get("/api/v1/checkpoints") == []


def test_a_quota_refuses_the_demo_in_words(service: Service, no_model: None) -> None:
    service.everything.limits = replace(usual(service.settings), bytes=1000)
    answer = service.client.post("/demo", headers={"Accept": "text/html"})
    assert answer.status_code == 403
    assert "more do not fit" in answer.text
    assert service.get("/api/v1/checkpoints") == []
