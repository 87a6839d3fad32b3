"""What a run says in one sentence, a few key numbers, and its findings, worst first."""

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.diagnostic import Finding, Severity, Summary
from frontend.numbers import short


@dataclass(frozen=True, slots=True)
class Kpi:
    title: str
    value: str
    small: str = ""
    term: str = ""  # its name in the glossary


@dataclass(frozen=True, slots=True)
class Verdict:
    strong: str  # the answer
    rest: str  # and what qualifies it
    kpis: tuple[Kpi, ...]
    findings: tuple[Finding, ...]


# title, the summary's number, the number that it is part of, the name in the glossary
CHOSEN: Mapping[str, tuple[tuple[str, str, str, str], ...]] = {
    "esd": (
        ("median α (KS)", "median_readable", "", "median_alpha"),
        ("firm fits in 2–6", "usual", "readable", "firm_fit"),
        ("left out", "left_out", "fitted", "left_out"),
    ),
    "norms": (
        ("median stable rank", "median_stable_rank", "", "median_stable_rank"),
    ),
}  # fmt: skip
FEW = 3  # numbers of a diagnostic that is not named above


def verdict(summaries: Mapping[str, Summary]) -> Verdict:
    """What the entries say leads, then the first of the others; all give key numbers and findings.

    The worst finding leads where the entries know nothing of it: no sentence above the findings denies the first.
    """
    leading = [summaries["entries"].headline] if "entries" in summaries else []
    headlines = [summary.headline for name, summary in summaries.items() if name != "entries"]
    findings = sorted(
        (finding for summary in summaries.values() for finding in summary.findings),
        key=lambda finding: list(Severity).index(finding.severity),
    )
    entries = summaries["entries"].findings if "entries" in summaries else ()
    if leading and findings and findings[0].severity is not Severity.NOTE and findings[0] not in entries:
        leading = [f"{findings[0].text}.", *leading]
    strong, stop, rest = " ".join([*leading, *headlines[:1]]).partition(". ")
    return Verdict(
        strong=strong + stop.strip(),
        rest=rest,
        kpis=kpis(summaries),
        findings=tuple(findings),
    )


def kpis(summaries: Mapping[str, Summary]) -> tuple[Kpi, ...]:
    """The chosen numbers of the diagnostics that CHOSEN knows, or else the first numbers of the first."""
    pairs = [(s.numbers, entry) for name, s in summaries.items() for entry in CHOSEN.get(name, ())]
    if not pairs and summaries:
        first = next(iter(summaries.values())).numbers
        pairs = [(first, (name.replace("_", " "), name, "", "")) for name in list(first)[:FEW]]
    return tuple(
        Kpi(title, short(numbers.get(name)), f"of {short(numbers.get(total))}" if total else "", term)
        for numbers, (title, name, total, term) in pairs
    )
