import doctest
from base64 import b64encode

import pytest

from app.errors import BadUpload
from app.uploads import metadata as promises


def test_the_examples_of_its_docstrings_hold() -> None:
    assert doctest.testmod(promises).failed == 0


def test_a_promised_digest() -> None:
    assert promises.digest("filename bW9kZWw=") is None
    assert promises.digest(f"sha256 {b64encode(b'0' * 64).decode()}") == "0" * 64


@pytest.mark.parametrize("told", ["a *", "a YQ==, a YQ==", "sha256 YQ==", "x" * 8193])
def test_what_is_no_metadata_is_refused(told: str) -> None:
    with pytest.raises(BadUpload):
        promises.metadata(told)
