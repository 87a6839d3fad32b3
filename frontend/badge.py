"""A badge: one word on a colour, as SVG of our own that loads nothing."""

from html import escape
from pathlib import Path
from string import Template

TEMPLATE = Template((Path(__file__).parent / "templates" / "parts" / "badge.svg").read_text(encoding="utf-8"))
COLORS = {"pass": "#1a7f37", "warn": "#9a6700", "insufficient": "#57606a", "fail": "#cf222e"}  # 4.5:1 under white
OTHER = "#57606a"
SUBJECT = "eigenscope"
PER_CHARACTER, MARGIN = 6.6, 6.0  # of 11 px Verdana; textLength makes any font keep to it


def badge(word: str) -> str:
    """The SVG for a verdict, or for any other word."""
    left, right = (round(PER_CHARACTER * len(text) + 2 * MARGIN, 1) for text in (SUBJECT, word))
    return TEMPLATE.substitute(
        subject=SUBJECT, word=escape(word), color=COLORS.get(word, OTHER), left=left, right=right,
        width=round(left + right, 1), subject_x=left / 2, word_x=left + right / 2,
        subject_length=round(left - 2 * MARGIN, 1), word_length=round(right - 2 * MARGIN, 1),
    )  # fmt: skip
