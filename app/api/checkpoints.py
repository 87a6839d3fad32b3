"""Checkpoints: sent, listed, looked at, deleted."""

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response

from analysis.facts import parsed
from app import checkpoints
from app.api.dependencies import DatabaseOf, Identity, Limit, Offset, Reading, SettingsOf, StorageOf, Writing
from app.api.problems import responses
from app.api.shapes import Checkpoint, Edit, Tensor, checkpoints_json, tensor_json
from app.uploads import Upload, file_name, received

router = APIRouter(prefix="/checkpoints", tags=["checkpoints"])

FACTS = "Facts about it, as `eigenscope scaling` takes them: “lr=1e-3,wd=0.1,steps=20000”."
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "One file as it is, or a form with one or more files.",
        "content": {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}},
                        "name": {"type": "string"},
                        "facts": {"type": "string"},
                    },
                }
            },
        },
    }
}


def length(request: Request) -> int | None:
    """The body's announced length, if it is announced."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else None


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
    facts: Annotated[str | None, Query(max_length=1000, description=FACTS, examples=["lr=1e-3,wd=0.1"])] = None,
) -> Checkpoint:
    """Sends a checkpoint: `curl -X POST -T model.safetensors '…/api/v1/checkpoints?filename=model.safetensors'`.

    Sharded checkpoints are sent as one form: `curl -F files=@model-00001-of-00002.safetensors -F files=@…`.
    The answer comes once everything is on the disk; a worker then reads it, which `state` and `reason` tell of.
    """
    stated = parsed(facts or "")  # before the body, which may be long
    kind = request.headers.get("content-type", "")
    named = file_name(filename, request.headers.get("content-disposition"))
    async with received(
        request.stream(), storage, settings, content_type=kind, length=length(request), filename=named
    ) as upload:

        def receive(upload: Upload) -> Checkpoint:
            known = {**stated, **parsed(upload.fields.get("facts", ""))}
            with database.writing() as session:
                row = checkpoints.receive(session, storage, name or upload.fields.get("name"), upload.files, known)
                return checkpoints_json(session, [row])[0]

        checkpoint = await run_sync(receive, upload)
    response.headers["Location"] = f"{request.url.path}/{checkpoint.id}"
    return checkpoint


@router.get("", operation_id="list_checkpoints")
def listing(session: Reading, limit: Limit = 100, offset: Offset = 0) -> list[Checkpoint]:
    """The newest first."""
    return checkpoints_json(session, checkpoints.listing(session, limit, offset))


@router.get("/{identity}", responses=responses(404), operation_id="get_checkpoint")
def show(session: Reading, identity: Identity) -> Checkpoint:
    """One checkpoint."""
    return checkpoints_json(session, [checkpoints.get(session, identity)])[0]


@router.patch("/{identity}", responses=responses(400, 404), operation_id="edit_checkpoint")
def edit(session: Writing, identity: Identity, asked: Edit) -> Checkpoint:
    """Renames it, or states facts about it. Reports over it that are read from now on use them; none is run again."""
    return checkpoints_json(session, [checkpoints.edit(session, identity, asked.name, asked.facts)])[0]


@router.get("/{identity}/tensors", responses=responses(404), operation_id="list_tensors")
def tensors(session: Reading, identity: Identity) -> list[Tensor]:
    """Its tensors in file order, from their headers alone. Empty before it is ready."""
    return [tensor_json(info) for info in checkpoints.tensors(session, identity)]


@router.delete("/{identity}", status_code=204, responses=responses(404), operation_id="delete_checkpoint")
def delete(database: DatabaseOf, storage: StorageOf, identity: Identity) -> None:
    """Deletes it, its files unless another checkpoint has the same bytes, and the runs over it."""
    with database.writing() as session:
        digests = checkpoints.delete(session, identity)
    with database.writing() as session:
        checkpoints.collect(session, storage, digests)
