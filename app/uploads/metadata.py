"""Upload-Metadata of tus: what a client says of an upload before it comes."""

import base64
import binascii
import re

from app.errors import BadUpload

LONGEST = 8192  # characters


def metadata(text: str) -> dict[str, str]:
    """Pairs of a name and a base64 value, with commas between. Raises BadUpload.

    >>> metadata("filename bW9kZWw=, kept")
    {'filename': 'model', 'kept': ''}
    """
    pairs: dict[str, str] = {}
    if len(text) > LONGEST:
        raise BadUpload(f"Upload-Metadata is longer than {LONGEST:,} characters.")
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = pair.partition(" ")
        if name in pairs:
            raise BadUpload(f"Upload-Metadata has “{name[:40]}” twice.")
        pairs[name] = unpack(value, f"the value of “{name[:40]}” in Upload-Metadata").decode("utf-8", "replace")
    if "sha256" in pairs and not re.fullmatch(r"[0-9a-f]{64}", pairs["sha256"]):
        raise BadUpload("The sha256 in Upload-Metadata is not a valid SHA-256 in hexadecimal.")
    return pairs


def digest(text: str) -> str | None:
    """The SHA-256 that the bytes are to have, where one was promised."""
    return metadata(text).get("sha256")


def unpack(value: str, what: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise BadUpload(f"{what} is not valid base64.") from None
