"""A verdict as Markdown, for a step summary or a comment on a pull request. Names come from untrusted files."""

import re
from collections.abc import Mapping
from typing import Any

SIGNS = {"pass": "✅", "warn": "⚠️", "insufficient": "❔", "fail": "❌"}
LISTED = 10  # layers that a rule names
LONGEST, SENTENCE = 120, 600  # characters of a name, and of a sentence
ACTIVE = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~@&:/])")
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def write(verdict: Mapping[str, Any]) -> str:
    """A heading, a table of the rules, and the layers behind each that does not hold."""
    lines = [
        f"### {SIGNS[verdict['verdict']]} {plain(verdict['headline'], SENTENCE)}",
        "",
        "| | rule | what was found |",
        "|---|---|---|",
    ]
    lines += [
        f"| {SIGNS[rule['outcome']]} | {plain(rule['rule'])} | {plain(rule['sentence'], SENTENCE)} |"
        for rule in verdict["rules"]
    ]
    for rule in verdict["rules"]:
        if rule["offenders"]:
            lines += _details(rule)
    return "\n".join([*lines, ""])


def _details(rule: Mapping[str, Any]) -> list[str]:
    shown = rule["offenders"][:LISTED]
    based = any(item["baseline"] is not None for item in shown)
    head = ["layer", "checkpoint", "value", *(["baseline"] if based else [])]
    rows = [
        [item["label"] or "the model", " → ".join(item["checkpoints"]), _number(item["value"]),
         *([_number(item["baseline"])] if based else [])]
        for item in shown
    ]  # fmt: skip
    more = rule["offending"] - len(shown)
    return [
        "",
        f"<details><summary>{plain(rule['rule'])}: {rule['offending']}</summary>",
        "",
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(plain(cell) for cell in row)} |" for row in rows),
        *(["", f"and {more} more"] if more > 0 else []),
        "",
        "</details>",
    ]


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def plain(text: str, most: int = LONGEST) -> str:
    """The text as nothing but text: no markup, no mention, no link, no second line.

    >>> plain("a|b*c")
    'a&#124;b&#42;c'
    """
    short = text if len(text) <= most else f"{text[: most // 2]}…{text[-most // 2 :]}"
    return ACTIVE.sub(lambda found: f"&#{ord(found[1])};", UNSEEN.sub("\ufffd", short))
