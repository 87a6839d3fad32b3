"""What a file is when it is no checkpoint. Whole files of each kind are in tests/hostile/."""

from pathlib import Path

import pytest

from analysis.errors import REJECTIONS
from analysis.formats.rejected import KINDS, rejection
from tests.hostile import OTHERS, Hostile


@pytest.mark.parametrize("hostile", [h for h in OTHERS if h.code != "missing-file"], ids=lambda hostile: hostile.name)
def test_a_message_names_the_file_and_what_it_is(hostile: Hostile, tmp_path: Path) -> None:
    (path,) = hostile.build(tmp_path)
    if path.read_bytes()[:2] == b"PK":
        return  # torch_zip tells what is in a zip
    error = rejection(path, path.read_bytes()[:4096])
    assert error.code == hostile.code
    assert error.message.startswith(path.name)
    assert error.message.endswith((".", ".)"))


def test_the_codes_are_explained() -> None:
    assert {kind.code for kind in KINDS} <= set(REJECTIONS)


@pytest.mark.parametrize("head", ["ä".encode(), "aä".encode()[:2], "漢漢".encode()[:5], b"a,b\r\n\t1"])
def test_text_may_be_cut_within_a_character(head: bytes) -> None:
    assert rejection(Path("x"), head).code == "text-file"


@pytest.mark.parametrize("head", [b"<?xml version='1.0'?><html>", b"\xef\xbb\xbf<!doctype HTML>", b"<!-- x --><html>"])
def test_web_pages_of_every_sort(head: bytes) -> None:
    assert rejection(Path("x"), head).code == "html-page"
