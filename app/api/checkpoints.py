"""Checkpoints: listed, looked at, described, pinned, deleted. `app.api.files` has how they come in."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app import checkpoints, etags, retention
from app.api.schemas import Checkpoint, CheckpointUpdate, Tensor, checkpoints_json, tensor_json
from app.db import Session
from app.lists import checkpoints as checkpoint_list
from app.lists import labels
from app.lists.parameters import CheckpointFilters
from app.lists.selection import parse_place
from app.web import response_cache as kept
from app.web.dependencies import DatabaseOf, Identity, Limit, Reading, StorageOf, Writing
from app.web.pagination import COUNTED, PAGED, Answering, Cursor, PageOf
from app.web.problems import responses

router = APIRouter(prefix="/checkpoints", tags=["checkpoints"])


class CheckpointPage(CheckpointFilters):
    """Filters, and which page."""

    limit: Limit = 100
    cursor: Cursor = None


@router.get("", responses=COUNTED | responses(400), operation_id="list_checkpoints")
def listing(
    request: Request, response: Response, session: Reading, asked: Annotated[CheckpointPage, Query()]
) -> list[Checkpoint]:
    """Lists them, newest first: searched, filtered and sorted. Archive and trash are parts of their own."""
    page = Answering(request, response, asked.limit, asked.cursor)
    selection = asked.selection()
    found = checkpoint_list.find(session, selection, page.limit + 1, parse_place(page.name))
    response.headers["X-Total-Count"] = str(checkpoint_list.count(session, selection))
    return checkpoints_json(session, [row for row, _ in page.page_of(found, lambda one: one[1].to_text())])


@router.get(
    "/{id}",
    responses=kept.UNCHANGED | responses(404),
    response_model=Checkpoint,
    operation_id="get_checkpoint",
)
async def show(request: Request, database: DatabaseOf, identity: Identity) -> Response:
    """One checkpoint, with the facts that its files state and its newest run."""

    def make(session: Session) -> kept.Made:
        return kept.make_entry(checkpoints_json(session, [checkpoints.get(session, identity)])[0])

    return await kept.answer(request, database, partial(etags.of_checkpoint, identity=identity), make)


@router.patch("/{id}", responses=responses(400, 404, 409), operation_id="edit_checkpoint")
def edit(session: Writing, identity: Identity, asked: CheckpointUpdate) -> Checkpoint:
    """Renames it, states facts about it, or changes its tags, notes, archive or trash.

    Its reports use the facts from now on; no run is repeated.
    """
    row = checkpoints.edit(session, identity, asked.name, asked.facts)
    labels.change(session, row, asked.change())
    return checkpoints_json(session, [row])[0]


@router.get("/{id}/tensors", responses=PAGED | responses(400, 404), operation_id="list_tensors")
def tensors(session: Reading, identity: Identity, page: PageOf) -> list[Tensor]:
    """Lists its tensors in file order, from the file headers. Empty until it is ready."""
    rows = checkpoints.tensors_after(session, identity, page.number, page.limit + 1)
    return [tensor_json(info) for _, info in page.page_of(rows, lambda row: row[0])]


@router.put("/{id}/pin", status_code=204, responses=responses(404, 409), operation_id="pin_checkpoint")
def pin(session: Writing, identity: Identity) -> None:
    """Pins its weights. Weights that are not pinned are deleted some days after their last analysis."""
    retention.pin(session, checkpoints.hold(session, identity), True)


@router.delete("/{id}/pin", status_code=204, responses=responses(404), operation_id="unpin_checkpoint")
def unpin(session: Writing, identity: Identity) -> None:
    """Unpins its weights, so that retention applies."""
    retention.pin(session, checkpoints.hold(session, identity), False)


@router.delete("/{id}", status_code=204, responses=responses(404), operation_id="delete_checkpoint")
def delete(database: DatabaseOf, storage: StorageOf, identity: Identity) -> None:
    """Deletes it and the runs over it, and its files unless another checkpoint uses them."""
    with database.writing() as session:
        digests = checkpoints.delete(session, identity)
    with database.writing() as session:
        retention.collect(session, storage, digests)
