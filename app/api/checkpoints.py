"""Checkpoints: listed, looked at, described, pinned, deleted. `app.api.files` has how they come in."""

from functools import partial

from fastapi import APIRouter, Request, Response

from app import checkpoints, etags, retention
from app.api.schemas import Checkpoint, CheckpointUpdate, Tensor, checkpoints_json, tensor_json
from app.db import Session
from app.web import response_cache as kept
from app.web.dependencies import DatabaseOf, Identity, Reading, StorageOf, Writing
from app.web.pagination import PAGED, PageOf
from app.web.problems import responses

router = APIRouter(prefix="/checkpoints", tags=["checkpoints"])


@router.get("", responses=PAGED | responses(400), operation_id="list_checkpoints")
def listing(session: Reading, page: PageOf) -> list[Checkpoint]:
    """Lists them, newest first."""
    rows = checkpoints.listing(session, page.limit + 1, page.number)
    return checkpoints_json(session, page.page_of(rows, lambda row: row.id))


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


@router.patch("/{id}", responses=responses(400, 404), operation_id="edit_checkpoint")
def edit(session: Writing, identity: Identity, asked: CheckpointUpdate) -> Checkpoint:
    """Renames it, or states facts about it. Its reports use them from now on; no run is repeated."""
    return checkpoints_json(session, [checkpoints.edit(session, identity, asked.name, asked.facts)])[0]


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
