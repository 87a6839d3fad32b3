"""Checkpoints on their way in: as bytes, as a form of several files, or as JSON that names what is elsewhere."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response

from analysis.facts import parse_facts
from app import checkpoints, idempotency, models
from app.access import quotas
from app.access.callers import check_good
from app.api import examples
from app.api.files import checkpoint_references as references
from app.api.schemas import Checkpoint, checkpoints_json
from app.db import Database, Session
from app.errors import BadUpload
from app.idempotency import Answer
from app.uploads import assembly, sources
from app.uploads.streaming import Upload, file_name, receive_upload
from app.web.dependencies import DatabaseOf, SettingsOf, StorageOf, announced_length
from app.web.idempotency import KeyHeader, replay
from app.web.problems import responses
from app.web.response_cache import run_in_lane

router = APIRouter(prefix="/checkpoints", tags=["checkpoints"])
Filename = Annotated[str | None, Query(max_length=1000, examples=["model.safetensors"])]
Called = Annotated[str | None, Query(max_length=255, description="Its name.", examples=["run 7"])]
RAW: dict[str, Any] = {
    "application/octet-stream": {
        "schema": {"type": "string", "format": "binary"},
        "example": "(the bytes of model.safetensors)",
    }
}

FACTS = "Facts about it, in the form of `eigenscope scaling`: “lr=1e-3,wd=0.1,steps=20000”."
Stated = Annotated[str | None, Query(max_length=1000, description=FACTS, examples=["lr=1e-3,wd=0.1"])]
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "One raw file, a form with one or more files, or JSON that names stored files.",
        "content": {
            **RAW,
            "application/json": {"schema": references.SCHEMA, "examples": references.EXAMPLES},
            "multipart/form-data": {
                "example": examples.FORM,
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}},
                        "name": {"type": "string"},
                        "facts": {"type": "string"},
                    },
                },
            },
        },
    }
}


def admit(database: Database, size: int) -> None:
    """Refuses what does not fit the project's quota before its bytes are taken. Raises QuotaExceeded."""
    with database.reading() as session:
        quotas.admit(session, size)


def answer_once(
    request: Request, database: Database, key: str | None, digest: str, make: Callable[[Session], models.Checkpoint]
) -> Response:
    """What is made, in one transaction with the answer that its key keeps; or the answer that was given before."""
    path = request.url.path
    with database.writing() as session:
        check_good(session, request.state.caller)
        past_answer = None if key is None else idempotency.claim(session, path, key, digest)
        if past_answer is not None:
            return replay(past_answer)
        checkpoint = checkpoints_json(session, [make(session)])[0]
        answer = Answer(201, f"{path}/{checkpoint.id}", checkpoint.model_dump_json())
        if key is not None:
            idempotency.keep(session, path, key, answer)
    return Response(answer.body, answer.status, {"Location": f"{path}/{checkpoint.id}"}, "application/json")


@router.post(
    "",
    status_code=201,
    response_model=Checkpoint,
    responses=responses(400, 404, 409, 413, 507),
    openapi_extra=BODY,
    operation_id="send_checkpoint",
)
async def send(
    request: Request,
    database: DatabaseOf,
    storage: StorageOf,
    settings: SettingsOf,
    filename: Filename = None,
    name: Called = None,
    facts: Stated = None,
    key: KeyHeader = None,
) -> Any:
    """Uploads a checkpoint: `curl -X POST -T model.safetensors '…/api/v1/checkpoints?filename=model.safetensors'`.

    Send a sharded checkpoint as one form: `curl -F files=@model-00001-of-00002.safetensors -F files=@…`.
    The response arrives once everything is stored. A worker then reads it; `state` and `reason` show the result.

    JSON names stored files by digest or upload, or a `source` that a worker downloads from.
    """
    stated_facts = parse_facts(facts or "")  # before the body, which may be long
    kind = request.headers.get("content-type", "")
    if references.is_json(kind):
        reference = await references.read(request.stream())

        def refer() -> Response:
            make = referring(database, storage, settings, reference, name, stated_facts)
            return answer_once(request, database, key, digest_of(request, reference.model_dump_json()), make)

        return await run_sync(refer)
    await run_in_lane("admit", partial(admit, database, announced_length(request) or 0))
    upload_name = file_name(filename, request.headers.get("content-disposition"))
    async with receive_upload(
        request.stream(), storage, settings, content_type=kind, length=announced_length(request), filename=upload_name
    ) as upload:
        if not upload.bytes and not upload_name and not kind.startswith("multipart/"):
            raise BadUpload("The body is empty: send a file, a form with files, or JSON that names stored files.")
        all_facts = {**stated_facts, **parse_facts(upload.fields.get("facts", ""))}

        def receive(session: Session) -> models.Checkpoint:
            quotas.admit(session, upload.bytes, len(upload.files))
            return checkpoints.receive(session, storage, name or upload.fields.get("name"), upload.files, all_facts)

        return await run_sync(answer_once, request, database, key, digest_of(request, *parts_of(upload)), receive)


