"""The page that puts any two to eight reports side by side, with a picker that searches."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from app import models
from app.errors import BadRequest, NotFound
from app.lists import overviews
from app.lists import runs as run_list
from app.lists.selection import Selection
from app.pages import lists
from app.pages.rendering import PageRoute, page, see
from app.pages.reports.beside_view import BesideQuery, BesideView, address
from app.runs import beside, runs
from app.runs.beside import FEWEST, MOST, Ref
from app.runs.members import names_of
from app.states import RunState
from app.web.dependencies import LARGEST_ID, Reading
from frontend import numbers

router = APIRouter(prefix="/compare/reports", route_class=PageRoute)
OFFERED = 30  # reports in the picker
LOOKED_AT = 4 * OFFERED  # the newest runs that may be offered: those that only compare are not
Place = Annotated[int, Query(ge=0, le=1000)]


@dataclass(frozen=True, slots=True)
class Offer:
    """A report to add."""

    name: str
    words: str
    url: str
    chosen: bool


@router.get("")
def show(request: Request, session: Reading, query: Annotated[BesideQuery, Query()]) -> Response:
    refs, wrong = read_refs(session, query.of)
    if not refs and not wrong and query.name:
        refs = tuple(beside.named(session, query.name))
    now = time.time()
    asked = query.model_copy(update={"of": ",".join(map(str, refs))})
    view = None
    if len(refs) >= FEWEST:
        try:
            view = BesideView(beside.put_beside(session, refs), asked, overviews_of(session, refs), now)
        except BadRequest as error:
            wrong.append(str(error))
    return page(
        request,
        "pages/beside.html",
        400 if wrong else 200,
        page="compare",
        wrong=wrong,
        view=view,
        query=asked,
        refs=refs,
        fewest=FEWEST,
        most=MOST,
        offers=offers(session, asked, refs, now),
        chosen=[
            Offer(name, "", address(asked, of=_without(refs, ref), name=""), True)
            for ref, name in _named(session, refs)
        ],
    )


def read_refs(session: Reading, text: str) -> tuple[tuple[Ref, ...], list[str]]:
    """The reports that an address names and that are there, at most MOST, and what is wrong with the others."""
    refs: dict[Ref, None] = {}
    wrong = []
    for part in filter(None, map(str.strip, text.split(","))):
        try:
            found = beside.parse_refs(part)
            for ref in found:
                beside.check_ref(runs.get(session, ref.run), ref)
            refs |= dict.fromkeys(found)
        except (BadRequest, NotFound) as error:
            wrong.append(str(error))
    if len(refs) > MOST:
        wrong.append(
            f"At most {MOST} reports stand side by side; {len(refs)} are named, and the first {MOST} are here."
        )
    return tuple(refs)[:MOST], wrong


def _named(session: Reading, refs: Sequence[Ref]) -> list[tuple[Ref, str]]:
    """What the chosen reports are called, where there are too few to show."""
    found = [(ref, session.get(models.Run, ref.run)) for ref in refs]
    return [
        (ref, names_of(run)[ref.position]) for ref, run in found if run is not None and ref.position < len(run.members)
    ]


def overviews_of(session: Reading, refs: Sequence[Ref]) -> dict[Ref, models.Overview]:
    found = overviews.of_runs(session, [ref.run for ref in refs])
    return {Ref(row.run_id, row.position): row for row in found}


def _without(refs: Sequence[Ref], ref: Ref) -> str:
    return ",".join(str(one) for one in refs if one != ref)


@router.get("/since/{run}")
def since(session: Reading, run: Annotated[int, Path(ge=1, le=LARGEST_ID)], position: Place = 0) -> Response:
    """To what changed since the report before of a checkpoint of the same name; to the picker where there is none."""
    row, here = runs.get(session, run), Ref(run, position)
    beside.check_ref(row, here)
    before = beside.previous(session, row, position)
    return see(f"/compare/reports?of={here}" if before is None else f"/compare/reports?of={before},{here}")


def offers(session: Reading, query: BesideQuery, refs: Sequence[Ref], now: float) -> list[Offer]:
    """The newest finished reports that the search finds, a line for each checkpoint, with the address that adds it."""
    found = run_list.find(session, Selection(text=query.find, state=RunState.DONE), LOOKED_AT)
    lines = []
    for run in filter(beside.looks_at_each, (run for run, _ in found)):
        for member, name in zip(run.members, names_of(run), strict=True):
            ref = Ref(run.id, member.position)
            facts = lists.facts_in_short(member.checkpoint.known)
            words = " · ".join(filter(None, (f"run {run.id}", facts, numbers.describe_age(run.created_at, now))))
            url = address(query, of=",".join(map(str, [*refs, ref])), name="")
            lines.append(Offer(name, words, url, ref in refs))
    return lines[:OFFERED]
