"""The list of checkpoints: searched, filtered, sorted, counted, and read page by page."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from app.errors import BadRequest
from app.lists.overviews import newest
from app.lists.selection import Part, Place, Selection, after, holds, holds_line, order, part_condition, words_of
from app.models import Checkpoint, Overview

S = TypeVar("S", bound=Select[*tuple[Any, ...]])
Order = tuple[Any, Any]  # a column, and the alias of overviews that holds it, if one does


def _of_overviews(name: str, *conditions: Any) -> Callable[[], Order]:
    def make() -> Order:
        alias = newest(*conditions)
        return getattr(alias, name), alias

    return make


ORDERS: Mapping[str, Callable[[], Order]] = {
    "added": lambda: (Checkpoint.id, None),
    "name": lambda: (func.lower(Checkpoint.name), None),
    "size": lambda: (Checkpoint.bytes, None),
    "parameters": lambda: (Checkpoint.parameters, None),
    "alpha": _of_overviews("median_alpha", Overview.median_alpha.is_not(None)),
    "intruders": _of_overviews("intruders", Overview.intruders.is_not(None)),
    "worst": _of_overviews("severity"),
}


def find(
    session: Session, selection: Selection, limit: int, place: Place | None = None, offset: int = 0
) -> Sequence[tuple[Checkpoint, Place]]:
    """At most so many rows, each with its place in the order. Raises BadRequest for an unknown order."""
    name, down = selection.sort.removeprefix("-"), selection.sort.startswith("-")
    if name not in ORDERS:
        raise BadRequest(f"Checkpoints cannot be sorted by {name!r}; choose one of: {', '.join(ORDERS)}.")
    value, alias = ORDERS[name]()
    query = _filter(select(Checkpoint, value), selection)
    if alias is not None:
        query = query.outerjoin(alias, alias.checkpoint_id == Checkpoint.id)
    if place is not None:
        query = query.where(after(value, Checkpoint.id, down, place))
    query = query.order_by(*order(value, Checkpoint.id, down)).limit(limit).offset(offset)
    return [(row, Place(key, row.id)) for row, key in session.execute(query)]


def count(session: Session, selection: Selection) -> int:
    """How many rows there are on all pages."""
    return session.scalar(_filter(select(func.count(Checkpoint.id)), selection)) or 0


def size(session: Session, selection: Selection) -> int:
    """Bytes of all of them."""
    return session.scalar(_filter(select(func.sum(Checkpoint.bytes)), selection)) or 0


def _filter(query: S, selection: Selection) -> S:
    query = query.where(part_condition(Checkpoint, selection.part), *_conditions(selection))
    if selection.severity:
        alias = newest()
        query = query.join(alias, alias.checkpoint_id == Checkpoint.id).where(alias.severity >= selection.severity)
    return query


def _conditions(selection: Selection) -> list[ColumnElement[bool]]:
    found = [holds(Checkpoint.search, word) for word in words_of(selection.text)]
    if selection.tag:
        found.append(holds_line(Checkpoint.search, f"#{selection.tag}"))
    if selection.fact:
        found.append(holds_line(Checkpoint.search, selection.fact))
    if selection.state:
        found.append(Checkpoint.state == selection.state)
    if selection.kind:
        found.append(Checkpoint.kind == selection.kind)
    return found


def tags(session: Session) -> list[tuple[str, int]]:
    """Every tag of a checkpoint outside the trash with its count, the most frequent first."""
    query = select(Checkpoint.tags).where(Checkpoint.trashed_at.is_(None), Checkpoint.search.contains("\n#"))
    counts = Counter(tag for found in session.scalars(query) for tag in found)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def part_counts(session: Session) -> dict[Part, int]:
    """How many checkpoints each part of the list has, without filters."""
    return {part: count(session, Selection(part=part)) for part in Part}
