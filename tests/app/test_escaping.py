"""Hostile text: each medium keeps what is text, and obeys nothing in it."""

import csv
import io
import re
from collections.abc import Callable
from html import unescape
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from app.escaping import for_csv, for_database, for_log, for_markdown, for_terminal, for_xml

HOSTILE = "a|b\n# x \x00\x1b[2J\r\u2028\u202e\ud800\ufffe\U0001f600 α → β"


@pytest.mark.parametrize("escape", [for_terminal, for_log])
def test_nothing_commands_a_terminal_or_begins_a_line(escape: Callable[[str], str]) -> None:
    found = escape(HOSTILE)
    assert found.isprintable()
    assert found.endswith("\U0001f600 α → β")
    assert found.encode("latin-1", "backslashreplace").decode("unicode_escape") == HOSTILE  # nothing is lost


def test_what_xml_has_no_character_for() -> None:
    assert for_xml("a\x00b\ud800c\ufffe\U0001f600") == "a\ufffdb\ufffdc\ufffd\U0001f600"
    element = ET.Element("a")
    element.text = for_xml(HOSTILE)
    assert ET.fromstring(ET.tostring(element, encoding="unicode")).text is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a|b", "a\\|b"),
        ("<b>", "\\<b\\>"),
        ("a\nb", "a\ufffdb"),
        ("α → β", "α → β"),
        ("model@main", "model@main"),
        ("@team model@v1.0 #12", "@\u200bteam model@\u200bv1.0 #\u200b12"),
        ("layers.0.q_proj __init__", "layers.0.q_proj \\_\\_init\\_\\_"),
        ("www.evil.example https://evil", "www\\.evil.example https\\://evil"),
    ],
)
def test_markdown_is_nothing_but_text(text: str, said: str) -> None:
    assert for_markdown(text) == said


@given(st.text(st.sampled_from("a0 _*`\\\\|<>&[]()!#@:/.-+~$\"'{}=é→\u0661"), max_size=30))
def test_markdown_shows_any_text_as_it_is(text: str) -> None:
    """In a cell of a table and in a heading, as a reader of CommonMark with tables sees it."""
    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    told = for_markdown(text)
    html = reader.render(f"### x {told} x\n\n| x {told} x | y |\n|---|---|\n")
    heading, cell = (re.search(rf"<{tag}>(.*?)</{tag}>", html) for tag in ("h3", "th"))
    for found in (heading, cell):
        assert found is not None
        assert unescape(found[1]).replace("\u200b", "") == f"x {text} x"
    assert html.count("<th>") == 2


def test_long_names_are_cut_in_the_middle() -> None:
    assert len(for_markdown("x" * 70_000)) == 121


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\r=x", "\n=1+1", "＝1+1", "＋1", "－1", "＠SUM(A1)"]
)
def test_no_cell_is_a_formula(text: str) -> None:
    assert for_csv(text) == "'" + text
    out = io.StringIO()
    csv.writer(out).writerow([for_csv(text)])
    assert next(csv.reader(io.StringIO(out.getvalue(), newline=""))) == ["'" + text]


def test_a_database_stores_it() -> None:
    assert for_database("a\x00\udfffb\n\x1b") == "a\ufffd\ufffdb\n\x1b"
    for_database(HOSTILE).encode()
