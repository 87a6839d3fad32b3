"""What holds for every page."""

import json
from typing import Any

import pytest
import torch
from fastapi.routing import APIRoute
from safetensors.torch import save

from tests.app.pages.reader import read
from tests.service import Service

HOSTILE = [
    '"><script>alert(1)</script>',
    "<img src=x onerror=alert(1)>.weight",
    "../../etc/passwd",
    "javascript:alert(1)//",
    "{{ 7 * 7 }}",
    "nul\x00byte",
    "long." + "x" * 5000,
    "‮right to left",
]


WIDTHS = ["/scaling", "/scaling?of=1&of=2&run=1", "/runs/3", "/runs/3?view=drift&target=9"]


def pages(service: Service) -> list[str]:
    alone = ["/", "/checkpoints/1", "/runs/1", "/runs/1/panel", "/runs/1/health", "/api", "/login", "/runs/99"]
    cells = ["/runs/2/cells", "/runs/2/cells?color=relative_norm", "/runs/2/cells?view=flow"]
    lists = ["/checkpoints", "/runs", "/runs/1/layers", "/compare/reports?of=1", "/compare/reports?of=1,2"]
    return [*alone, *lists, "/compare", "/compare?base=1&tuned=2", "/runs/2", "/runs/2/matrix", *cells, *WIDTHS]


@pytest.fixture
def hostile(service: Service) -> Service:
    random = torch.Generator().manual_seed(0)
    tensors = {name: torch.randn(24, 24, generator=random) for name in HOSTILE}
    service.upload(save(tensors), filename='<svg onload=alert(1)>".safetensors')
    service.run(1)
    tuned = {name: tensor + 0.1 * torch.randn(24, 24, generator=random) for name, tensor in tensors.items()}
    service.upload(save(tuned), filename='"><img src=x onerror=alert(1)>.safetensors')
    service.run(1, 2)
    service.run(1, 2, diagnostics={"top_singular_value": {}})
    service.work()
    assert [service.get(f"/api/v1/runs/{identity}")["state"] for identity in (1, 2, 3)] == ["done"] * 3
    return service


def test_names_of_strangers_are_text(hostile: Service) -> None:
    for path in pages(hostile):
        page = read(hostile.client.get(path).text)
        for element in page.elements:
            assert element.tag not in ("img", "iframe", "object", "embed", "base")
            assert not any(name.startswith("on") or name == "style" for name in element.attributes), element
            address = element.attributes.get("href") or ""
            assert not address.lower().startswith("javascript:")
            if element.tag == "script":
                assert element.text == ""
                assert (element.attributes["src"] or "").startswith("/static/")


def test_every_name_is_shown_as_it_is(hostile: Service) -> None:
    page = read(hostile.client.get("/runs/1").text)
    keys = {row.attributes["data-key"] for row in page.all("tr") if "data-key" in row.attributes}
    assert {name for name in HOSTILE if "\x00" not in name} <= keys
    assert "49" not in read(hostile.client.get("/runs/1", params={"weight": HOSTILE[4]}).text).one("h2", id="p-t").text


def addressable(service: Service, part: str, table: str) -> list[dict[str, Any]]:
    """The rows that the part of a page can be asked for; the one of a NUL, which no address may hold, is refused."""
    rows: list[dict[str, Any]] = service.get(table)["rows"]
    (refused,) = [row for row in rows if "\x00" in row["weight"]]
    answer = service.client.get(part, params={"weight": refused["weight"]})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad-address")
    found = [row for row in rows if row is not refused]
    assert {row["weight"] for row in found} == {name for name in HOSTILE if "\x00" not in name}
    return found


def test_every_name_can_be_chosen(hostile: Service) -> None:
    for row in addressable(hostile, "/runs/1/panel", "/api/v1/runs/1/tables/esd"):
        page = read(hostile.client.get("/runs/1/panel", params={"weight": row["weight"]}).text)
        assert page.one("span", class_="mono raw").text == row["weight"]
        for figure in (element for element in page.elements if "data-figure" in element.attributes):
            answer = hostile.client.get(figure.attributes["data-figure"] or "")
            assert answer.status_code == 200
            assert json.loads(answer.text)["data"]


def test_every_name_can_be_compared(hostile: Service) -> None:
    for row in addressable(hostile, "/runs/2/matrix", "/api/v1/runs/2/tables/intruders"):
        page = read(hostile.client.get("/runs/2/matrix", params={"weight": row["weight"]}).text)
        assert page.one("p", class_="mono raw muted xs breaks").text == row["weight"]
        for figure in (element for element in page.elements if "data-figure" in element.attributes):
            drawn = hostile.client.get(figure.attributes["data-figure"] or "").json()
            assert drawn["data"]
            drawn["layout"].pop("meta")  # for those who do not see it: text
            assert "<img" not in json.dumps(drawn)  # Plotly would read it as markup


def test_pages_ask_for_nothing_from_elsewhere(analysed: Service) -> None:
    for path in pages(analysed):
        answer = analysed.client.get(path)
        for element in read(answer.text).elements:
            for name in ("src", "href", "action", "data-figure"):
                address = element.attributes.get(name) or "/"
                assert address.startswith(("/", "#", "?")), element
                assert not address.startswith("//"), element
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "'unsafe-inline'" not in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"


def test_what_pages_load_is_there(analysed: Service) -> None:
    found = set()
    for path in pages(analysed):
        for element in read(analysed.client.get(path).text).elements:
            found |= {element.attributes.get("src"), element.attributes.get("href"), element.attributes.get("content")}
    static = {address for address in found if address and address.startswith("/static/")}
    assert any("plotly-" in address for address in static)
    for address in static:
        assert analysed.client.get(address).status_code == 200, address


def test_links_lead_somewhere(analysed: Service) -> None:
    links = {
        element.attributes.get("href") or ""
        for path in pages(analysed)
        for element in read(analysed.client.get(path).text).all("a")
    }
    for link in links:
        if link.startswith("/"):
            assert analysed.client.get(link).status_code == 200, link


def test_every_field_and_picture_has_a_name(analysed: Service) -> None:
    for path in pages(analysed):
        page = read(analysed.client.get(path).text)
        for picture in page.all("svg", role="img") + page.all("div", role="img"):
            assert picture.attributes["aria-label"]
        assert len(page.all("caption")) == len(page.all("table"))
        ids = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
        assert len(ids) == len(set(ids))


def test_no_page_is_in_the_openapi(service: Service) -> None:
    stated = service.get("/api/v1/openapi.json")["paths"]
    assert all(path.startswith("/api/v1/") or path in ("/health", "/metrics") for path in stated)


def test_pages_that_change_things_are_posts(service: Service) -> None:
    app = service.client.app
    routes = [route for route in getattr(app, "routes", []) if isinstance(route, APIRoute)]
    for route in routes:
        if route.path.endswith(("/delete", "/cancel", "/again", "/analyse")) and not route.path.startswith("/api"):
            assert route.methods == {"POST"}
