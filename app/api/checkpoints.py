"""Checkpoints: sent, listed, looked at, deleted."""

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response

from app import assembly, checkpoints, quotas, retention, sources
from app.api import references
from app.api.dependencies import DatabaseOf, Identity, Limit, Offset, Reading, SettingsOf, StorageOf, Writing
from app.api.problems import responses
from app.api.shapes import Checkpoint, Tensor, checkpoints_json, tensor_json
from app.db import Database
from app.settings import Settings
from app.storage import Storage
from app.uploads import Upload, file_name, received

router = APIRouter(prefix="/checkpoints", tags=["checkpoints"])
Filename = Annotated[str | None, Query(max_length=1000, examples=["model.safetensors"])]
Called = Annotated[str | None, Query(max_length=255, description="What to call it.", examples=["run 7"])]
RAW: dict[str, Any] = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}

BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "One file as it is, a form with one or more files, or JSON that names what is there already.",
        "content": {
            **RAW,
            "application/json": {"schema": references.SCHEMA, "examples": references.EXAMPLES},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}},
                        "name": {"type": "string"},
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


def admit(database: Database, size: int) -> None:
    """Refuses what does not fit the project's quota before its bytes are taken. Raises QuotaExceeded."""
    with database.reading() as session:
        quotas.admit(session, size)


@router.post(
    "",
    status_code=201,
    responses=responses(400, 404, 409, 413, 507),
    openapi_extra=BODY,
    operation_id="send_checkpoint",
)
async def send(
    request: Request,
    response: Response,
    database: DatabaseOf,
    storage: StorageOf,
    settings: SettingsOf,
    filename: Filename = None,
    name: Called = None,
) -> Checkpoint:
    """Sends a checkpoint: `curl -X POST -T model.safetensors '…/api/v1/checkpoints?filename=model.safetensors'`.

    Sharded checkpoints are sent as one form: `curl -F files=@model-00001-of-00002.safetensors -F files=@…`.
    The answer comes once everything is on the disk; a worker then reads it, which `state` and `reason` tell of.

    JSON sends no bytes: it names files that are here, by digest or upload, or a `source` that a worker fetches from.
    """
    kind = request.headers.get("content-type", "")
    if references.is_json(kind):
        asked = await references.read(request.stream())
        made = await run_sync(_refer, database, storage, settings, asked, name)
        response.headers["Location"] = f"{request.url.path}/{made.id}"
        return made
    await run_sync(admit, database, length(request) or 0)
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


def _refer(
    database: Database, storage: Storage, settings: Settings, asked: references.Reference, name: str | None
) -> Checkpoint:
    called = name or asked.name
    if asked.source:
        identity = sources.request(database, settings, asked.source, called)
    else:
        parts = [assembly.Part(file.name or None, file.sha256 or None, file.upload or None) for file in asked.files]
        identity = assembly.assemble(database, storage, called, parts)
    with database.reading() as session:
        return checkpoints_json(session, [checkpoints.get(session, identity)])[0]


@router.put(
    "",
    status_code=201,
    responses={**responses(400, 413, 507), 200: {"model": Checkpoint, "description": "It was here already."}},
    openapi_extra={"requestBody": {"required": True, "content": RAW}},
    operation_id="put_checkpoint",
)
async def put(
    request: Request,
    response: Response,
    database: DatabaseOf,
    storage: StorageOf,
    settings: SettingsOf,
    filename: Filename = None,
    name: Called = None,
) -> Checkpoint:
    """Sends a checkpoint of one file: `curl -T model.safetensors '…/api/v1/checkpoints?filename=model.safetensors'`.

    The same file under the same name once more is the same checkpoint.
    """
    await run_sync(admit, database, length(request) or 0)
    async with received(
        request.stream(), storage, settings, content_type="", length=length(request), filename=filename
    ) as upload:

        def receive(upload: Upload) -> tuple[Checkpoint, bool]:
            (called, incoming) = upload.files[0]
            with database.writing() as session:
                there = assembly.same(session, checkpoints.clean_name(called), incoming.sha256)
                if there is None:
                    quotas.admit(session, upload.bytes)
                row = there or checkpoints.receive(session, storage, name, upload.files)
                return checkpoints_json(session, [row])[0], there is None

        checkpoint, new = await run_sync(receive, upload)
    response.status_code = 201 if new else 200
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


@router.get("/{identity}/tensors", responses=responses(404), operation_id="list_tensors")
def tensors(session: Reading, identity: Identity) -> list[Tensor]:
    """Its tensors in file order, from their headers alone. Empty before it is ready."""
    return [tensor_json(info) for info in checkpoints.tensors(session, identity)]


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
