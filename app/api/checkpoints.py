"""Checkpoints: sent, listed, looked at, deleted."""

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response

from app import checkpoints, editions, quotas, retention
from app.api import examples, kept
from app.api.cursors import PAGED, PageOf
from app.api.dependencies import DatabaseOf, Identity, Reading, SettingsOf, StorageOf, Writing
from app.api.problems import responses
from app.api.shapes import Checkpoint, Tensor, checkpoints_json, tensor_json
from app.db import Database
from app.uploads import Upload, file_name, received

router = APIRouter(prefix="/checkpoints", tags=["checkpoints"])

BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "One file as it is, or a form with one or more files.",
        "content": {
            "application/octet-stream": {
                "schema": {"type": "string", "format": "binary"},
                "example": "(the bytes of model.safetensors)",
            },
            "multipart/form-data": {
                "example": examples.FORM,
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}},
                        "name": {"type": "string"},
                    },
                },
            },
        },
    }
}


def length(request: Request) -> int | None:
    """The body's announced length, if it is announced."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def admit(database: Database, size: int) -> None:
    """Refuses what does not fit the project's quota before its bytes are taken. Raises QuotaExceeded."""
    with database.reading() as session:
        quotas.admit(session, size)


@router.post(
    "", status_code=201, responses=responses(400, 413, 507), openapi_extra=BODY, operation_id="send_checkpoint"
)
async def send(
    request: Request,
    response: Response,
    database: DatabaseOf,
    storage: StorageOf,
    settings: SettingsOf,
    filename: Annotated[str | None, Query(max_length=1000, examples=["model.safetensors"])] = None,
    name: Annotated[str | None, Query(max_length=255, description="What to call it.", examples=["run 7"])] = None,
) -> Checkpoint:
    """Sends a checkpoint: `curl -X POST -T model.safetensors '…/api/v1/checkpoints?filename=model.safetensors'`.

    Sharded checkpoints are sent as one form: `curl -F files=@model-00001-of-00002.safetensors -F files=@…`.
    The answer comes once everything is on the disk; a worker then reads it, which `state` and `reason` tell of.
    """
    await run_sync(admit, database, length(request) or 0)
    kind = request.headers.get("content-type", "")
    named = file_name(filename, request.headers.get("content-disposition"))
    async with received(
        request.stream(), storage, settings, content_type=kind, length=length(request), filename=named
    ) as upload:

        def receive(upload: Upload) -> Checkpoint:
            with database.writing() as session:
                quotas.admit(session, upload.bytes, len(upload.files))
                row = checkpoints.receive(session, storage, name or upload.fields.get("name"), upload.files)
                return checkpoints_json(session, [row])[0]

        checkpoint = await run_sync(receive, upload)
    response.headers["Location"] = f"{request.url.path}/{checkpoint.id}"
    return checkpoint


@router.get("", responses=PAGED | responses(400), operation_id="list_checkpoints")
def listing(session: Reading, page: PageOf) -> list[Checkpoint]:
    """The newest first."""
    found = checkpoints.listing(session, page.limit + 1, page.number)
    return checkpoints_json(session, page.shown(found, lambda row: row.id))


@router.get(
    "/{identity}",
    responses=kept.UNCHANGED | responses(404),
    response_model=Checkpoint,
    operation_id="get_checkpoint",
)
def show(request: Request, session: Reading, identity: Identity) -> Response:
    """One checkpoint, with the facts that its files state and its newest run."""

    def made() -> kept.Made:
        return kept.made(checkpoints_json(session, [checkpoints.get(session, identity)])[0])

    return kept.answer(request, editions.of_checkpoint(session, identity), made)


@router.get("/{identity}/tensors", responses=PAGED | responses(400, 404), operation_id="list_tensors")
def tensors(session: Reading, identity: Identity, page: PageOf) -> list[Tensor]:
    """Its tensors in file order, from their headers alone. Empty before it is ready."""
    found = checkpoints.tensors_after(session, identity, page.number, page.limit + 1)
    return [tensor_json(info) for _, info in page.shown(found, lambda row: row[0])]


@router.put("/{identity}/pin", status_code=204, responses=responses(404, 409), operation_id="pin_checkpoint")
def pin(session: Writing, identity: Identity) -> None:
    """Keeps its weights for good: without that they are deleted some days after their last analysis."""
    retention.pin(session, checkpoints.hold(session, identity), True)


@router.delete("/{identity}/pin", status_code=204, responses=responses(404), operation_id="unpin_checkpoint")
def unpin(session: Writing, identity: Identity) -> None:
    """Keeps its weights no longer than others'."""
    retention.pin(session, checkpoints.hold(session, identity), False)


@router.delete("/{identity}", status_code=204, responses=responses(404), operation_id="delete_checkpoint")
def delete(database: DatabaseOf, storage: StorageOf, identity: Identity) -> None:
    """Deletes it, its files unless another checkpoint has the same bytes, and the runs over it."""
    with database.writing() as session:
        digests = checkpoints.delete(session, identity)
    with database.writing() as session:
        retention.collect(session, storage, digests)
