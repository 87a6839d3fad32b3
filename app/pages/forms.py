"""The fields of a page's form: small, so they are read whole, and never more than they may be."""

from collections.abc import Mapping, Sequence
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import Depends, Request

from app.errors import BadRequest

LARGEST_FORM, MOST_FIELDS = 100_000, 1000  # bytes, fields


async def read_form(request: Request) -> Mapping[str, Sequence[str]]:
    """Each field's values, as a form sends them (application/x-www-form-urlencoded). Raises BadRequest."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_FORM:
            raise BadRequest("The form is too large.")
    try:
        return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise BadRequest("The form has too many fields.") from error


Sent = Annotated[Mapping[str, Sequence[str]], Depends(read_form)]
