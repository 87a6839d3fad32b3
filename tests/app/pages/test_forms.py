"""Forms are read whole, so they are small."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from fastapi import Request
from starlette.types import Message

from app.errors import BadRequest
from app.pages.forms import LARGEST_FORM, MOST_FIELDS, read_form


def read(body: bytes) -> Mapping[str, Sequence[str]]:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return asyncio.run(read_form(Request({"type": "http", "method": "POST", "headers": []}, receive)))


def test_fields_keep_their_values_in_order() -> None:
    assert read(b"a=1&b=&a=x%20y") == {"a": ["1", "x y"], "b": [""]}


@pytest.mark.parametrize("body", [b"x" * (LARGEST_FORM + 1), b"&".join([b"a=1"] * (MOST_FIELDS + 1))])
def test_a_form_without_bound_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        read(body)
