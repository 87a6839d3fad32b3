"""One finding for each cause and weight, whichever diagnostics saw it."""

from analysis.diagnostic import Finding, Severity, Summary
from analysis.finding import Cause
from analysis.findings import causes
from analysis.findings.repeats import without_repeats


def summary(*findings: Finding) -> Summary:
    return Summary("A headline.", {"measured": 3}, findings)


def finding(cause: Cause, *weights: str, severity: Severity = Severity.BAD) -> Finding:
    return Finding(severity, f"{cause.name} in {weights}", "why", weights, {}, cause)


def test_the_entries_speak_first_and_repeats_go() -> None:
    zero, nan = finding(causes.ZERO, "a"), finding(causes.NOT_FINITE, "b")
    missing = finding(causes.UNMEASURED, "a", "b", severity=Severity.NOTE)
    found = without_repeats({"esd": summary(missing), "norms": summary(zero, nan), "entries": summary(zero, nan)})
    assert list(found) == ["entries", "esd", "norms"]
    assert {name: part.findings for name, part in found.items()} == {"entries": (zero, nan), "esd": (), "norms": ()}
    assert found["norms"].numbers == {"measured": 3}


def test_what_is_said_of_other_weights_stays() -> None:
    rank = finding(causes.RANK, "a", "c", severity=Severity.NOTE)
    found = without_repeats({"entries": summary(finding(causes.LOW_RANK, "a")), "norms": summary(rank)})
    assert found["norms"].findings == (rank,)


def test_findings_without_a_cause_or_weights_stay() -> None:
    plain, general = Finding(Severity.NOTE, "t", "w", ("a",)), finding(causes.READING)
    assert without_repeats({"esd": summary(plain, plain, general, general)})["esd"].findings == (
        plain, plain, general, general,
    )  # fmt: skip


def test_what_the_entries_tested_and_did_not_find_is_a_note_of_others() -> None:
    noise, traps = finding(causes.RANDOM, "a"), finding(causes.OUTLIER, "b", severity=Severity.WARN)
    found = without_repeats({"entries": summary(), "random_matrix": summary(noise, traps)})
    assert [one.severity for one in found["random_matrix"].findings] == [Severity.NOTE, Severity.NOTE]
    assert without_repeats({"random_matrix": summary(noise)})["random_matrix"].findings == (noise,)
