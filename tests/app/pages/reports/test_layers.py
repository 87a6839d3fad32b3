"""The page of one layer: all of its numbers, its neighbours, itself elsewhere, and the check."""

import pytest
import torch
from safetensors.torch import save

from app.models import Check
from app.states import CheckState
from tests.app.pages.reader import Page, read, words
from tests.service import Service, model

NAME = "model.layers.0.self_attn.q_proj.weight"


def show(service: Service, weight: str = NAME) -> Page:
    answer = service.client.get("/runs/1/layers", params={"weight": weight})
    assert answer.status_code == 200, answer.text
    return read(answer.text)


def test_every_number_of_every_diagnostic_is_there(analysed: Service) -> None:
    page = show(analysed)
    report = analysed.get("/api/v1/runs/1/report")["tables"]
    numbers = page.one("section", id="numbers")
    exact = {cell.attributes.get("title") for cell in page.all("td")}
    for rows in report.values():
        row = next(row for row in rows if row["weight"] == NAME)
        for column in set(row) - {"weight", "tensor", "label", "role", "depth", "shape", "slices", "group", "note"}:
            assert str(row[column]) in exact, column
    assert "of 2" in words(numbers)  # its rank among the two queries
    assert page.one("h1").text.strip() == "Block 0 · query"
    assert NAME in words(page.one("div", id="head"))
    assert len(page.all("div", class_="plot density")) == 1


def test_neighbours_and_other_checkpoints_lead_to_their_own_pages(analysed: Service) -> None:
    analysed.client.post("/api/v1/checkpoints?filename=later.safetensors", content=model(layers=3))
    analysed.work()
    analysed.run(2)
    analysed.work()
    page = show(analysed)
    hrefs = [link.attributes["href"] or "" for link in page.all("a")]
    assert "/runs/1/layers?weight=model.layers.1.self_attn.q_proj.weight" in hrefs
    assert f"/runs/2/layers?weight={NAME}" in hrefs
    assert "later.safetensors" in words(page.one("section", id="elsewhere"))
    assert len(page.all("svg", class_="trend")) == 2
    assert {link.attributes.get("rel") for link in page.all("a")} >= {"next"}


def test_a_check_is_asked_for_and_shown_with_both_columns(analysed: Service) -> None:
    sent = {"weight": NAME, "position": "0"}
    answer = analysed.client.post("/runs/1/layers/check", data=sent, follow_redirects=False)
    assert answer.headers["location"] == f"/runs/1/layers?weight={NAME}#check"
    assert "data-moving" in show(analysed).one("section", id="check").attributes
    column = {"diagnostic": "esd", "column": "alpha", "ours": 3.25, "theirs": 3.5, "agrees": False}
    with analysed.database.writing() as session:
        row = session.get_one(Check, 1)
        row.state, row.version, row.columns = CheckState.DONE, "0.7.7", [column]
    told = words(show(analysed).one("section", id="check"))
    for text in ("WeightWatcher 0.7.7", "3.50000", "3.25000", "Differs"):
        assert text in told, text


def test_what_is_not_there_is_told_in_a_page(analysed: Service) -> None:
    for query in ("weight=nothing", "position=3"):
        answer = analysed.client.get(f"/runs/1/layers?{query}")
        assert (answer.status_code, "text/html" in answer.headers["content-type"]) == (404, True)


def test_the_panel_leads_to_it(analysed: Service) -> None:
    page = read(analysed.client.get("/runs/1", params={"weight": NAME}).text)
    assert page.all("a", href=f"/runs/1/layers?weight={NAME}")


@pytest.mark.parametrize(
    ("name", "found"), [(NAME, NAME), ("Block 1 · query", NAME.replace("0", "1")), ("model.embed_tokens.weight",) * 2]
)
def test_an_exact_name_leads_to_the_layer(analysed: Service, name: str, found: str) -> None:
    answer = analysed.client.get("/runs/1/layers", params={"name": name}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/1/layers?weight={found}")
    assert found in words(show(analysed, found).one("div", id="head"))


def test_a_tensor_of_several_weights_leads_to_its_first(service: Service) -> None:
    fused = torch.randn(72, 24, generator=torch.Generator().manual_seed(0))
    service.upload(save({"transformer.h.0.attn.c_attn.weight": fused.T.contiguous()}))
    service.run(1)
    service.work()
    rows = service.get("/api/v1/runs/1/report")["tables"]["norms"]
    assert len(rows) == 3
    params = {"name": rows[0]["tensor"]}
    answer = service.client.get("/runs/1/layers", params=params)
    assert answer.status_code == 200
    assert dict(answer.url.params)["weight"] == rows[0]["weight"] != rows[0]["tensor"]


@pytest.mark.parametrize("name", ["q_proj", NAME.upper(), "nothing"])
def test_what_is_no_exact_name_is_not_found(analysed: Service, name: str) -> None:
    answer = analysed.client.get("/runs/1/layers", params={"name": name})
    assert answer.status_code == 404
    assert "no layer of that name" in answer.text
