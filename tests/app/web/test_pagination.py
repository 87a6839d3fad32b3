"""Cursors: every list, walked page by page while things are added, gives each thing once and misses none."""

import base64
import json
from typing import Any

import pytest

from tests.service import Service, model

TABLE = "/api/v1/runs/1/tables/norms"


def walk(service: Service, path: str, meanwhile: Any = None, **parameters: Any) -> list[Any]:
    """All things of a list, by its links; `meanwhile` is done after the first page."""
    found, answer = [], service.client.get(path, params=parameters)
    while True:
        assert answer.status_code == 200, answer.text
        body = answer.json()
        found += body["rows"] if isinstance(body, dict) else body
        if meanwhile is not None:
            meanwhile()
            meanwhile = None
        if "next" not in answer.links:
            return found
        answer = service.client.get(answer.links["next"]["url"])


def test_checkpoints_are_walked_while_more_come(service: Service) -> None:
    for layers in (1, 2, 3, 4):
        service.upload(model(layers))
    found = walk(service, "/api/v1/checkpoints", lambda: service.upload(model(5)), limit=2)
    assert [each["id"] for each in found] == [4, 3, 2, 1]


def test_runs_are_walked_while_one_goes(analysed: Service) -> None:
    for _ in range(3):
        analysed.run(1)
    found = walk(analysed, "/api/v1/runs", lambda: analysed.client.delete("/api/v1/runs/3"), limit=2)
    assert [each["id"] for each in found] == [4, 3, 2, 1]


def test_tensors_and_mitigations_have_pages_too(compared: Service) -> None:
    everything = compared.get("/api/v1/checkpoints/1/tensors")
    assert walk(compared, "/api/v1/checkpoints/1/tensors", limit=1) == everything
    for factor in (0.5, 0.75):
        compared.client.post("/api/v1/mitigations", json={"base": 1, "tuned": 2, "lambda": factor})
    assert [each["id"] for each in walk(compared, "/api/v1/mitigations", limit=1)] == [2, 1]


@pytest.mark.parametrize("sort", [None, "-sv_max", "weight"])
def test_rows_are_walked_in_the_order_that_is_asked_for(analysed: Service, sort: str | None) -> None:
    asked: dict[str, Any] = {} if sort is None else {"sort": sort}
    everything = analysed.get(TABLE, **asked)["rows"]
    assert len(everything) == 5
    assert walk(analysed, TABLE, limit=2, **asked) == everything


def test_a_link_keeps_the_filters(analysed: Service) -> None:
    assert [row["role"] for row in walk(analysed, TABLE, limit=1, role="q")] == ["q", "q"]


def test_the_last_page_names_no_next(service: Service) -> None:
    for layers in (1, 2):
        service.upload(model(layers))
    assert "link" not in service.client.get("/api/v1/checkpoints", params={"limit": 2}).headers


def test_a_cursor_is_good_for_its_own_list_only(analysed: Service) -> None:
    analysed.run(1)
    link = analysed.client.get("/api/v1/runs", params={"limit": 1}).links["next"]["url"]
    cursor = link.partition("cursor=")[2]
    assert analysed.client.get("/api/v1/runs", params={"cursor": cursor}).status_code == 200
    for path in ("/api/v1/checkpoints", "/api/v1/checkpoints/1/tensors", TABLE, f"{TABLE}?sort=weight"):
        answer = analysed.client.get(path, params={"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad-cursor"), path


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "%%%", "é", base64.b64encode(b"[1, 2, 3]").decode(), base64.b64encode(b"\xff").decode(), "W1" * 100],
)
def test_what_is_no_cursor_is_refused(service: Service, cursor: str) -> None:
    answer = service.client.get("/api/v1/runs", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-cursor")


@pytest.mark.parametrize("place", [True, None, 1.5, [1], "name", "\ud800", 10**30, -(10**30)])
def test_a_made_up_place_is_refused(analysed: Service, place: Any) -> None:
    analysed.run(1)
    link = analysed.client.get("/api/v1/runs", params={"limit": 1}).links["next"]["url"]
    held = json.loads(base64.urlsafe_b64decode(link.partition("cursor=")[2] + "=="))
    made = base64.urlsafe_b64encode(json.dumps([place, held[1]]).encode()).decode().rstrip("=")
    assert analysed.client.get("/api/v1/runs", params={"cursor": made}).status_code == 400


@pytest.mark.parametrize("place", ["gone:0", "\ud800", "\0", 10**30])
def test_a_row_that_is_not_there_begins_no_page(analysed: Service, place: Any) -> None:
    link = analysed.client.get(TABLE, params={"limit": 1}).links["next"]["url"]
    held = json.loads(base64.urlsafe_b64decode(link.partition("cursor=")[2] + "=="))
    made = base64.urlsafe_b64encode(json.dumps([place, held[1]]).encode()).decode().rstrip("=")
    assert analysed.client.get(TABLE, params={"cursor": made}).json()["code"] == "bad-cursor"
