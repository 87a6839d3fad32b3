"""What a finding carries besides its sentence."""

from analysis.finding import Cause, Finding, Severity
from analysis.report import finding_json

CAUSE = Cause("copy", "look", "compare", "replace", "when tied", "bytes")


def test_a_finding_says_what_to_do_and_where_that_is_from() -> None:
    said = finding_json(Finding(Severity.WARN, "A copy", "All bytes.", ("a", "b"), {"cosine": 1.0}, CAUSE))
    assert said == {
        "severity": "warn", "text": "A copy", "why": "All bytes.", "weights": ["a", "b"], "evidence": {"cosine": 1.0},
        "cause": "copy", "check": "look", "confirm": "compare", "action": "replace", "harmless": "when tied",
        "source": "bytes", "page": "docs/findings.md#copy",
    }  # fmt: skip


def test_one_without_a_cause_is_as_before() -> None:
    assert finding_json(Finding(Severity.NOTE, "t", "w")) == {
        "severity": "note", "text": "t", "why": "w", "weights": [], "evidence": {},
    }  # fmt: skip
