"""The files of a checkpoint, as they were sent or made."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import FileResponse

from app import checkpoints
from app.errors import NotFound
from app.web.dependencies import Identity, Reading, StorageOf
from app.web.problems import responses

router = APIRouter(prefix="/checkpoints", tags=["checkpoints"])
BYTES = "application/octet-stream"  # whatever it is: no browser is to show it
BODY: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {BYTES: {"example": "(the bytes of model.safetensors)"}},
        "description": "The bytes; ranges are supported.",
    }
}

Name = Annotated[str, Path(description="One of the checkpoint's `files`.", examples=["model.safetensors"])]


@router.get(
    "/{id}/files/{name:path}",
    response_class=FileResponse,
    responses={
        200: {
            "content": {BYTES: {"example": "(the bytes of model.safetensors)"}},
            "description": "The bytes; ranges are supported.",
        },
        **responses(404),
    },
    operation_id="download_file",
)
def download(session: Reading, storage: StorageOf, identity: Identity, name: Name) -> FileResponse:
    """Downloads one of its files: `curl -OJ '…/api/v1/checkpoints/3/files/adapter_model.safetensors'`."""
    match = next((file for file in checkpoints.get(session, identity).files if file.name == name), None)
    path = None if match is None else storage.path(match.sha256)
    if match is None or path is None or not path.is_file():
        raise NotFound(f"Checkpoint {identity} has no file of that name.")
    headers = {"ETag": f'"{match.sha256}"'}
    return FileResponse(path, media_type=BYTES, filename=safe_name(match.name), headers=headers)


def safe_name(name: str) -> str:
    """What the reader's machine is told to call it: the last part of the name, and nothing that a shell would obey.

    >>> safe_name("run 7/model.safetensors"), safe_name("../.profile")
    ('model.safetensors', 'profile')
    """
    last = name.rpartition("/")[2]
    text = "".join(c if c.isalnum() or c in "._- " else "_" for c in last)
    return text.strip(". ") or "file"
