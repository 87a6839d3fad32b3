"""The page of reports side by side: who they are, what changed, every layer's differences, and spectra overlaid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel, Field

from analysis.diagnostic import Column, Table
from analysis.facts import series_steps
from app.models import Overview
from app.pages.lists import Worst, facts_in_short, worst
from app.pages.views.state import LONGEST
from app.runs.beside import Beside, Ref
from frontend import numbers
from frontend.compared import Compared, brief, style_of
from frontend.numbers import minus, plural, short
from frontend.rows import number, rows_at
from frontend.tables.beside import BesideRow, Changes, beside, changes
from frontend.tables.columns import Place, group_places, pick_columns, place_named, places
from frontend.tables.lineup import Lineup, lineup
from frontend.tables.trend import Point, Trend, trend

PATH = "/compare/reports"


class BesideQuery(BaseModel):
    """What the page is asked for."""

    of: str = Field("", max_length=200)  # "12,15.1": runs, or run.position
    name: str = Field("", max_length=255)  # the newest reports of checkpoints of this name, where no reports are named
    column: str = Field("", max_length=80)
    weight: str = Field("", max_length=LONGEST)
    sort: str = Field("", max_length=20)  # "layer", or by the largest difference
    q: str = Field("", max_length=500)  # filter of the layers
    find: str = Field("", max_length=200)  # search of the picker


@dataclass(frozen=True, slots=True)
class Report:
    """One of the reports: a row, with a few of its numbers and their differences to the first."""

    ref: Ref
    url: str
    look: Compared
    when: str
    facts: str
    worst: Worst | None
    values: tuple[tuple[str, str], ...]  # the median of each column, and its difference
    without: str  # the address without it
    first: str  # the address with it in front; "" where it is


def address(query: BesideQuery, **changed: Any) -> str:
    """The same page with something else asked for."""
    values = query.model_copy(update=changed).model_dump(exclude_defaults=True)
    text = urlencode(values, safe=",", errors="replace")
    return PATH + (f"?{text}" if text else "")


class BesideView:
    """The parts of the page, each made when the template asks for it."""

    def __init__(self, found: Beside, query: BesideQuery, overviews: Mapping[Ref, Overview], now: float) -> None:
        self.found, self.query, self._overviews, self._now = found, query, overviews, now
        self.looks = [style_of(name, place) for place, name in enumerate(found.tables[0].names)]
        self.count = len(found.refs)

    @cached_property
    def short_names(self) -> list[str]:
        """The reports' names where there is little room, each told from the others."""
        return brief([look.name for look in self.looks])

    def link(self, **changed: Any) -> str:
        return address(self.query, **changed)

    def hidden(self, *without: str) -> list[tuple[str, str]]:
        values = self.query.model_dump(exclude_defaults=True)
        return [(name, str(value)) for name, value in values.items() if name not in without]

    @cached_property
    def columns(self) -> list[Place]:
        """The few columns that the reports' medians are told of."""
        return pick_columns(self.found.tables)

    @cached_property
    def of_firm(self) -> str:
        """Which of the medians are of firm fits alone, in words."""
        titles = [place.column.title for place in self.columns if leaves_out(place)]
        return f"; of {', '.join(titles)} over firm fits alone" if titles else ""

    @property
    def is_of_firm(self) -> bool:
        return leaves_out(self.place)

    @cached_property
    def choices(self) -> list[tuple[str, list[Place]]]:
        return group_places([place for place in places(self.found.tables).values() if place.numeric])

    @cached_property
    def place(self) -> Place:
        """The column whose layers are compared."""
        chosen = place_named(places(self.found.tables), self.query.column)
        return chosen if chosen is not None and chosen.numeric else self.columns[0]

    @cached_property
    def reports(self) -> list[Report]:
        return [self._report(place) for place in range(self.count)]

    def _report(self, place: int) -> Report:
        ref, run = self.found.refs[place], self.found.runs[place]
        others = [str(one) for one in self.found.refs if one != ref]
        return Report(
            ref=ref,
            url=f"/runs/{ref.run}" + (f"?position={ref.position}" if ref.position else ""),
            look=self.looks[place],
            when=numbers.describe_age(run.finished_at or run.created_at, self._now),
            facts=facts_in_short(self.found.checkpoints[place].known),
            worst=worst(self._overviews.get(ref)),
            values=tuple(self._median(column, place) for column in self.columns),
            without=self.link(of=",".join(others), name=""),
            first="" if place == 0 else self.link(of=",".join([str(ref), *others]), name=""),
        )

    def _median(self, column: Place, place: int) -> tuple[str, str]:
        own, first = (middle(column.table, column.column, at) for at in (place, 0))
        if own is None:
            return numbers.ABSENT, ""
        is_same = place == 0 or first is None
        return short(own), "" if is_same or first is None else signed(own - first)

    # --- layer by layer ---

    @cached_property
    def all_rows(self) -> list[BesideRow]:
        return beside(self.place.table, self.place.column, self.count)

    @cached_property
    def rows(self) -> Sequence[BesideRow]:
        """Those that the filter lets through, the largest differences first unless the network's order is asked for."""
        text = self.query.q.strip().lower()
        rows = [row for row in self.all_rows if text in row.search]
        return rows if self.query.sort == "layer" else sorted(rows, key=lambda row: -row.largest)

    @cached_property
    def changed(self) -> list[tuple[Compared, str]]:
        """What each report after the first has that differs, in a sentence or two."""
        return [(self.looks[place], self._sentence(changes(self.all_rows, place))) for place in range(1, self.count)]

    def _sentence(self, found: Changes) -> str:
        title = self.place.column.title
        if not found.shared:
            return "No layer has a value in both."
        parts = [
            f"{title} is larger in {found.larger} and smaller in {found.smaller} of {plural(found.shared, 'layer')}"
        ]
        if found.beyond is not None:
            parts.append(f"in {found.beyond} by more than two standard errors")
        text = ", ".join(parts) + "."
        if found.median is not None:
            text += f" Median difference {signed(found.median)}."
        if found.most is not None:
            text += f" Most in {found.most.label}."
        only = [(found.only_first, "only in the first"), (found.only_other, "only in this one")]
        told = [f"{plural(count, 'layer')} {where}" for count, where in only if count]
        return text + (f" {', '.join(told)}." if told else "")

    @cached_property
    def middles(self) -> list[float | None]:
        """The median of the column in each report."""
        return [middle(self.place.table, self.place.column, place) for place in range(self.count)]

    @cached_property
    def steps(self) -> tuple[float, ...] | None:
        """The training steps of the reports; None where they are no series."""
        return series_steps([checkpoint.known for checkpoint in self.found.checkpoints])

    @cached_property
    def over_steps(self) -> Trend | None:
        """The median of the column over the steps of one training."""
        points = [
            Point(step, value, look.name)
            for step, value, look in zip(self.steps or (), self.middles, self.looks, strict=False)
            if value is not None
        ]
        return trend(self.place.column, sorted(points, key=lambda point: point.x), "reports", "training step")

    @cached_property
    def lineup(self) -> Lineup | None:
        """The median of the column in each of several reports that are no series."""
        return None if self.steps else lineup(self.place.column, self.looks, self.middles, "reports")

    # --- one layer ---

    @cached_property
    def weight(self) -> str:
        """The layer whose spectra are drawn: the one asked for, else that with the largest difference."""
        names = [row.name for row in self.all_rows]
        if self.query.weight in names:
            return self.query.weight
        return max(self.all_rows, key=lambda row: row.largest).name

    @property
    def label(self) -> str:
        return next(row.label for row in self.all_rows if row.name == self.weight)

    @property
    def figure(self) -> str:
        of = ",".join(map(str, self.found.refs))
        query = urlencode({"of": of, "weight": self.weight}, safe=",", errors="replace")
        return f"/api/v1/side-by-side/spectra?{query}"


def middle(table: Table, column: Column, place: int) -> float | None:
    """The median of a column in one report: as the report itself says it, without the values that are not judged."""
    pairs = [(row, number(row, column.name)) for row in rows_at(table, place)]
    values = [value for row, value in pairs if value is not None and column.judges(row)]
    return median(values) if values else None


def leaves_out(place: Place) -> bool:
    """Whether some values of a column are no part of its medians."""
    rows = (row for row in place.table.rows if row.value(place.column.name) is not None)
    return not all(map(place.column.judges, rows))


def signed(difference: float) -> str:
    """A difference with its sign.

    >>> signed(0.25), signed(-1.0)
    ('+0.250', '−1.00')
    """
    return ("+" if difference > 0 else "") + minus(short(difference))
