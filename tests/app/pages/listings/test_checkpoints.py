"""The page of all checkpoints: true counts, pages, findings in the row, and forms that work without a script."""

import re
from collections.abc import Iterator

import pytest

from tests.app.lists import made
from tests.app.pages.reader import Page, read, words
from tests.service import Service, settings


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with 120 checkpoints, of which one has a report with a problem."""
    service = Service(settings(tmp_path_factory.mktemp("many")))
    with service.database.writing() as session:
        for number in range(120):
            row = made.checkpoint(session, f"model-{number:03}", stated={"step": 1000.0 * number}, tags=["sweep"])
        made.run(
            session, row, severity=3, finding="<b>NaN</b> in q.", findings=3, median_alpha=3.25, usual=2, fitted=4,
            intruders=6, cells=[["q", 0, 3.0], ["q", 1, 9.0]],
        )  # fmt: skip
    yield service
    service.close()


def show(service: Service, **asked: str) -> Page:
    return read(service.client.get("/checkpoints", params=asked).text)


def names(page: Page) -> list[str]:
    links = [link for link in page.all("a") if re.fullmatch(r"/checkpoints/\d+", link.attributes["href"] or "")]
    return [link.text for link in links]


def test_pages_have_true_counts(many: Service) -> None:
    first, last = show(many), show(many, page="3")
    assert "1–50 of 120" in words(first.one("section", id="checkpoints"))
    assert "Page 3 of 3" in words(last.one("nav", aria_label="Pages"))
    assert len(names(last)) == 20
    assert first.one("a", rel="next").attributes["href"] == "/checkpoints?page=2"


def test_a_row_tells_facts_tags_the_worst_finding_and_intruders(many: Service) -> None:
    page = show(many, sort="-worst")
    row = next(row for row in page.all("tr") if "model-119" in row.text)
    assert "<b>NaN</b> in q." in words(row)
    assert "+ 2" in words(row)
    for text in ("step 119,000", "sweep", "3.25", "2 of 46"):
        assert text in words(row), text
    assert names(page)[0] == "model-119"


def test_filters_are_in_the_address_and_in_the_form(many: Service) -> None:
    page = show(many, q="model-07", severity="", sort="name")
    assert names(page) == [f"model-07{n}" for n in range(10)]
    assert page.one("input", name="q").attributes["value"] == "model-07"
    assert {"name": "sort", "value": "name", "type": "hidden"} in [
        e.attributes for e in page.all("input", type="hidden")
    ]
    assert names(show(many, fact="step=7000")) == ["model-007"]
    assert names(show(many, severity="bad")) == ["model-119"]
    assert "No checkpoint matches" in show(many, q="nothing-such").one("section", id="checkpoints").text


def test_every_box_and_button_has_a_name(many: Service) -> None:
    page = show(many)
    boxes = page.all("input", type="checkbox")
    assert len(boxes) == 50
    assert all(box.attributes["form"] == "change" for box in boxes)
    assert all(words(button) or button.attributes.get("aria-label") for button in page.all("button"))


def test_chosen_ones_are_archived_deleted_and_restored_by_plain_forms(many: Service) -> None:
    send = {"id": ["1", "2"], "query": "sort=name"}
    answer = many.client.post("/checkpoints/change", data=send | {"action": "trash"}, follow_redirects=False)
    assert answer.headers["location"] == "/checkpoints?sort=name&undo=1%2C2"
    page = read(many.client.get(answer.headers["location"]).text)
    assert "2 checkpoints deleted." in words(page.one("form", id="undo"))
    assert "Trash 2" in words(page.one("nav", aria_label="Part of the list"))
    assert len(names(show(many, show="trash"))) == 2
    many.client.post("/checkpoints/change", data=send | {"action": "restore"})
    many.client.post("/checkpoints/change", data=send | {"action": "archive"})
    assert "Archive 2" in words(show(many).one("nav", aria_label="Part of the list"))
    many.client.post("/checkpoints/change", data=send | {"action": "unarchive"})
    assert "1–50 of 120" in words(show(many).one("section", id="checkpoints"))


@pytest.mark.parametrize("asked", ["sort=colour", "page=0", "severity=awful", "nonsense=1"])
def test_what_no_list_has_is_told_in_a_page(many: Service, asked: str) -> None:
    answer = many.client.get(f"/checkpoints?{asked}")
    assert (answer.status_code, "text/html" in answer.headers["content-type"]) == (404, True)
