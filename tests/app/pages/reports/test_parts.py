"""A report that is too long for one page is read part by part."""

import pytest

from app.lists import parts
from tests.app.pages.compared import compared
from tests.app.pages.reader import Page, read, words
from tests.service import Service


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MOST", 2)


def page_of(service: Service, address: str) -> Page:
    answer = service.client.get(address)
    assert answer.status_code == 200
    return read(answer.text)


def layers(page: Page) -> list[str]:
    return [row.attributes["data-key"] or "" for row in page.all("tr") if "data-key" in row.attributes]


def test_every_layer_is_on_one_of_the_pages(analysed: Service) -> None:
    address, seen, texts = "/runs/1", list[str](), list[str]()
    while address:
        page = page_of(analysed, address)
        texts.append(words(page.one("section", id="part")))
        assert 0 < len(layers(page)) <= 2
        seen += layers(page)
        address = next((link.attributes["href"] or "" for link in page.all("a", rel="next")), "")
    assert texts[0].startswith("Part 1 of 3: tensors 1 to ")
    assert len(texts) == 3
    assert sorted(seen) == sorted(row["weight"] for row in analysed.get("/api/v1/runs/1/report")["tables"]["esd"])
    assert [link.attributes["href"] for link in page.all("a", rel="prev")] == ["/runs/1?part=2"]


def test_the_whole_is_told_on_each(analysed: Service) -> None:
    headline = analysed.get("/api/v1/runs/1/report")["summary"]["esd"]["headline"]
    for number in (1, 3, 99):  # the last one for what is beyond it
        assert f"Of all layers: {headline}" in words(
            page_of(analysed, f"/runs/1?part={number}").one("section", id="part")
        )
    assert page_of(analysed, "/runs/1?part=99").one("b", id="part-t").text.startswith("Part 3 of 3")


def test_a_named_layer_opens_its_part(analysed: Service) -> None:
    last = analysed.get("/api/v1/runs/1/report")["tables"]["esd"][-1]["weight"]
    page = page_of(analysed, f"/runs/1?weight={last}")
    assert page.one("b", id="part-t").text.startswith("Part 3 of 3")
    assert last in layers(page)
    for part in ("layers", "panel", "health"):
        assert last in analysed.client.get(f"/runs/1/{part}", params={"weight": last}).text
    moved = analysed.client.get("/runs/1/layers", params={"name": last}, follow_redirects=False)
    assert moved.headers["location"] == f"/runs/1/layers?weight={last}"


def test_a_comparison_has_parts_too(service: Service) -> None:
    compared(service)
    names = [tensor["name"] for tensor in service.get("/api/v1/checkpoints/1/tensors")]
    for number, name in enumerate(names, 1):  # two rows of each matrix, so that each is a part
        page = page_of(service, f"/runs/1?part={number}")
        assert set(layers(page)) == {name}
        assert page.one("b", id="part-t").text.startswith(f"Part {number} of {len(names)}: tensors ")
    assert service.client.get("/runs/1/cells", params={"part": "2"}).status_code == 200
    assert service.client.get("/runs/1/matrix", params={"part": "2"}).status_code == 200
    assert "Part 2 of" in words(read(service.client.get("/runs/1?alone=true&part=2").text).one("section", id="part"))
