"""The headers of tus that a request brings, and their description for the OpenAPI."""

import hashlib
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from fastapi import Request

from app.errors import BadUpload
from app.uploads import metadata as promises

if TYPE_CHECKING:
    from hashlib import _Hash

VERSION = "1.0.0"
ALGORITHMS = ("sha1", "sha256")
PIECE = "application/offset+octet-stream"


def header_parameters(*names: str) -> dict[str, Any]:
    """The request headers of a route, for the OpenAPI: the routes read them themselves, as tus says."""
    kinds = {
        "Tus-Resumable": {"type": "string", "enum": [VERSION], "examples": [VERSION]},
        "Upload-Length": {"type": "integer", "minimum": 0, "examples": [90864192]},
        "Upload-Offset": {"type": "integer", "minimum": 0, "examples": [8388608]},
        "Upload-Metadata": {
            "type": "string",
            "description": "name base64, …; filename and sha256 are used",
            "examples": ["filename bW9kZWwuc2FmZXRlbnNvcnM="],
        },
        "Upload-Checksum": {
            "type": "string",
            "description": "sha1 or sha256, a space, the digest in base64",
            "examples": ["sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="],
        },
    }
    optional = ("Upload-Metadata", "Upload-Checksum")
    return {
        "parameters": [
            {"name": name, "in": "header", "required": name not in optional, "schema": kinds[name]} for name in names
        ]
    }


def is_piece(request: Request) -> bool:
    return request.headers.get("content-type", "").lower() == PIECE


def header_number(request: Request, header: str) -> int:
    text = request.headers.get(header, "")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadUpload(f"The header {header.title()} must be a whole number of bytes; it is “{text[:40]}”.")
    return int(text)


def header_date(seconds: float) -> str:
    return formatdate(seconds, usegmt=True)


def read_checksum(request: Request) -> "tuple[_Hash, bytes] | None":
    """The checksum to be computed, and what it must be."""
    header = request.headers.get("upload-checksum")
    if header is None:
        return None
    algorithm, _, value = header.partition(" ")
    if algorithm not in ALGORITHMS:
        raise BadUpload(f"Upload-Checksum: “{algorithm[:40]}” is not one of {', '.join(ALGORITHMS)}.")
    return hashlib.new(algorithm, usedforsecurity=False), promises.unpack(value, "the checksum in Upload-Checksum")
