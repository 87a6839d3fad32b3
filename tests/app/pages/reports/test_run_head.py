"""The head of a run's page, as readers see it."""

import time

from app.models import Run
from tests.app.pages.reader import Page, read, words
from tests.service import Service, model


def page_of(service: Service) -> Page:
    answer = service.client.get("/runs/1")
    assert answer.status_code == 200
    return read(answer.text)


def test_a_waiting_run_says_what_it_waits_for(service: Service) -> None:
    service.upload(model())
    service.run(1)
    page = page_of(service)
    assert page.one("section", id="progress").attributes["data-live"] == "/api/v1/runs/1/events"
    assert "Waiting" in page.one("section", id="progress").text
    assert page.all("form", action="/runs/1/cancel")
    assert not page.all("section", id="layers")


def test_a_cancelled_run_keeps_its_rows(service: Service) -> None:
    service.upload(model())
    service.run(1)
    answer = service.client.post("/runs/1/cancel", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/1")
    page = page_of(service)
    assert "Cancelled." in page.one("div", id="outcome").text
    assert not page.all("section", id="progress")


def test_a_run_of_a_rejected_file_failed_with_its_reason(service: Service) -> None:
    service.upload(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    service.run(1)
    service.work()
    outcome = page_of(service).one("div", id="outcome")
    assert "Failed." in outcome.text
    assert service.get("/api/v1/checkpoints/1")["reason"]["message"] in words(outcome)


def test_a_run_that_lacks_tensors_says_so(analysed: Service) -> None:
    with analysed.database.writing() as session:
        run = session.get_one(Run, 1)
        run.reason_code, run.reason = "incomplete", "1 tensor was not measured. First reason: out of memory"
    page = analysed.client.get("/runs/1").text
    assert "Not complete." in page
    assert "1 tensor was not measured. First reason: out of memory" in page


def test_a_finished_run_says_what_was_asked_of_how_much_and_how_it_ended(analysed: Service) -> None:
    with analysed.database.writing() as session:
        run = session.get_one(Run, 1)
        run.started_at, run.finished_at = time.time() - 80, time.time()
    text = words(page_of(analysed).one("main"))
    assert "parameters. Eigenvalue spectrum, norms and ranks" in text
    assert "Finished just now after 1 min 20 s" in text
    assert " on cpu." in text
