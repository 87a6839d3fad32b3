"""The list of runs: searched by their own words and those of their checkpoints, filtered, sorted, counted."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.orm import Session

from app.errors import BadRequest
from app.lists.selection import Part, Place, Selection, after, holds, holds_line, order, part_condition, words_of
from app.models import Checkpoint, Member, Overview, Run

ORDERS: Mapping[str, Callable[[], Any]] = {
    "added": lambda: Run.id,
    "ended": lambda: Run.finished_at,
    "worst": lambda: _severity(),
}


def _severity() -> Any:
    """SQL: the worst finding of any of its checkpoints; NULL where there is no overview."""
    return select(func.max(Overview.severity)).where(Overview.run_id == Run.id).scalar_subquery()


def find(
    session: Session, selection: Selection, limit: int, place: Place | None = None, offset: int = 0
) -> Sequence[tuple[Run, Place]]:
    """At most so many rows, each with its place in the order. Raises BadRequest for an unknown order."""
    name, down = selection.sort.removeprefix("-"), selection.sort.startswith("-")
    if name not in ORDERS:
        raise BadRequest(f"Runs cannot be sorted by {name!r}; choose one of: {', '.join(ORDERS)}.")
    value = ORDERS[name]()
    query = select(Run, value).where(*_conditions(selection))
    if place is not None:
        query = query.where(after(value, Run.id, down, place))
    query = query.order_by(*order(value, Run.id, down)).limit(limit).offset(offset)
    return [(row, Place(key, row.id)) for row, key in session.execute(query)]


def count(session: Session, selection: Selection) -> int:
    """How many rows there are on all pages."""
    query: Select[Any] = select(func.count(Run.id)).where(*_conditions(selection))
    return session.scalar(query) or 0


def _conditions(selection: Selection) -> list[ColumnElement[bool]]:
    found = [part_condition(Run, selection.part), *(_matches(word) for word in words_of(selection.text))]
    if selection.part is not Part.TRASH:
        found.append(~_over(Checkpoint.trashed_at.is_not(None)))
    if selection.tag:
        found.append(holds_line(Run.search, f"#{selection.tag}"))
    if selection.state:
        found.append(Run.state == selection.state)
    if selection.severity:
        found.append(_severity() >= selection.severity)
    return found


def _matches(word: str) -> ColumnElement[bool]:
    return or_(holds(Run.search, word), _over(holds(Checkpoint.search, word)))


def _over(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether one of the run's checkpoints is such."""
    return exists().where(Member.run_id == Run.id, Member.checkpoint_id == Checkpoint.id, condition)


def tags(session: Session) -> list[tuple[str, int]]:
    """Every tag of a run outside the trash with its count, the most frequent first."""
    query = select(Run.tags).where(Run.trashed_at.is_(None), Run.search.contains("\n#"))
    counts = Counter(tag for found in session.scalars(query) for tag in found)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def part_counts(session: Session) -> dict[Part, int]:
    """How many runs each part of the list has, without filters."""
    return {part: count(session, Selection(part=part)) for part in Part}
