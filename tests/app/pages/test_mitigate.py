"""The form in a comparison's verdict that makes a mitigated checkpoint, and what becomes of it."""

from typing import Any

from tests.app.pages.reader import Page, read, words
from tests.mitigations import sent
from tests.service import Service


def compared(service: Service) -> Service:
    """The base and its adapter, compared in run 1."""
    sent(service)
    service.run(1, 2)
    service.work()
    return service


def shown(service: Service, **parameters: str) -> Page:
    answer = service.client.get("/runs/1", params=parameters)
    assert answer.status_code == 200, answer.text
    return read(answer.text)


def post(service: Service, **fields: Any) -> int:
    sent_ = {"tuned": "2", "share": "75", "k": "10", "epsilon": "0.5", **fields}
    return service.client.post("/runs/1/mitigate", data=sent_, follow_redirects=False).status_code


def hidden(page: Page) -> dict[str, str | None]:
    return {str(e.attributes["name"]): e.attributes["value"] for e in page.all("input", type="hidden")}


def made(page: Page) -> tuple[str, bool]:
    """What the list of mitigated checkpoints says, and whether the page keeps watching it."""
    rows = [row for row in page.all("li") if (row.attributes.get("data-key") or "").startswith("mitigation-")]
    return " ".join(map(words, rows)), any("data-moving" in row.attributes for row in rows)


def test_the_form_offers_each_tuned_checkpoint_and_the_rule_of_the_run(service: Service) -> None:
    page = shown(compared(service))
    assert page.all("form", action="/runs/1/mitigate")
    assert words(page.one("select", name="tuned")) == "LoRA r=2"
    assert hidden(page).items() >= {"k": "10", "epsilon": "0.5"}.items()
    assert hidden(shown(service, k="4", epsilon="0.3")).items() >= {"k": "4", "epsilon": "0.3"}.items()


def test_it_works_as_a_plain_form_and_shows_what_came_of_it(service: Service) -> None:
    assert post(compared(service), share="0") == 303
    said, moving = made(shown(service))
    assert "Waits for a worker." in said
    assert moving
    service.work()
    page = shown(service)
    said, moving = made(page)
    assert said.startswith("LoRA r=2 mitigated λ=0 1 intruder before, 0 after.")
    assert not moving
    links = {words(link): link.attributes["href"] or "" for link in page.all("a")}
    assert links["Before and after"] == "/runs/2"
    assert service.client.get(links["adapter_model.safetensors"]).status_code == 200
    assert service.get("/api/v1/mitigations/1")["options"]["lambda"] == 0.0


def test_what_failed_says_why(service: Service) -> None:
    post(compared(service), epsilon="0.01")
    service.work()
    assert "there is nothing to shrink" in made(shown(service))[0]


def test_a_form_that_makes_no_sense_is_answered_in_words(service: Service) -> None:
    compared(service)
    for fields in ({"share": "much"}, {"share": "-5"}, {"tuned": "1"}, {"tuned": ""}, {"k": "0"}):
        assert post(service, **fields) == 400
    assert service.client.post("/runs/9/mitigate", data={"tuned": "2", "share": "5"}).status_code == 404
    assert service.get("/api/v1/mitigations") == []


def test_a_report_of_one_checkpoint_has_no_such_form(service: Service) -> None:
    sent(service)
    service.run(1)
    service.work()
    assert "/runs/1/mitigate" not in service.client.get("/runs/1").text
