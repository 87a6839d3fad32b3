import pytest
import torch
from safetensors.torch import save

from frontend.numbers import short
from tests.app.pages.reader import Page, read, words
from tests.comparisons import adapter
from tests.service import Service, model, tensors


def page_of(service: Service, **parameters: str | list[str]) -> Page:
    answer = service.client.get("/runs/1", params=parameters)
    assert answer.status_code == 200
    return read(answer.text)


def layers(page: Page) -> list[str]:
    rows = [row for row in page.all("tr") if "data-key" in row.attributes and "hidden" not in row.attributes]
    return [row.attributes["data-key"] or "" for row in rows]


def test_a_report_shows_what_the_api_gives(analysed: Service) -> None:
    page = page_of(analysed)
    report = analysed.get("/api/v1/runs/1/report")
    summary = report["summary"]["esd"]
    said = f"{report['summary']['entries']['headline']} {summary['headline']}"  # the entries explain the others
    said = said.replace("docs/evidence.md", "What is known about α")  # a link to that page
    assert said == words(page.one("p", class_="verdict"))
    assert "left out\n      5 of 5" in page.one("dl", class_="kpis").text  # no fit of so small a model is firm
    assert (
        f"{report['coverage']['analysed']} of {report['coverage']['tensors']} tensors"
        in page.one("div", id="coverage").text
    )
    shown = {row.attributes["data-key"]: words(row) for row in page.all("tr") if "data-key" in row.attributes}
    for row in report["tables"]["esd"]:
        assert short(row["alpha"]) in shown[row["weight"]]
    for finding in report["findings"]:
        assert finding["text"] in page.one("section", id="findings").text


def test_layers_come_largest_first_and_as_asked(analysed: Service) -> None:
    by_alpha = [row["weight"] for row in analysed.get("/api/v1/runs/1/tables/esd", sort="-alpha")["rows"]]
    assert layers(page_of(analysed)) == by_alpha
    assert layers(page_of(analysed, sort="alpha")) == by_alpha[::-1]
    by_rank = [row["weight"] for row in analysed.get("/api/v1/runs/1/tables/norms", sort="-stable_rank")["rows"]]
    page = page_of(analysed, sort="-stable_rank")
    assert layers(page) == by_rank
    assert page.one("th", data_name="stable_rank").attributes["aria-sort"] == "descending"


def test_filters_are_in_the_address(analysed: Service) -> None:
    assert layers(page_of(analysed, q="QUERY", sort="layer")) == [
        "model.layers.0.self_attn.q_proj.weight",
        "model.layers.1.self_attn.q_proj.weight",
    ]
    asked = analysed.get("/api/v1/runs/1")["diagnostics"]
    assert {"esd", "norms", "entries"} == set(asked)
    flagged = [row for name in asked for row in analysed.get(f"/api/v1/runs/1/tables/{name}", flagged=True)["rows"]]
    assert set(layers(page_of(analysed, show="flagged"))) == {row["weight"] for row in flagged}
    (none,) = [p for p in page_of(analysed, q="nothing like it").all("p") if "data-none" in p.attributes]
    assert "hidden" not in none.attributes


def test_the_panel_shows_the_chosen_layer(analysed: Service) -> None:
    name = "model.layers.1.mlp.up_proj.weight"
    page = page_of(analysed, weight=name)
    assert page.one("h2", id="p-t").text == "Block 1 · MLP up"
    assert page.one("tr", data_key=name).attributes["aria-current"] == "true"
    figures = [e.attributes["data-figure"] for e in page.elements if "data-figure" in e.attributes]
    assert f"/api/v1/runs/1/figures/esd/density?weight={name}" in figures
    for address in figures:
        assert analysed.client.get(address or "").json()["data"]


def test_another_colour_changes_the_grid_and_the_figure(analysed: Service) -> None:
    page = page_of(analysed, color="stable_rank")
    chosen = next(option for option in page.all("option") if "selected" in option.attributes)  # the rules' come later
    assert chosen.attributes["value"] == "stable_rank"
    assert page.one("section", id="picture").text.strip().startswith("Stable rank by depth")


def test_columns_are_chosen_in_the_address(analysed: Service) -> None:
    page = page_of(analysed, columns=["norms.entropy", "alpha", "kernel"])
    heads = [head.attributes["data-name"] for head in page.all("th") if "data-name" in head.attributes]
    assert heads == ["layer", "shape", "alpha", "kernel", "entropy"]
    ticked = [box.attributes["value"] for box in page.all("input", name="columns") if "checked" in box.attributes]
    assert ticked == ["alpha", "kernel", "entropy"]
    link = page.one("a", data_sort="alpha").attributes["href"] or ""
    assert link == "/runs/1?sort=alpha&columns=norms.entropy&columns=alpha&columns=kernel"


