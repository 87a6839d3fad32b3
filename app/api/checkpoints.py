"""Checkpoints: sent, listed, looked at, deleted."""

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response

from app import checkpoints, idempotency, quotas, retention
from app.api.dependencies import DatabaseOf, Identity, Limit, Offset, Reading, SettingsOf, StorageOf, Writing
from app.api.idempotent import KeyHeader, replay
from app.api.problems import responses
from app.api.shapes import Checkpoint, Tensor, checkpoints_json, tensor_json
from app.db import Database
from app.idempotency import Answer
from app.uploads import Upload, file_name, received

router = APIRouter(prefix="/checkpoints", tags=["checkpoints"])

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
    response_model=Checkpoint,
    responses=responses(400, 409, 413, 507),
    openapi_extra=BODY,
    operation_id="send_checkpoint",
)
async def send(
    request: Request,
    response: Response,
    database: DatabaseOf,
    storage: StorageOf,
    settings: SettingsOf,
    filename: Annotated[str | None, Query(max_length=1000, examples=["model.safetensors"])] = None,
    name: Annotated[str | None, Query(max_length=255, description="What to call it.", examples=["run 7"])] = None,
    key: KeyHeader = None,
) -> Any:
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

        def receive(upload: Upload) -> Response | Checkpoint:
            with database.writing() as session:
                digest = sent_digest(upload, str(request.url.query))
                before = None if key is None else idempotency.claim(session, request.url.path, key, digest)
                if before is not None:
                    return replay(before)
                quotas.admit(session, upload.bytes, len(upload.files))
                row = checkpoints.receive(session, storage, name or upload.fields.get("name"), upload.files)
                made = checkpoints_json(session, [row])[0]
                if key is not None:
                    said = Answer(201, f"{request.url.path}/{made.id}", made.model_dump_json())
                    idempotency.keep(session, request.url.path, key, said)
                return made

        answer = await run_sync(receive, upload)
    if isinstance(answer, Checkpoint):
        response.headers["Location"] = f"{request.url.path}/{answer.id}"
    return answer


def sent_digest(upload: Upload, query: str) -> str:
    """What makes two uploads the same: their files' digests, which are known already, and what was said of them."""
    files = [f"{name}={incoming.sha256}".encode() for name, incoming in upload.files]
    fields = [f"{name}={value}".encode() for name, value in sorted(upload.fields.items())]
    return idempotency.digest_of(query.encode(), *files, b"", *fields)


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
