import doctest

import pytest
from jinja2 import UndefinedError

from app.pages import rendering
from tests.app.pages.reader import read
from tests.service import Service


def test_the_examples_of_its_docstrings_hold() -> None:
    assert doctest.testmod(rendering).failed == 0


def test_everything_is_escaped_and_nothing_is_misspelt() -> None:
    made = rendering.environment()
    assert made.from_string("{{ name }}").render(name="<b>") == "&lt;b&gt;"
    with pytest.raises(UndefinedError):
        made.from_string("{{ nmae }}").render(name="x")


def test_text_in_ticks_is_code_and_still_escaped() -> None:
    assert rendering.ticks("a `<b>` <i>") == "a <code>&lt;b&gt;</code> &lt;i&gt;"


@pytest.mark.parametrize(
    ("path", "status", "title"),
    [("/runs/7", 404, "Not found"), ("/checkpoints/7", 404, "Not found"), ("/runs/no-number", 404, "Not found")],
)
def test_errors_are_pages(service: Service, path: str, status: int, title: str) -> None:
    answer = service.client.get(path)
    assert answer.status_code == status
    assert read(answer.text).one("h1").text == title


def test_a_refused_form_is_a_page(service: Service) -> None:
    service.upload(b"")
    service.work()
    answer = service.client.post("/checkpoints/1/analyse")
    assert answer.status_code == 409
    assert "was rejected" in answer.text


def test_an_address_that_leads_nowhere(service: Service) -> None:
    reader = service.client.get("/nowhere", headers={"accept": "text/html,*/*"})
    assert (reader.status_code, read(reader.text).one("h1").text) == (404, "Not Found")
    program = service.client.get("/nowhere")
    assert (program.status_code, program.json()["code"]) == (404, "not-found")
    assert service.client.get("/api/v1/nowhere", headers={"accept": "text/html"}).json()["code"] == "not-found"
