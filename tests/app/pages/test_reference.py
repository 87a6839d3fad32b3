import doctest
import re

import pytest

from analysis.findings.causes import CAUSES
from analysis.findings.changes import CHANGES
from analysis.findings.widths import WIDTHS
from analysis.glossary.terms import TERMS
from app.pages import reference, rendering
from tests.app.pages.reader import read, words
from tests.service import Service


def test_the_examples_of_its_docstrings_hold() -> None:
    assert doctest.testmod(reference).failed == 0


def test_every_operation_is_on_the_page(service: Service) -> None:
    document = service.get("/api/v1/openapi.json")
    page = read(service.client.get("/api").text)
    heads = {words(head) for head in page.all("h3")}
    stated = {f"{method.upper()}{path}" for path, item in document["paths"].items() for method in item}
    assert {head.replace(" ", "") for head in heads} == stated


def test_operations_are_grouped_by_tag() -> None:
    path = {"get": {"operationId": "a", "tags": ["things"], "responses": {"200": {"description": "Fine"}}}}
    (group,) = reference.groups({"paths": {"/things": path}})
    assert group.title == "Things"
    assert group.operations[0].answers == [("200", "Fine")]


def test_a_body_has_its_example(service: Service) -> None:
    page = read(service.client.get("/api").text)
    assert '{"checkpoints": [1]}' in page.one("article", id="request_run").text


def test_types_in_words() -> None:
    assert reference.type_of({"type": "integer"}) == "integer"
    assert reference.type_of({"anyOf": [{"type": "boolean"}, {"type": "null"}]}) == "boolean"
    assert reference.type_of({}) == "any"


def test_what_every_operation_may_answer_is_said_once() -> None:
    fine, bad, gone = ({"description": words} for words in ("Fine", "Bad Request", "Not Found"))
    one = {"get": {"operationId": "a", "responses": {"200": fine, "400": bad}}}
    other = {"get": {"operationId": "b", "responses": {"200": fine, "400": bad, "404": gone}}}
    document = {"paths": {"/api/v1/a": one, "/api/v1/b": other}}
    assert reference.common_problems(document) == {"400": "Bad Request"}
    (group,) = reference.groups(document)
    assert [operation.answers for operation in group.operations] == [
        [("200", "Fine")],
        [("200", "Fine"), ("404", "Not Found")],
    ]


@pytest.mark.parametrize("name", rendering.HELP)
def test_each_is_shown_and_its_links_lead_somewhere(service: Service, name: str) -> None:
    page = read(service.client.get(f"/help/{name}").text)
    assert page.one("h1").text
    for link in page.all("a"):
        address = link.attributes["href"] or ""
        if address.startswith("/help/"):
            target, _, place = address.partition("#")
            found = read(service.client.get(target).text)
            assert not place or [each for each in found.elements if each.attributes.get("id") == place], address
        assert ".md" not in address


def test_every_cause_has_its_place(service: Service) -> None:
    text = service.client.get("/help/findings").text
    assert set(re.findall(r'<h2 id="([^"]*)">', text)) - {"keys-t"} == {
        cause.name for cause in (*CAUSES, *CHANGES, *WIDTHS)
    }


def test_the_glossary_has_every_term(service: Service) -> None:
    page = read(service.client.get("/help/glossary").text)
    sections = {section.attributes["id"]: words(section) for section in page.all("section", class_="term")}
    assert set(sections) == set(TERMS)
    assert sections["esd.alpha"].startswith("α esd.alpha Exponent of the power law")
    for part in ("Usual2 to 6, in published well-trained models (KS).", "Caveatα does not predict quality", "Source"):
        assert part in sections["esd.alpha"]


def test_a_term_is_explained_in_place(service: Service) -> None:
    answer = service.client.get("/help/terms/esd.xmin")
    page = read(answer.text)
    assert words(page.one("h2")) == "xmin"
    assert [words(part) for part in page.all("dt")] == ["Usual", "Caveat", "No value", "Source"]
    assert page.all("a", href="/help/glossary#esd.xmin")
    assert len(answer.content) < 2000
    assert service.client.get("/help/terms/esd.nosuch").status_code == 404


def test_without_scripts_a_term_leads_to_its_place_in_the_glossary(service: Service) -> None:
    answer = service.client.get("/help/glossary?term=esd.alpha", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/help/glossary#esd.alpha")
    assert service.client.get("/help/glossary?term=nosuch").status_code == 200


def test_another_name_is_no_page(service: Service) -> None:
    answer = service.client.get("/help/elsewhere", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert "evidence, findings, truth, glossary, well-trained, broken-lora" in answer.text


def test_the_verdict_leads_to_what_is_known_of_alpha(analysed: Service) -> None:
    page = read(analysed.client.get("/runs/1").text)
    (verdict,) = page.all("section", id="verdict")
    assert "docs/" not in verdict.text
    assert verdict.text.count("What is known about α") == 1
    assert page.all("a", href="/help/evidence")[0].text == "What is known about α"
