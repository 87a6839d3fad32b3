"""How long a request says that its body is."""

from fastapi import Request


def announced_length(request: Request) -> int | None:
    """The body's length, where the header Content-Length states it as a whole number of bytes."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else None
