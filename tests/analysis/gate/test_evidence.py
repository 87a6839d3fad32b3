"""Evidence: which checkpoints and layers a rule sees, and what is no value."""

import pytest

from analysis.gate.evidence import Evidence, items, places_of
from analysis.gate.reading import policy_of
from tests.reports import alphas, report


@pytest.mark.parametrize(
    ("asked", "count", "places"),
    [(None, 1, {0}), (None, 3, {1, 2}), ("tuned", 2, {1}), ("last", 3, {2}), ("base", 3, {0}), ("every", 2, {0, 1})],
)
def test_places(asked: str | None, count: int, places: set[int]) -> None:
    assert places_of(asked, ["a", "b", "c"][:count] if count > 1 else []) == places


def test_a_weak_fit_is_left_out_where_asked() -> None:
    (rule,) = policy_of({"rules": [{"column": "esd.alpha", "min": 2, "weak": "drop"}]}).rules
    (found,) = items(rule, Evidence(report({"esd": alphas(3.0, low_confidence=True)})))
    assert (found.value, found.why, found.usable, found.failed) == (None, "its fit is weak", False, False)
