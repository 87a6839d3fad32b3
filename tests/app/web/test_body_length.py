"""What a request says of the length of its body."""

import pytest
from fastapi import Request

from app.web.body_length import announced_length


@pytest.mark.parametrize(
    ("header", "length"),
    [
        (None, None),
        (b"0", 0),
        (b"12", 12),
        (b"", None),
        (b"-1", None),
        (b"1e3", None),
        (b"\xb2", None),
        (b"1, 1", None),
    ],
)
def test_only_a_whole_number_is_a_length(header: bytes | None, length: int | None) -> None:
    headers = [] if header is None else [(b"content-length", header)]
    assert announced_length(Request({"type": "http", "headers": headers})) == length
