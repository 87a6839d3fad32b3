"""The page of all runs, and what is done to several of them at once."""

import time
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.lists import runs as run_list
from app.pages import lists
from app.pages.forms import Sent
from app.pages.listings import changes
from app.pages.listings.address import PER_PAGE, Address, RunQuery
from app.pages.rendering import PageRoute, page, see
from app.web.dependencies import Reading, SettingsOf, Writing

router = APIRouter(prefix="/runs", route_class=PageRoute)


@router.get("")
def show(request: Request, session: Reading, settings: SettingsOf, query: Annotated[RunQuery, Query()]) -> Response:
    selection = query.selection()
    address = Address("/runs", query, run_list.count(session, selection))
    found = run_list.find(session, selection, PER_PAGE, offset=address.offset)
    rows = lists.run_rows(session, [row for row, _ in found], time.time())
    return page(
        request,
        "pages/runs.html",
        page="runs",
        address=address,
        query=query,
        runs=rows,
        tabs=address.tabs(run_list.part_counts(session)),
        tags=run_list.tags(session),
        moving=any(row.look.moving for row in rows),
        days=settings.trash_days,
    )


@router.post("/change")
def change(session: Writing, sent: Sent) -> Response:
    """Tags, the archive or the trash of the chosen runs; then the list again."""
    return see(changes.change_runs(session, sent))
