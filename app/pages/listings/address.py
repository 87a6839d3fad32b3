"""The address of a list: its filters, its order, its page, so that a link shows what its sender saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel, Field, model_validator

from app.lists.parameters import CheckpointFilters, RunFilters
from app.lists.selection import Part

PER_PAGE = 50
LARGEST_PAGE = 100_000
PARTS = {Part.ACTIVE: "Active", Part.ARCHIVED: "Archive", Part.TRASH: "Trash"}


class PageQuery(BaseModel):
    """Which page; `undo` lists what was just moved to the trash."""

    page: int = Field(1, ge=1, le=LARGEST_PAGE)
    undo: str = Field("", max_length=2000)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, values: dict[str, Any]) -> dict[str, Any]:
        """A form sends what nobody chose as empty text."""
        return {name: value for name, value in values.items() if value != ""}


class CheckpointQuery(PageQuery, CheckpointFilters):
    """What the page of checkpoints is asked for."""


class RunQuery(PageQuery, RunFilters):
    """What the page of runs is asked for."""


Query = CheckpointQuery | RunQuery


@dataclass(frozen=True, slots=True)
class Tab:
    title: str
    count: int
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's heading that sorts; `state` is what aria-sort says."""

    url: str
    state: str


@dataclass(frozen=True, slots=True)
class Address:
    """A list's page: where it is, what it is asked for, and how many rows there are."""

    path: str
    query: Query
    total: int

    def link(self, **changes: Any) -> str:
        """The same list with something else asked for; a change of filters begins at the first page."""
        fresh = {"page": 1, "undo": ""} | changes
        values = self.query.model_copy(update=fresh).model_dump(mode="json", exclude_defaults=True)
        query = urlencode({name: value for name, value in values.items() if value not in (None, "")}, errors="replace")
        return self.path + (f"?{query}" if query else "")

    def heading(self, name: str, first: str = "-") -> Heading:
        """A heading's link: its usual first order, and the other way round from there."""
        current = self.query.sort
        if current.removeprefix("-") != name:
            return Heading(self.link(sort=first + name), "")
        is_down = current.startswith("-")
        return Heading(self.link(sort=name if is_down else f"-{name}"), "descending" if is_down else "ascending")

    def hidden(self, *without: str) -> list[tuple[str, str]]:
        """What a form must carry along so that sending it changes its own fields only."""
        values = self.query.model_dump(mode="json", exclude_defaults=True)
        left_out = {"page", "undo", *without}
        return [(name, str(value)) for name, value in values.items() if name not in left_out and value]

    def tabs(self, counts: dict[Part, int]) -> list[Tab]:
        """The parts of the list with how many rows each has; an empty archive or trash only where it is looked at."""
        return [
            Tab(title, counts[part], self.link(show=part), part is self.query.show)
            for part, title in PARTS.items()
            if counts[part] or part in (Part.ACTIVE, self.query.show)
        ]

    @property
    def pages(self) -> int:
        return max(1, ceil(self.total / PER_PAGE))

    @property
    def offset(self) -> int:
        return (self.query.page - 1) * PER_PAGE

    @property
    def span(self) -> str:
        """Which rows the page shows.

        >>> Address("/runs", RunQuery(page=2), 61).span
        '51–61 of 61'
        """
        if not self.total:
            return "none"
        last = min(self.offset + PER_PAGE, self.total)
        return f"{self.offset + 1:,}–{last:,} of {self.total:,}"

    @property
    def previous(self) -> str:
        return self.link(page=self.query.page - 1) if self.query.page > 1 else ""

    @property
    def next(self) -> str:
        return self.link(page=self.query.page + 1) if self.query.page < self.pages else ""

    @property
    def filtered(self) -> bool:
        return bool(self.hidden("sort", "show"))

    @property
    def undo(self) -> Sequence[int]:
        """The ids that were just moved to the trash."""
        return [int(part) for part in self.query.undo.split(",") if part.isascii() and part.isdecimal()]
