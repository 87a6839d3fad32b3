"""Reports side by side: chosen in the address, with differences, and a picker that searches."""

from collections.abc import Iterator

import pytest
import torch
from safetensors.torch import save
from torch import Tensor

from frontend.numbers import short
from tests.app.pages.compared import compared
from tests.app.pages.reader import read, words
from tests.service import Service, model, settings


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Three checkpoints of one name with a report each."""
    service = Service(settings(tmp_path_factory.mktemp("three")))
    for layers in (1, 2, 3):
        service.upload(model(layers), "net.safetensors")
        service.client.patch(f"/api/v1/checkpoints/{layers}", json={"facts": {"step": 100 * layers}})
        service.run(layers)
    service.work()
    yield service
    service.close()


def test_reports_stand_in_rows_and_layers_show_differences(three: Service) -> None:
    page = read(three.client.get("/compare/reports?of=1,2,3").text)
    reports = page.one("section", id="reports")
    assert words(reports).count("net.safetensors") >= 3
    layers = page.one("table", id="rows")
    assert words(layers).count("Difference") == 2
    assert "only those of more than two" in words(page.one("section", id="layers"))
    assert not any("title" in cell.attributes for cell in page.all("td"))
    assert len([row for row in page.all("tr") if row.attributes.get("data-key")]) == 7
    assert "of 3 layers" in words(page.one("section", id="changed"))
    figure = page.one("div", class_="plot spectra").attributes["data-figure"] or ""
    assert three.client.get(figure).status_code == 200
    assert not page.all("svg", class_="trend")  # these are too small for firm fits
    page = read(three.client.get("/compare/reports?of=1,2,3&column=stable_rank").text)
    assert page.all("svg", class_="trend")


def of_tail(rows: int, tail: int) -> Tensor:
    """A matrix whose spectrum is a bulk with a power law on top: with few enough values in it, its fit is firm."""
    random = torch.Generator().manual_seed(tail)
    left, right = (torch.linalg.qr(torch.randn(rows, rows, generator=random))[0] for _ in range(2))
    bulk = 0.5 + 0.5 * torch.rand(rows - tail, generator=random)
    law = (1 - torch.rand(tail, generator=random)) ** (-1 / 4)
    found: Tensor = left @ torch.diag(torch.cat([1.2 * law, bulk])) @ right
    return found


def test_a_median_is_the_one_that_the_report_says(service: Service) -> None:
    for tails in ((50, 50, 50), (40, 45, 30)):
        state = {f"model.layers.{at}.mlp.up_proj.weight": of_tail(160, tail) for at, tail in enumerate(tails)}
        state |= {f"model.layers.{at}.self_attn.q_proj.weight": torch.randn(40, 40) for at in range(3)}
        service.upload(save(state))
    for checkpoint in (1, 2):
        service.run(checkpoint)
    service.work()
    page = read(service.client.get("/compare/reports?of=1,2").text)
    heads = [words(head) for head in page.all("th", scope="col", class_="num")][:5]
    numbers = [words(cell).split()[0] for cell in page.all("td", class_="num")]
    for run, told in enumerate((numbers[:5], numbers[5:10]), 1):
        said = service.get(f"/api/v1/runs/{run}/report")["summary"]
        by_title = dict(zip(heads, told, strict=True))
        assert 0 < said["esd"]["left_out"] < said["esd"]["fitted"]
        assert by_title["α"] == short(said["esd"]["median_readable"])
        assert by_title["Stable rank"] == short(said["norms"]["median_stable_rank"])
    assert "of α over firm fits alone" in words(page.one("section", id="reports"))


def test_the_address_holds_column_filter_and_order(three: Service) -> None:
    page = read(three.client.get("/compare/reports?of=1,2&column=stable_rank&q=embedding&sort=layer").text)
    rows = [row for row in page.all("tr") if row.attributes.get("data-key")]
    assert len(rows) == 1
    assert "Stable rank of every layer" in words(page.one("section", id="layers"))
    assert page.all("input", type="hidden", name="of", value="1,2")


def test_a_name_is_followed_over_time_and_since_the_last(three: Service) -> None:
    page = read(three.client.get("/compare/reports?name=net.safetensors").text)
    assert page.one("h1").text == "net.safetensors over time"
    assert len([row for row in page.all("tr") if "data-member" in row.attributes]) == 3
    answer = three.client.get("/compare/reports/since/3", follow_redirects=False)
    assert answer.headers["location"] == "/compare/reports?of=2,3"
    assert three.client.get("/compare/reports/since/1", follow_redirects=False).headers["location"].endswith("of=1")
    link = read(three.client.get("/runs/3").text).one("a", href="/compare/reports/since/3")
    assert words(link) == "What changed since the last one"
    assert not read(three.client.get("/runs/1").text).all("a", href="/compare/reports/since/1")


def test_the_picker_searches_and_adds(three: Service) -> None:
    page = read(three.client.get("/compare/reports").text)
    assert page.all("a", href="/compare/reports?of=1")
    page = read(three.client.get("/compare/reports?of=1&find=step%3D200").text)
    assert words(page.one("div", id="few")).startswith("Choose at least one more report")
    assert [link.attributes["href"] for link in page.all("a", class_="btn")] == [
        "/compare/reports?of=1,2&find=step%3D200"
    ]
    assert "No finished report matches" in three.client.get("/compare/reports?find=nothing-such").text


def test_what_can_be_put_beside_another_is_offered_and_nothing_else(service: Service) -> None:
    compared(service)
    picker = read(service.client.get("/compare/reports").text).one("section", id="picker")
    assert "No finished report matches." in words(picker)
    for checkpoint in (1, 2):
        service.run(checkpoint)
    service.work()
    page = read(service.client.get("/compare/reports").text)
    added = [a.attributes["href"] for a in page.all("a") if (a.attributes.get("aria-label") or "").startswith("Add ")]
    assert added == ["/compare/reports?of=3", "/compare/reports?of=2"]
    assert service.client.get("/compare/reports?of=3,2").status_code == 200


def test_rows_of_the_lists_are_compared(three: Service) -> None:
    sent = {"id": ["1", "3"], "action": "compare"}
    answer = three.client.post("/checkpoints/change", data=sent, follow_redirects=False)
    assert answer.headers["location"] == "/compare/reports?of=1,3"
    answer = three.client.post("/runs/change", data=sent, follow_redirects=False)
    assert answer.headers["location"] == "/compare/reports?of=1,3"


@pytest.mark.parametrize(
    ("named", "kept", "said"),
    [
        ("1,99", "1", "Run 99 does not exist."),
        ("x", "", "“x” does not name reports"),
        ("1,1.4", "1", "Run 1 has no checkpoint at position 4: it has one, at position 0."),
        ("2,x,3", "2,3", "“x” does not name reports"),
        ("1,2,3,4,5,6,7,8,9", "1,2,3", "Run 9 does not exist."),
    ],
)
def test_what_is_not_there_is_said_and_the_choice_stays(three: Service, named: str, kept: str, said: str) -> None:
    answer = three.client.get(f"/compare/reports?of={named}")
    assert answer.status_code == 400
    page = read(answer.text)
    assert said in words(page.one("div", id="wrong"))
    assert len(page.all("form", role="search")) == 1
    assert [field.attributes["value"] for field in page.all("input", name="of")][:1] == ([kept] if kept else [])
    assert len([row for row in page.all("tr") if "data-member" in row.attributes]) == (
        0 if len(kept) < 2 else len(kept.split(","))
    )


def test_more_than_eight_are_cut_to_the_first_eight(service: Service) -> None:
    service.upload(model(1))
    service.work()
    for _ in range(9):
        service.run(1, diagnostics={"norms": {}})
    service.work()
    page = read(service.client.get("/compare/reports?of=1,2,3,4,5,6,7,8,9").text)
    assert "9 are named, and the first 8 are here" in words(page.one("div", id="wrong"))
    assert len([row for row in page.all("tr") if "data-member" in row.attributes]) == 8


def test_reports_with_nothing_to_put_side_by_side_can_be_taken_away(service: Service) -> None:
    compared(service)
    page = read(service.client.get("/compare/reports?of=1,1.1").text)
    assert "None of these reports has a table" in words(page.one("div", id="wrong"))
    assert words(page.one("div", id="few")).startswith("Choose others than base")
    assert page.all("a", href="/compare/reports?of=1.1")
