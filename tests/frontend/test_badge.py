"""Badges: well-formed SVG that loads nothing and runs nothing, whatever the word."""

from xml.etree import ElementTree as ET

import pytest

from frontend.badge import COLORS, badge

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("word", [*COLORS, "pending", "<script>alert(1)</script>", "a&b", '" onload="x'])
def test_a_badge_says_its_word_and_nothing_else(word: str) -> None:
    root = ET.fromstring(badge(word))
    assert {each.tag.removeprefix(SVG) for each in root.iter()} == {"svg", "title", "clipPath", "rect", "g", "text"}
    assert [each.text for each in root.iter(f"{SVG}text")] == ["eigenscope", word]
    assert not [name for each in root.iter() for name in each.attrib if name.startswith("on") or "href" in name]
    assert root.get("aria-label") == f"eigenscope: {word}"


def test_each_verdict_has_its_colour() -> None:
    fills = {word: [each.get("fill") for each in ET.fromstring(badge(word)).iter(f"{SVG}rect")][-1] for word in COLORS}
    assert fills == COLORS


@pytest.mark.parametrize("color", COLORS.values())
def test_white_on_it_can_be_read(color: str) -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    assert 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05) >= 4.5
