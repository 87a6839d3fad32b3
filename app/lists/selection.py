"""What a list is asked for: words, filters, an order, and where a page begins.

A page begins after the last row of the one before: (its value in the order, its id). What is absent comes last either
way, and rows with the same value are newest first.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from app.db import for_like
from app.errors import BadCursor

MOST_WORDS = 20


class Part(StrEnum):
    """Which part of a list."""

    ACTIVE = "active"
    ARCHIVED = "archived"
    TRASH = "trash"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows, in which order. `sort` is a name of an order, with a minus for the largest or last first."""

    text: str = ""  # words that are all in the searched lines
    tag: str = ""
    fact: str = ""  # "width=384"
    state: str = ""
    kind: str = ""
    severity: int = 0  # of the worst finding, at least: app.models.Overview
    part: Part = Part.ACTIVE
    sort: str = "-added"


@dataclass(frozen=True, slots=True)
class Place:
    """The last row of a page: its value in the order, and its id."""

    value: Any
    id: int

    def to_text(self) -> str:
        return json.dumps([self.value, self.id])


def parse_place(text: str | None) -> Place | None:
    """Raises BadCursor."""
    if text is None:
        return None
    try:
        value, identity = json.loads(text)
        is_plain = value is None or isinstance(value, str | int | float)
        if is_plain and isinstance(identity, int):
            return Place(value, identity)
    except (ValueError, TypeError):
        pass
    raise BadCursor("The cursor is not valid for this list. Use the Link header of the previous page.")


def part_condition(row: Any, part: Part) -> ColumnElement[bool]:
    """Rows of that part of the list. `row` is a model with app.models.Labelled."""
    if part is Part.TRASH:
        return and_(row.trashed_at.is_not(None))
    archived = row.archived_at.is_not(None) if part is Part.ARCHIVED else row.archived_at.is_(None)
    return and_(row.trashed_at.is_(None), archived)


def words_of(text: str) -> list[str]:
    return text.casefold().split()[:MOST_WORDS]


def holds(column: Any, text: str) -> ColumnElement[bool]:
    """Whether the searched lines hold this text, somewhere."""
    return and_(column.like(f"%{for_like(text)}%", escape="\\"))


def holds_line(column: Any, line: str) -> ColumnElement[bool]:
    """Whether this is one of the searched lines, whole."""
    return holds(column, "\n" + " ".join(line.casefold().split()) + "\n")


def order(value: Any, identity: Any, down: bool) -> Sequence[ColumnElement[Any]]:
    """By the value, what has none last, the newest first among the same."""
    return [value.is_(None), value.desc() if down else value.asc(), identity.desc()]


def after(value: Any, identity: Any, down: bool, place: Place) -> ColumnElement[bool]:
    """The rows that come after a place in that order."""
    later_of_same = identity < place.id
    if place.value is None:
        return and_(value.is_(None), later_of_same)
    beyond = value < place.value if down else value > place.value
    return or_(beyond, and_(value == place.value, later_of_same), value.is_(None))
