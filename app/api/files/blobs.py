"""Blobs: files by their digests, so that what is here already need not be sent again."""

from functools import partial
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from app.access import quotas
from app.access.callers import check_good
from app.api.files.checkpoint_uploads import RAW, admit
from app.api.schemas import DIGEST
from app.db import Database
from app.errors import DigestMismatch, NotFound
from app.storage.blobs import Incoming, Storage
from app.uploads import resumable as transfers
from app.uploads.streaming import receive_upload
from app.web.dependencies import DatabaseOf, Reading, SettingsOf, StorageOf, announced_length
from app.web.problems import responses
from app.web.response_cache import run_in_lane

router = APIRouter(prefix="/blobs", tags=["uploads"])
Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="SHA-256 in hexadecimal.", examples=[DIGEST])]
BODY = {
    "requestBody": {
        "required": True,
        "content": RAW,
    }
}


class Blob(BaseModel):
    """A stored file."""

    sha256: str = Field(examples=[DIGEST])
    bytes: int = Field(examples=[90864192])


@router.head("/{sha256}", responses=responses(404), operation_id="has_blob")
def head(session: Reading, storage: StorageOf, sha256: Digest) -> Response:
    """Checks whether a file of this project has these bytes: 200, or 404."""
    size = transfers.known_size(session, sha256)
    if size is None or not storage.is_whole(sha256, size):
        raise NotFound("No file of this project has that digest.")
    return Response(status_code=200)


@router.put(
    "/{sha256}",
    status_code=201,
    responses={**responses(400, 404, 413, 507), 200: {"model": Blob, "description": "It already exists."}},
    openapi_extra=BODY,
    operation_id="put_blob",
)
async def put(
    request: Request,
    response: Response,
    database: DatabaseOf,
    storage: StorageOf,
    settings: SettingsOf,
    sha256: Digest,
    filename: Annotated[str | None, Query(max_length=1000, examples=["model.safetensors"])] = None,
) -> Blob:
    """Sends a file: `curl -T model.safetensors "…/api/v1/blobs/$(sha256sum model.safetensors | cut -c-64)"`.

    The digest is verified during the upload. The file is kept for a day, or while a checkpoint uses it;
    `POST /api/v1/checkpoints` creates a checkpoint from it. If the file is already stored, its bytes are not read: a
    client that sends `Expect: 100-continue`, as curl does, then sends nothing.
    """
    size = await run_sync(_known_size, database, storage, sha256)
    if size is not None:
        await _pass_by(request)
        response.status_code = 200
        return Blob(sha256=sha256, bytes=size)
    await run_in_lane("admit", partial(admit, database, announced_length(request) or 0))
    async with receive_upload(
        request.stream(), storage, settings, content_type="", length=announced_length(request), filename=filename
    ) as upload:
        name, incoming = upload.files[0]
        _check(incoming, sha256)

        def arrive() -> None:
            with database.writing() as session:
                check_good(session, request.state.caller)
                quotas.admit(session, incoming.bytes)
                transfers.record_arrival(session, storage, settings, name, incoming)

        await run_sync(arrive)
    return Blob(sha256=sha256, bytes=incoming.bytes)


async def _pass_by(request: Request) -> None:
    """Lets the body go, unless its sender waits to be asked for it."""
    if "100-continue" not in request.headers.get("expect", "").lower():
        async for _ in request.stream():
            pass


def _known_size(database: Database, storage: Storage, digest: str) -> int | None:
    """None too where the file is known and its bytes are gone, so that they are sent again."""
    with database.reading() as session:
        size = transfers.known_size(session, digest)
    return size if size is not None and storage.is_whole(digest, size) else None


def _check(incoming: Incoming, digest: str) -> None:
    if incoming.sha256 != digest:
        raise DigestMismatch(
            f"SHA-256 {digest} was expected, but the received bytes have {incoming.sha256}. They were discarded."
        )
