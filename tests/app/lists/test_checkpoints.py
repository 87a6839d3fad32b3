"""The list of checkpoints on SQLite: what it finds, in which order, and how its pages meet."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.errors import BadRequest
from app.lists import checkpoints as found
from app.lists.selection import Part, Place, Selection
from tests.app.lists import made
from tests.service import Service, settings


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder: Path = tmp_path_factory.mktemp("lists")
    service = Service(settings(folder))
    with service.database.writing() as session:
        first = made.checkpoint(session, "MiniLM base", stated={"width": 384.0}, tags=["best"])
        second = made.checkpoint(session, "Ünder_50%", kind="adapter", facts={"rank": 8}, bytes=900)
        made.checkpoint(session, "old", archived_at=1.0)
        made.checkpoint(session, "gone", trashed_at=1.0, tags=["lost"])
        last = made.checkpoint(session, "alpha", tags=["best", "v2"], notes="warm start", facts={"width": 3840})
        made.run(session, first, median_alpha=3.0, severity=1, finding="A note.", findings=1)
        made.run(session, first, last, severity=3, finding="NaN.", findings=4, intruders=7)
        made.run(session, second, median_alpha=5.0)
    yield service
    service.close()


def names(service: Service, **asked: Any) -> list[str]:
    with service.database.reading() as session:
        rows = found.find(session, Selection(**asked), 100)
        assert found.count(session, Selection(**asked)) == len(rows)
        return [row.name for row, _ in rows]


def test_the_newest_come_first_without_archive_and_trash(service: Service) -> None:
    assert names(service) == ["alpha", "Ünder_50%", "MiniLM base"]
    assert names(service, part=Part.ARCHIVED) == ["old"]
    assert names(service, part=Part.TRASH) == ["gone"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"text": "minilm"}, ["MiniLM base"]),
        ({"text": "BASE mini"}, ["MiniLM base"]),
        ({"text": "ünder"}, ["Ünder_50%"]),
        ({"text": "_50%"}, ["Ünder_50%"]),
        ({"text": "a_p"}, []),  # the underscore is itself
        ({"text": "width=384"}, ["alpha", "MiniLM base"]),
        ({"fact": "width=384"}, ["MiniLM base"]),
        ({"text": "#best"}, ["alpha", "MiniLM base"]),
        ({"text": "warm"}, ["alpha"]),
        ({"tag": "V2"}, ["alpha"]),
        ({"tag": "v"}, []),
        ({"kind": "adapter"}, ["Ünder_50%"]),
        ({"state": "rejected"}, []),
        ({"severity": 2}, ["alpha", "MiniLM base"]),
        ({"severity": 3, "tag": "v2"}, ["alpha"]),
    ],
)
def test_what_is_asked_for_is_found(service: Service, asked: dict[str, Any], expected: list[str]) -> None:
    assert names(service, **asked) == expected


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("added", ["MiniLM base", "Ünder_50%", "alpha"]),
        ("name", ["alpha", "MiniLM base", "Ünder_50%"]),
        ("-size", ["Ünder_50%", "alpha", "MiniLM base"]),
        ("alpha", ["MiniLM base", "Ünder_50%", "alpha"]),
        ("-alpha", ["Ünder_50%", "MiniLM base", "alpha"]),
        ("-worst", ["alpha", "MiniLM base", "Ünder_50%"]),
        ("-intruders", ["alpha", "MiniLM base", "Ünder_50%"]),
    ],
)
def test_pages_of_every_order_meet(service: Service, sort: str, expected: list[str]) -> None:
    assert names(service, sort=sort) == expected
    seen: list[str] = []
    place: Place | None = None
    with service.database.reading() as session:
        while rows := found.find(session, Selection(sort=sort), 1, place):
            seen.append(rows[0][0].name)
            place = rows[0][1]
        offset = found.find(session, Selection(sort=sort), 5, offset=1)
    assert seen == expected
    assert [row.name for row, _ in offset] == expected[1:]


def test_an_unknown_order_names_the_known(service: Service) -> None:
    with pytest.raises(BadRequest, match="added, name"), service.database.reading() as session:
        found.find(session, Selection(sort="colour"), 1)


def test_tags_bytes_and_parts_are_counted(service: Service) -> None:
    with service.database.reading() as session:
        assert found.tags(session) == [("best", 2), ("v2", 1)]
        assert found.size(session, Selection()) == 1100
        assert found.part_counts(session) == {Part.ACTIVE: 3, Part.ARCHIVED: 1, Part.TRASH: 1}