def digest_of(request: Request, *parts: str) -> str:
    """What makes two requests the same: what was said in the address, and these parts."""
    return idempotency.digest_of(str(request.url.query).encode(), *(part.encode() for part in parts))


def parts_of(upload: Upload) -> list[str]:
    """An upload by the digests of its files, which are known already, and the other fields of its form."""
    files = [f"{name}={incoming.sha256}" for name, incoming in upload.files]
    return [*files, "", *(f"{name}={value}" for name, value in sorted(upload.fields.items()))]


def referring(
    database: DatabaseOf,
    storage: StorageOf,
    settings: SettingsOf,
    asked: references.Reference,
    name: str | None,
    stated: dict[str, Any],
) -> Callable[[Session], models.Checkpoint]:
    """How to make the checkpoint that the JSON asks for."""
    final_name = name or asked.name
    if asked.source:
        return lambda session: _with_part(
            sources.request(session, settings, asked.source, final_name, stated), asked.part
        )
    parts = [assembly.Part(file.name or None, file.sha256 or None, file.upload or None) for file in asked.files]
    blobs = assembly.locate(database, storage, parts)
    return lambda session: _with_part(assembly.assemble(session, final_name, blobs, stated), asked.part)


def _with_part(checkpoint: models.Checkpoint, part: str) -> models.Checkpoint:
    """The checkpoint as that copy of the weights in its files, before a worker reads them."""
    checkpoint.part = part or None
    return checkpoint


@router.put(
    "",
    status_code=201,
    responses={**responses(400, 413, 507), 200: {"model": Checkpoint, "description": "It already exists."}},
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
    facts: Stated = None,
) -> Checkpoint:
    """Uploads a checkpoint of one file: `curl -T model.safetensors '…/api/v1/checkpoints?filename=model.safetensors'`.

    Repeating the request returns the same checkpoint. Another `name` or other `facts` create another checkpoint; the
    bytes are stored once.
    """
    stated_facts = parse_facts(facts or "")
    await run_in_lane("admit", partial(admit, database, announced_length(request) or 0))
    async with receive_upload(
        request.stream(), storage, settings, content_type="", length=announced_length(request), filename=filename
    ) as upload:

        def receive(upload: Upload) -> tuple[Checkpoint, bool]:
            (part_name, incoming) = upload.files[0]
            with database.writing() as session:
                check_good(session, request.state.caller)
                match = assembly.same(session, checkpoints.clean_name(part_name), incoming.sha256, name, stated_facts)
                if match is not None and not checkpoints.is_stored(session, storage, match):
                    match = None  # its files are gone: what is received now restores them
                if match is None:
                    quotas.admit(session, upload.bytes)
                row = match or checkpoints.receive(session, storage, name, upload.files, stated_facts)
                return checkpoints_json(session, [row])[0], match is None

        checkpoint, new = await run_sync(receive, upload)
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"{request.url.path}/{checkpoint.id}"
    return checkpoint
