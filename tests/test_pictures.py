"""Every picture that a page of the docs shows is there, and none lies there unused."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = re.compile(r"!\[[^\]]+\]\(([^)\s]+)\)|\bsrc(?:set)?=\"([^\"]+)\"")


def pictures() -> Iterator[tuple[Path, Path]]:
    """Each page with each picture on it."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for found in PICTURE.finditer(page.read_text()):
            place = found[1] or found[2]
            if "://" not in place and "{" not in place and not place.startswith("/"):
                yield page, (page.parent / place).resolve()


def test_every_picture_is_there() -> None:
    found = list(pictures())
    assert len(found) >= 4
    assert [(page.name, path.name) for page, path in found if not path.is_file()] == []


def test_every_picture_is_used() -> None:
    used = {path for _, path in pictures()}
    assert [path.name for path in sorted((ROOT / "docs").rglob("*.png")) if path.resolve() not in used] == []
