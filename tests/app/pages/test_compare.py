"""The form that starts a comparison."""

import pytest
from safetensors.torch import save

from app.pages import compare
from tests.app.pages.compared import NAMES, tensors
from tests.app.pages.reader import Page, read, words
from tests.comparisons import adapter
from tests.service import Service


@pytest.fixture
def stored(service: Service) -> Service:
    """base, sharp and soft as checkpoints 1 to 3, an adapter of "base" as 4, a rejected file as 5."""
    made = tensors()
    for name in NAMES:
        service.send(name, {"model.safetensors": save(made[name])})
    service.send("LoRA", adapter(base_model_name_or_path="someone/Base"))
    service.upload(b"<html>", filename="page.html")
    service.work()
    return service


def form_of(service: Service, address: str = "/compare") -> Page:
    answer = service.client.get(address)
    assert answer.status_code == 200
    return read(answer.text)


def chosen(page: Page) -> tuple[list[str | None], list[str | None]]:
    """The ids of the chosen base and the ticked tuned checkpoints."""
    base = [option.attributes.get("value") for option in page.all("option") if "selected" in option.attributes]
    tuned = [box.attributes["value"] for box in page.all("input", name="tuned") if "checked" in box.attributes]
    return [value for value in base if value and value.isdecimal()], tuned


def test_bases_are_models_and_tuned_are_all_that_can_be_read(stored: Service) -> None:
    page = form_of(stored)
    options = page.one("select", name="base").text
    assert [name for name in (*NAMES, "LoRA", "page") if name in options] == list(NAMES)
    assert [box.attributes["value"] for box in page.all("input", name="tuned")] == ["1", "2", "3", "4"]
    assert "adapter, LORA, rank 3" in words(page.one("li", data_checkpoint="4"))
    assert page.one("a", href="/compare").attributes["aria-current"] == "page"


def test_the_choice_is_in_the_address(stored: Service) -> None:
    assert chosen(form_of(stored, "/compare?base=1&tuned=2,3")) == (["1"], ["2", "3"])
    assert chosen(form_of(stored, "/compare?base=1&tuned=1,2")) == (["1"], ["2"])
    assert chosen(form_of(stored, "/compare?tuned=4")) == (["1"], ["4"])  # which names its base
    assert chosen(form_of(stored, "/compare?tuned=3")) == ([], ["3"])  # could be tuned from two
    assert chosen(form_of(stored, "/compare?tuned=nonsense,,99999999999999999999")) == ([], [])
    assert stored.client.get("/compare?base=-1").status_code == 404


def test_it_starts_what_compares(stored: Service) -> None:
    sent = {"base": "1", "tuned": ["3", "2"], "diagnostic": ["intruders", "overlap"], "intruders.k": "5"}
    answer = stored.client.post("/compare", data=sent, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/1")
    run = stored.get("/api/v1/runs/1")
    assert [each["id"] for each in run["checkpoints"]] == [1, 3, 2]
    assert list(run["diagnostics"]) == ["intruders", "overlap"]
    assert run["diagnostics"]["intruders"]["k"] == 5


def test_what_needs_more_checkpoints_is_left_out(stored: Service) -> None:
    sent = {"base": "1", "tuned": "2", "diagnostic": ["intruders", "overlap"]}
    stored.client.post("/compare", data=sent)
    assert list(stored.get("/api/v1/runs/1")["diagnostics"]) == ["intruders"]
    answer = stored.client.post("/compare", data=sent | {"diagnostic": "overlap"})
    assert answer.status_code == 422
    assert "three checkpoints" in words(read(answer.text).one("div", id="wrong"))


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"tuned": "2", "diagnostic": "update"}, "Choose a base."),
        ({"base": "1", "diagnostic": "update"}, "Choose at least one tuned checkpoint."),
        ({"base": "1", "tuned": "1", "diagnostic": "update"}, "Choose at least one tuned checkpoint."),
        ({"base": "4", "tuned": "2", "diagnostic": "update"}, "is an adapter"),
        ({"base": "1", "tuned": "5", "diagnostic": "update"}, "rejected"),
        ({"base": "1", "tuned": "77", "diagnostic": "update"}, "Checkpoint 77 does not exist."),
        ({"base": "1", "tuned": "9" * 5000, "diagnostic": "update"}, "Choose at least one tuned checkpoint."),
        ({"base": "1", "tuned": "2"}, "Choose at least one diagnostic."),
    ],
)
def test_what_is_wrong_is_said_and_the_choice_stays(stored: Service, sent: dict[str, str], said: str) -> None:
    answer = stored.client.post("/compare", data=sent)
    assert answer.status_code == 422
    page = read(answer.text)
    assert any(said in words(each) for each in page.elements if "callout bad" in (each.attributes.get("class") or ""))
    assert chosen(page)[0] == ([sent["base"]] if sent.get("base") in ("1", "2", "3") else [])
    assert stored.get("/api/v1/runs") == []


def test_nothing_stored_says_what_to_do(service: Service) -> None:
    assert "Nothing to compare yet." in form_of(service).one("main").text


def offered(page: Page) -> list[str | None]:
    return [box.attributes["value"] for box in page.all("input", name="tuned")]


def test_a_search_keeps_what_is_chosen(stored: Service) -> None:
    page = form_of(stored, "/compare?base=1&tuned=4&find=soft")  # the other two as they are chosen
    assert offered(page) == ["1", "3", "4"]
    assert chosen(page) == (["1"], ["4"])
    assert words(page.one("p", id="matches")) == "1 checkpoint matches. What is chosen stays."
    page = form_of(stored, "/compare?find=nothing-such")
    assert (offered(page), page.one("select", name="base").text.strip()) == ([], "No model matches")
    assert page.one("input", name="find").attributes["value"] == "nothing-such"


def test_without_a_script_a_search_sends_the_whole_form(stored: Service) -> None:
    button = form_of(stored).one("button", id="search").attributes
    assert (button["formmethod"], button["formaction"]) == ("get", "/compare")
    page = form_of(stored, "/compare?find=soft&base=&tuned=2&tuned=4&diagnostic=update")
    assert chosen(page) == (["1"], ["2", "4"])
    assert [box.attributes["value"] for box in page.all("input", name="diagnostic") if "checked" in box.attributes] == [
        "update"
    ]


def test_of_many_the_newest_are_shown_and_a_wrong_form_keeps_its_search(
    stored: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "SHOWN", 3)
    page = form_of(stored)
    assert offered(page) == ["3", "4"]  # the fifth was rejected
    assert words(page.one("p", id="matches")).startswith("The newest 3 of 5 checkpoints: search for others.")
    answer = stored.client.post("/compare", data={"base": "1", "find": "sharp", "diagnostic": "update"})
    assert answer.status_code == 422
    assert offered(read(answer.text)) == ["1", "2"]
