"""Uploads that can be interrupted: tus 1.0.0 with creation, creation-with-upload, expiration, checksum, termination.

https://tus.io/protocols/resumable-upload. `app.web.guard` puts Tus-Resumable and Tus-Version on every answer. An upload
that is whole becomes part of a checkpoint by `POST /api/v1/checkpoints`, which names it.
"""

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Annotated

from anyio import CancelScope
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Path, Request, Response

from app.access import quotas
from app.access.callers import check_good
from app.api.files.upload_headers import (
    ALGORITHMS,
    PIECE,
    VERSION,
    header_date,
    header_number,
    header_parameters,
    is_piece,
    read_checksum,
)
from app.db import Database
from app.errors import (
    BadUpload,
    ChecksumMismatch,
    NotFound,
    TooLarge,
    UnsupportedVersion,
    WrongMedia,
    WrongOffset,
)
from app.models import Transfer
from app.settings import Settings
from app.storage.blobs import Storage
from app.storage.partial_files import Growing
from app.uploads import metadata as promises
from app.uploads import resumable as transfers
from app.uploads.streaming import Blocks, check_limit, limit_stream, lively
from app.web.dependencies import DatabaseOf, SettingsOf, StorageOf, announced_length
from app.web.problems import responses

if TYPE_CHECKING:
    from hashlib import _Hash

PATH = "/uploads"
EXTENSIONS = "creation,creation-with-upload,expiration,checksum,termination"


def speaks(request: Request) -> None:
    """Refuses a client of another version before anything else is looked at."""
    if request.headers.get("tus-resumable") != VERSION:
        raise UnsupportedVersion(f"This service supports tus {VERSION}: send the header Tus-Resumable: {VERSION}.")


router = APIRouter(prefix=PATH, tags=["uploads"])
Spoken = Depends(speaks)
Name = Annotated[str, Path(alias="id", pattern=r"^[0-9a-f]{32}$", examples=["0f8fad5bd9cb469fa16570867728950e"])]


BYTES = {"schema": {"type": "string", "format": "binary"}, "example": "(the bytes from Upload-Offset on)"}
BODY = {"requestBody": {"content": {PIECE: BYTES}}}


@router.options("", status_code=204, operation_id="tus_options")
def options(response: Response, settings: SettingsOf) -> None:
    """Returns the supported tus version and extensions."""
    response.headers["Tus-Extension"] = EXTENSIONS
    response.headers["Tus-Max-Size"] = str(settings.upload_limit)
    response.headers["Tus-Checksum-Algorithm"] = ",".join(ALGORITHMS)


@router.post(
    "",
    status_code=201,
    response_class=Response,
    dependencies=[Spoken],
    responses=responses(400, 408, 412, 413, 460, 507),
    openapi_extra=header_parameters("Tus-Resumable", "Upload-Length", "Upload-Metadata", "Upload-Checksum"),
    operation_id="begin_upload",
)
async def create(request: Request, database: DatabaseOf, storage: StorageOf, settings: SettingsOf) -> Response:
    """Creates an upload, at the address in Location. Its body may hold the first bytes, as tus says.

    Upload-Metadata may hold `filename`, and `sha256` in hexadecimal: an upload with another digest is discarded.
    """
    size = header_number(request, "upload-length")
    check_limit(size, settings)
    metadata = request.headers.get("upload-metadata", "")
    name = promises.metadata(metadata).get("filename")
    checksum = read_checksum(request)

    def begin() -> Transfer:
        storage.require(size, settings.disk_reserve)
        with database.writing() as session:
            quotas.admit(session, size)
            return transfers.begin(session, storage, settings, name=name, size=size, text=metadata)

    transfer = await run_sync(begin)
    headers = {"Location": f"{request.url.path}/{transfer.id}", "Upload-Expires": header_date(transfer.expires_at)}
    if is_piece(request) or size == 0:
        try:
            headers["Upload-Offset"] = str(await _add(request, database, storage, settings, transfer, 0, checksum))
        except BaseException:  # nobody is told its address
            with CancelScope(shield=True), suppress(NotFound):
                await run_sync(transfers.forget, database, storage, transfer.id)
            raise
    return Response(status_code=201, headers=headers)


@router.head(
    "/{id}",
    dependencies=[Spoken],
    responses=responses(404, 412),
    openapi_extra=header_parameters("Tus-Resumable"),
    operation_id="get_upload",
)
def head(database: DatabaseOf, storage: StorageOf, identity: Name) -> Response:
    """Returns the number of stored bytes in Upload-Offset."""
    with database.reading() as session:
        transfer = transfers.get(session, identity)
    headers = {
        "Upload-Offset": str(transfers.offset(storage, transfer)),
        "Upload-Length": str(transfer.bytes),
        "Upload-Expires": header_date(transfer.expires_at),
        "Cache-Control": "no-store",
    }
    if transfer.told:
        headers["Upload-Metadata"] = transfer.told
    return Response(status_code=200, headers=headers)