def test_nan_is_the_first_row_and_a_marked_cell_that_is_read_out(service: Service) -> None:
    weights = tensors()
    broken = "model.layers.1.mlp.up_proj.weight"
    weights[broken][3, 5] = float("nan")
    service.upload(save(weights))
    service.run(1)
    service.work()
    page = page_of(service)
    assert layers(page)[0] == broken
    (cell,) = page.all("a", class_="cell a-nan")
    assert cell.attributes["data-pick"] == broken
    assert cell.attributes["aria-label"] == cell.attributes["title"]
    assert cell.attributes["title"] == "Block 1 · MLP up: 1 of 1152 values are NaN or infinite"
    assert "NaN or infinity" in page.one("ul", class_="blanks").text
    coverage = words(page.one("div", id="coverage"))
    assert "1 × values that are NaN or infinite" in coverage
    assert coverage.count(broken) == 1  # in the list of what was left out


def test_what_is_still_to_come_is_not_left_out(service: Service) -> None:
    service.upload(model())
    service.work()
    service.run(1)
    coverage = words(page_of(service).one("div", id="coverage"))
    assert "0 of 7 tensors analysed" in coverage
    assert "5 remaining." in coverage
    assert "not analysed yet" not in coverage


def test_a_checkpoint_without_a_matrix(service: Service) -> None:
    service.upload(save({"norm.bias": torch.zeros(4)}))
    service.run(1)
    service.work()
    page = page_of(service)
    assert "Nothing to show." in page.one("div", id="soon").text
    assert "0 of 1 tensors analysed" in page.one("div", id="coverage").text


def test_several_checkpoints_have_a_report_each(analysed: Service) -> None:
    analysed.upload(model(layers=3), filename="second.safetensors")
    analysed.work()
    analysed.run(1, 2, diagnostics={"esd": {}, "norms": {}})
    analysed.work()
    first, second = (read(analysed.client.get(f"/runs/2?position={position}").text) for position in (0, 1))
    assert (len(layers(first)), len(layers(second))) == (5, 7)
    assert [link.text for link in second.all("a", aria_current="true") if "position" in (link.attributes["href"] or "")]
    assert analysed.client.get("/runs/2?position=2").status_code == 404


def test_run_again_and_delete(analysed: Service) -> None:
    answer = analysed.client.post("/runs/1/again", follow_redirects=False)
    assert answer.headers["location"] == "/runs/2"
    assert analysed.get("/api/v1/runs/2")["diagnostics"] == analysed.get("/api/v1/runs/1")["diagnostics"]
    own = {"random_matrix": {"replicas": 1}}
    analysed.client.post("/api/v1/runs", json={"checkpoints": [1], "diagnostics": own})
    analysed.client.post("/runs/3/again")
    asked = analysed.get("/api/v1/runs/4")["diagnostics"]
    assert asked == analysed.get("/api/v1/runs/3")["diagnostics"]
    assert asked["random_matrix"]["replicas"] == 1
    answer = analysed.client.post("/runs/2/delete", follow_redirects=False)
    assert answer.headers["location"] == "/runs?undo=2"
    analysed.client.post("/runs/2/delete")
    analysed.get("/api/v1/runs/2", status=404)


@pytest.mark.parametrize("part", ["panel", "health"])
def test_parts_of_a_run_without_rows(service: Service, part: str) -> None:
    service.upload(model())
    service.run(1)
    assert service.client.get(f"/runs/1/{part}").status_code == 404


def test_an_adapter_by_itself_says_what_to_do(service: Service) -> None:
    service.send("LoRA", adapter())
    service.run(1)  # as the first page does, before anybody knows what it is
    service.work()
    checkpoint = read(service.client.get("/checkpoints/1").text)
    links = [link.attributes["href"] for link in checkpoint.all("a") if "base" in link.text]
    assert links == ["/compare?tuned=1"] * 2
    assert not checkpoint.all("form", action="/checkpoints/1/analyse")
    (link,) = page_of(service).all("a", href="/compare?tuned=1")
    assert link.text == "Compare it with its base"


@pytest.mark.parametrize("tuned", [False, True])
def test_the_worst_ten_findings_are_seen_and_the_rest_behind_more(service: Service, tuned: bool) -> None:
    noise = torch.Generator().manual_seed(0)
    weights = {f"part_{letter}.weight": torch.randn(16, 16, generator=noise) for letter in "abcdefghijklm"}
    service.upload(save(weights))
    broken = {name: matrix.index_fill(0, torch.tensor(3), float("nan")) for name, matrix in weights.items()}
    broken["part_a.weight"] = weights["part_a.weight"]
    service.upload(save(broken))
    service.work()
    service.run(*((1, 2) if tuned else (2,)))
    service.work()
    first, rest = page_of(service).all("ol", class_="findings")
    assert first.text.count("holds values that are NaN or infinite") == 10
    assert rest.text.count("holds values that are NaN or infinite") == 2
