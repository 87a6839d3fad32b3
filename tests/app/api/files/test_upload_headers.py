"""The headers of tus: numbers, checksums, and their description."""

import hashlib
from base64 import b64encode

import pytest
from fastapi import Request

from app.api.files.upload_headers import header_date, header_number, header_parameters, is_piece, read_checksum
from app.errors import BadUpload


def request(**headers: str) -> Request:
    pairs = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Request({"type": "http", "headers": pairs})


def test_a_number_is_a_whole_number_of_bytes() -> None:
    assert header_number(request(upload_offset="12"), "upload-offset") == 12
    for text in ("", "-1", "1.5", "²", "9" * 19):
        with pytest.raises(BadUpload, match="Upload-Offset must be a whole number of bytes"):
            header_number(
                Request({"type": "http", "headers": [(b"upload-offset", text.encode("latin-1"))]}), "upload-offset"
            )


def test_a_checksum_is_an_algorithm_and_the_digest_in_base64() -> None:
    digest = hashlib.sha1(b"abc", usedforsecurity=False).digest()
    checksum = read_checksum(request(upload_checksum=f"sha1 {b64encode(digest).decode()}"))
    assert checksum is not None
    checksum[0].update(b"abc")
    assert checksum[0].digest() == checksum[1]
    assert read_checksum(request()) is None
    with pytest.raises(BadUpload, match="“md5” is not one of sha1, sha256"):
        read_checksum(request(upload_checksum="md5 abc="))


def test_a_piece_is_known_by_its_type() -> None:
    assert is_piece(request(content_type="Application/Offset+Octet-Stream"))
    assert not is_piece(request(content_type="application/octet-stream"))


def test_the_description_says_which_headers_are_required() -> None:
    described = header_parameters("Upload-Length", "Upload-Checksum")["parameters"]
    assert [(header["name"], header["required"]) for header in described] == [
        ("Upload-Length", True),
        ("Upload-Checksum", False),
    ]


def test_a_date_is_that_of_http() -> None:
    assert header_date(0.0) == "Thu, 01 Jan 1970 00:00:00 GMT"
