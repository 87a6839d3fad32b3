"""The colours of static/css/tokens.css: text can be read on every ground that it stands on, in both themes."""

import re
from pathlib import Path

import pytest

import frontend

TOKENS = (Path(frontend.__file__).parent / "static/css/tokens.css").read_text()
PAIRS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", TOKENS)
}  # fmt: skip
GROUNDS = ("surface", "canvas")
STATES = ("good", "note", "warn", "bad")
READ = [
    *((ink, ground) for ink in ("ink", "ink-2", "ink-3", "accent", *STATES) for ground in GROUNDS),
    *((state, f"{state}-bg") for state in STATES),
    *(("ink", cell) for cell in ("a-1", "a-2", "a-3", "a-4", "q-0", "q-1", "q-2", "accent-2", "raised")),
    *((f"{cell}-ink", cell) for cell in ("a-lo", "a-hi", "a-top")),
    *(("q-ink-hi", cell) for cell in ("q-3", "q-4", "q-5")),
    ("on-accent", "accent"),
    *((mark, "surface") for mark in PAIRS if mark.startswith(("role-", "m-"))),
]


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(ink: str, ground: str) -> float:
    dark, light = sorted((luminance(ink), luminance(ground)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_of_black_and_white() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize(("ink", "ground"), READ)
def test_text_can_be_read(ink: str, ground: str) -> None:
    for theme in (0, 1):
        assert contrast(PAIRS[ink][theme], PAIRS[ground][theme]) >= 4.5, ("light", "dark")[theme]


def test_every_token_that_is_used_is_there() -> None:
    folder = Path(frontend.__file__).parent
    files = [*folder.rglob("*.css"), *folder.rglob("*.js"), *folder.rglob("*.py")]
    used = {name for path in files for name in re.findall(r"var\(--([\w-]+)\)", path.read_text())}
    assert used - set(re.findall(r"--([\w-]+):", TOKENS)) == set()
