"""Every cause of a comparison says all that a reader needs, and has a name of its own."""

import re
from dataclasses import astuple
from pathlib import Path

from analysis.findings.causes import CAUSES
from analysis.findings.changes import CHANGES
from analysis.findings.widths import WIDTHS


def test_each_is_complete() -> None:
    for cause in CHANGES:
        assert all(text.strip() and not text.endswith(".") for text in astuple(cause))


def test_no_two_share_a_name() -> None:
    names = [cause.name for cause in (*CAUSES, *CHANGES, *WIDTHS)]
    assert len(names) == len(set(names))


def test_who_cites_a_correlation_with_forgetting_cites_the_lower_one_too() -> None:
    """0.92 is that of LoRA alone: with the full fine-tunes it is 0.70."""
    root = Path(__file__).parents[3]
    texts = [path.read_text() for path in (*root.glob("docs/*.md"), *root.glob("analysis/**/*.py"))]
    cited = [found for text in texts for found in re.findall(r".{60}0\.92\s+over.{120}", text, re.DOTALL)]
    assert len(cited) >= 6
    assert [found for found in cited if "0.70" not in found] == []
