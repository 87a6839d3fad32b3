"""The page of all checkpoints, and what is done to several of them at once."""

import time
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.lists import checkpoints as checkpoint_list
from app.pages import lists
from app.pages.forms import Sent
from app.pages.listings import changes
from app.pages.listings.address import PER_PAGE, Address, CheckpointQuery
from app.pages.rendering import PageRoute, page, see
from app.web.dependencies import Reading, SettingsOf, Writing

router = APIRouter(prefix="/checkpoints", route_class=PageRoute)


@router.get("")
def show(
    request: Request, session: Reading, settings: SettingsOf, query: Annotated[CheckpointQuery, Query()]
) -> Response:
    selection = query.selection()
    address = Address("/checkpoints", query, checkpoint_list.count(session, selection))
    found = checkpoint_list.find(session, selection, PER_PAGE, offset=address.offset)
    rows = lists.checkpoint_rows(session, [row for row, _ in found], time.time())
    return page(
        request,
        "pages/checkpoints.html",
        page="checkpoints",
        address=address,
        query=query,
        checkpoints=rows,
        stored=checkpoint_list.size(session, selection),
        tabs=address.tabs(checkpoint_list.part_counts(session)),
        tags=checkpoint_list.tags(session),
        moving=any(row.look.moving for row in rows),
        days=settings.trash_days,
    )


@router.post("/change")
def change(session: Writing, sent: Sent) -> Response:
    """Tags, the archive or the trash of the chosen checkpoints; then the list again."""
    return see(changes.change_checkpoints(session, sent))
