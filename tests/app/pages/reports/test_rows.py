"""Every row of a long table, as JSON with the cells as HTML."""

import pytest

from app.pages.views import tables
from tests.app.pages.reader import read, words
from tests.service import Service


def test_a_long_table_holds_its_first_rows_and_says_where_all_are(
    analysed: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read(analysed.client.get("/runs/1").text)
    assert "data-rows" not in whole.one("table", id="rows").attributes
    monkeypatch.setattr(tables, "LONG", 3)
    monkeypatch.setattr(tables, "FIRST", 2)
    page = read(analysed.client.get("/runs/1?columns=alpha&columns=stable_rank&q=block").text)
    rows = [row for row in page.all("tr") if row.attributes.get("data-key")]
    assert len(rows) == 2
    assert "2 more. Show every row" in words(page.one("section", id="layers"))
    address = page.one("table", id="rows").attributes["data-rows"]
    assert address == "/runs/1/rows?columns=alpha&columns=stable_rank"
    found = analysed.client.get(address).json()
    assert len(found) == 5
    assert [len(row["keys"]) for row in found] == [4] * 5
    first = next(row for row in found if row["key"] == rows[0].attributes["data-key"])
    assert first["search"] == rows[0].attributes["data-search"]
    assert words(read(f"<tr>{first['html']}</tr>").one("tr")) == words(rows[0])
    every = read(analysed.client.get("/runs/1?rows=all").text)
    assert len([row for row in every.all("tr") if row.attributes.get("data-key")]) == 5
