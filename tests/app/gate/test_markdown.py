"""Markdown: hostile names stay text, in one line and one cell."""

import re

from markdown_it import MarkdownIt

from analysis.gate.evidence import Evidence
from analysis.gate.judge import judge
from analysis.gate.reading import policy_of
from app.gate.markdown import write
from tests.reports import alphas, report

HOSTILE = "a|b\n# x [l](http://evil) @team #12 <img src=x> `c` ![i](j) \u202e *b* __d__ ~~e~~"


def test_a_table_of_rules_and_the_layers_behind_them() -> None:
    policy = policy_of({"rules": [{"name": "tails", "column": "esd.alpha", "max_regression": 1},
                                  {"name": "few", "column": "esd.alpha", "min": 1}]})  # fmt: skip
    text = write(
        judge(policy, Evidence(report({"esd": alphas(3.0, 9.0)})), report({"esd": alphas(3.0, 7.0)})).to_json()
    )
    lines = text.splitlines()
    assert lines[0] == "### ❌ The gate is closed: 3 of 4 rules hold, 1 failed."
    assert lines[4].startswith("| ❌ | tails | ")
    assert lines[5].startswith("| ✅ | few | ")
    assert "<details><summary>tails: 1</summary>" in lines
    assert "| layer | checkpoint | value | baseline |" in lines
    assert "| Block 1 · b |  | 9 | 7 |" in lines


def test_hostile_names_are_nothing_but_text() -> None:
    found = report({"esd": alphas(9.0)})
    found["tables"]["esd"][0] |= {"weight": HOSTILE, "label": HOSTILE}
    policy = policy_of({"rules": [{"name": HOSTILE, "column": "esd.alpha", "max": 4}]})
    text = write(judge(policy, Evidence(found)).to_json())
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {row.replace("\\|", "").count("|") for row in rows[:3]} == {4}
    assert "\u202e" not in text
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
    tags = set(re.findall(r"<(/?\w+)", html))
    assert {tag.lstrip("/") for tag in tags} == {
        "h3",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "details",
        "summary",
    }
    assert not re.search(r"(?<!\w)@\w|#\d", html)


def test_it_says_of_which_model_and_run() -> None:
    policy = policy_of({"rules": [{"column": "esd.alpha", "min": 1}]})
    told = judge(policy, Evidence(report({"esd": alphas(3.0)}))).to_json()
    text = write({**told, "checkpoint": "a|b", "run": 12, "link": "https://eigenscope.example/runs/12"})
    assert text.startswith("### ✅ a\\|b: The gate is open")
    assert text.splitlines()[2] == "Run 12: <https://eigenscope.example/runs/12>"


def test_it_stays_below_what_github_takes() -> None:
    """A step summary of more than 1 MiB is dropped as a whole."""
    layer = {"label": "层" * 200, "checkpoints": ["检" * 200] * 2, "value": 9.0, "baseline": 7.0, "why": None}
    rule = {"rule": "规" * 200, "outcome": "fail", "sentence": "句" * 300, "offenders": [layer] * 10, "offending": 10}
    text = write({"verdict": "fail", "headline": "The gate is closed.", "rules": [rule] * 100})
    assert 800_000 < len(text.encode()) < 1 << 20
    assert re.search(r"^The layers of \d+ more rules are in the verdict as JSON\.$", text, re.MULTILINE)
