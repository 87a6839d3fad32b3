"""The pictures in README and docs, made again in a folder of the test's own."""

import struct
from pathlib import Path

from playwright.sync_api import Browser

from docs import screenshots
from docs.browser import serve

BLANK, LARGEST = 50_000, 300_000  # bytes; a page without content has some 10,000


def check(path: Path, picture: screenshots.Picture) -> None:
    """That it is a PNG of the picture's size, by its first chunk, and neither blank nor large."""
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", content[16:24]) == (picture.width, picture.height)
    assert BLANK < len(content) < LARGEST


def test_the_script_makes_every_picture(browser: Browser, tmp_path: Path) -> None:
    with serve(tmp_path) as (address, _):
        runs = screenshots.load(address)
        for picture in screenshots.PICTURES:
            path = tmp_path / picture.name
            screenshots.take(browser, f"{address}/runs/{runs[picture.run]}", picture, path)
            check(path, picture)


def test_the_pictures_in_the_docs_are_those_that_it_makes() -> None:
    for picture in screenshots.PICTURES:
        check(screenshots.HERE / picture.name, picture)