@router.patch(
    "/{id}",
    status_code=204,
    response_class=Response,
    dependencies=[Spoken],
    responses=responses(400, 404, 408, 409, 412, 413, 415, 423, 460, 507),
    openapi_extra={**header_parameters("Tus-Resumable", "Upload-Offset", "Upload-Checksum"), **BODY},
    operation_id="add_to_upload",
)
async def patch(
    request: Request, database: DatabaseOf, storage: StorageOf, settings: SettingsOf, identity: Name
) -> Response:
    """Appends bytes at Upload-Offset, which must equal the stored size. An interruption loses no stored byte."""
    if not is_piece(request):
        raise WrongMedia(f"A chunk of an upload needs the Content-Type {PIECE}.")
    start, checksum = header_number(request, "upload-offset"), read_checksum(request)

    def find() -> Transfer:
        with database.reading() as session:
            return transfers.get(session, identity)

    transfer = await run_sync(find)
    offset = await _add(request, database, storage, settings, transfer, start, checksum)
    expires = await run_sync(_prolong, database, settings, identity)
    return Response(status_code=204, headers={"Upload-Offset": str(offset), "Upload-Expires": header_date(expires)})


@router.delete(
    "/{id}",
    status_code=204,
    dependencies=[Spoken],
    responses=responses(404, 412),
    openapi_extra=header_parameters("Tus-Resumable"),
    operation_id="end_upload",
)
def delete(database: DatabaseOf, storage: StorageOf, identity: Name) -> None:
    """Deletes the upload. Checkpoints created from it keep its bytes."""
    transfers.forget(database, storage, identity)


@router.post("/{id}", include_in_schema=False, dependencies=[Spoken])
async def override_method(
    request: Request, database: DatabaseOf, storage: StorageOf, settings: SettingsOf, identity: Name
) -> Response:
    """X-HTTP-Method-Override, for clients that cannot send PATCH or DELETE. Only a POST can be overridden."""
    match request.headers.get("x-http-method-override", "").upper():
        case "PATCH":
            return await patch(request, database, storage, settings, identity)
        case "DELETE":
            await run_sync(delete, database, storage, identity)
            return Response(status_code=204)
        case "HEAD":
            return await run_sync(head, database, storage, identity)
        case _:
            raise BadUpload("Set X-HTTP-Method-Override to PATCH, DELETE or HEAD.")


async def _add(
    request: Request,
    database: Database,
    storage: Storage,
    settings: Settings,
    transfer: Transfer,
    at: int,
    checksum: "tuple[_Hash, bytes] | None",
) -> int:
    """The body at the end of the upload's file; where that ends then. A whole one becomes a blob."""
    offset = await run_sync(transfers.offset, storage, transfer)
    _check_piece(request, transfer, at, offset)
    if offset < transfer.bytes:
        offset = await _grow(request, storage, settings, transfer, at, checksum)
    if offset == transfer.bytes:
        check = partial(check_good, caller=request.state.caller)
        await run_sync(transfers.finish, database, storage, transfer, check)
    return offset


def _check_piece(request: Request, transfer: Transfer, at: int, here: int) -> None:
    if at != here:
        raise WrongOffset(f"The chunk begins at {at:,}, but {here:,} bytes are stored.")
    length = announced_length(request)
    if length is not None and at + length > transfer.bytes:
        raise TooLarge(f"The chunk ends at {at + length:,}, and the upload at {transfer.bytes:,}.")


async def _grow(
    request: Request,
    storage: Storage,
    settings: Settings,
    transfer: Transfer,
    at: int,
    checksum: "tuple[_Hash, bytes] | None",
) -> int:
    growing = await run_sync(storage.partials.open, transfer.id, checksum and checksum[0])
    try:
        if growing.offset != at:
            raise WrongOffset(f"The chunk begins at {at:,}, but {growing.offset:,} bytes are stored.")
        await _pour(request, growing, storage, settings, transfer.bytes - at)
        if checksum is not None and checksum[0].digest() != checksum[1]:
            raise ChecksumMismatch("The chunk's checksum differs from its header. The chunk was discarded.")
    except BaseException as error:
        if checksum is not None or isinstance(error, TooLarge):  # unverified, or more than was promised
            with CancelScope(shield=True):
                await run_sync(growing.undo)
        raise
    finally:
        with CancelScope(shield=True):
            await run_sync(growing.close)
    return growing.offset


async def _pour(request: Request, growing: Growing, storage: Storage, settings: Settings, most: int) -> None:
    """The body into the file; also what had come when it broke off."""
    blocks = Blocks(growing.write, partial(storage.require, reserve=settings.disk_reserve))
    try:
        async for chunk in lively(limit_stream(request.stream(), most), settings.upload_idle_seconds):
            await blocks.write(chunk)
    finally:
        with CancelScope(shield=True):
            await blocks.flush()


def _prolong(database: Database, settings: Settings, identity: str) -> float:
    with database.writing() as session:
        return transfers.prolong(session, settings, identity)
