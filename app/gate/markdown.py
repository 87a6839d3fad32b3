"""A verdict as Markdown, for a step summary or a comment on a pull request. Names come from untrusted files."""

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.findings.wording import format_value, quantity
from analysis.outcome import Outcome
from app.escaping import for_html, for_markdown

LISTED = 10  # layers that a rule names
SENTENCE = 600  # characters
LARGEST = 900_000  # bytes: GitHub drops a step summary of more than 1 MiB as a whole


def write(verdict: Mapping[str, Any]) -> str:
    """A heading, a table of the rules, and the layers behind each that does not hold."""
    lines = [
        f"### {Outcome(verdict['verdict']).emoji} {_subject(verdict)}{for_markdown(verdict['headline'], SENTENCE)}",
        "",
        *_origin(verdict),
        "| | rule | what was found |",
        "|---|---|---|",
    ]
    for rule in verdict["rules"]:
        sentence = for_markdown(rule["sentence"], SENTENCE)
        lines.append(f"| {Outcome(rule['outcome']).emoji} | {for_markdown(rule['rule'])} | {sentence} |")
    return "\n".join([*lines, *_all_details(verdict["rules"], LARGEST - _size(lines)), ""])


def _all_details(rules: Sequence[Mapping[str, Any]], room: int) -> list[str]:
    """The layers behind each rule that does not hold, of as many rules as there is room for, in bytes."""
    lines: list[str] = []
    left_out = 0
    for rule in (rule for rule in rules if rule["offenders"]):
        details = _details(rule)
        if _size(lines) + _size(details) > room:
            left_out += 1
        else:
            lines += details
    rest = f"The layers of {quantity(left_out, 'more rule')} are in the verdict as JSON."
    return [*lines, "", rest] if left_out else lines


def _size(lines: Sequence[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


def _subject(verdict: Mapping[str, Any]) -> str:
    name = verdict.get("checkpoint")
    return f"{for_markdown(name)}: " if name else ""


def _origin(verdict: Mapping[str, Any]) -> list[str]:
    """The run with its address, where there is one."""
    link = verdict.get("link")
    return [f"Run {verdict['run']}: <{link}>", ""] if link else []


def _details(rule: Mapping[str, Any]) -> list[str]:
    offenders = rule["offenders"][:LISTED]
    has_baseline = any(item["baseline"] is not None for item in offenders)
    head = ["layer", "checkpoint", "value", *(["baseline"] if has_baseline else [])]
    rows = [
        [item["label"] or "the model", " → ".join(item["checkpoints"]), format_value(item["value"], 4),
         *([format_value(item["baseline"], 4)] if has_baseline else [])]
        for item in offenders
    ]  # fmt: skip
    extra = rule["offending"] - len(offenders)
    return [
        "",
        f"<details><summary>{for_html(rule['rule'])}: {rule['offending']}</summary>",
        "",
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(for_markdown(cell) for cell in row)} |" for row in rows),
        *(["", f"and {extra} more"] if extra > 0 else []),
        "",
        "</details>",
    ]
