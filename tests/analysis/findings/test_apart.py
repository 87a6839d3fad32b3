"""Notes on layers apart from their siblings."""

import pytest

from analysis.diagnostic import Finding, Measurement, Row, Severity
from analysis.findings.apart import Compared, apart_findings
from analysis.findings.causes import SIBLINGS
from analysis.weight import WeightInfo

COUNT = Compared("count", "has more of it", "has less of it", True)
SIZE = Compared("size", "is larger", "is smaller", False)


def row(depth: int, column: str, value: float | None, role: str = "v") -> Row:
    name = f"layers.{depth}.self_attn.{role}_proj.weight"
    return Row(WeightInfo(name, name, 64, 64, 1, role, depth), (0,), Measurement({column: value}))


def told(compared: Compared, *values: float | None) -> list[Finding]:
    rows = [row(depth, compared.column, value) for depth, value in enumerate(values)]
    return list(apart_findings(rows, compared))


def test_a_count_far_from_the_others_is_a_note_with_both_numbers() -> None:
    (found,) = told(COUNT, 16, 18, 15, 17, 2)
    assert (found.severity, found.cause) == (Severity.NOTE, SIBLINGS)
    assert found.text == "Value projection (v_proj) of block 4 has less of it than its siblings"
    assert found.why.startswith("2; the median of 4 others of its role and shape is 16.5.")
    (found,) = told(COUNT, 16, 18, 15, 17, 60)
    assert found.text.endswith("has more of it than its siblings")


def test_a_size_far_from_the_others() -> None:
    (found,) = told(SIZE, 1.0, 1.1, 0.9, 1.0, 5.0)
    assert found.text.endswith("is larger than its siblings")
    assert "is 1." in found.why


@pytest.mark.parametrize(
    "values",
    [(16, 18, 15, 17, 12), (0, 0, 0, 0, 3), (2, 18), (5, 20, 40, 10, 70), (16, None, None, 2)],
    ids=["near", "few of few", "two", "spread", "two with a value"],
)
def test_nothing_is_said_of_the_usual(values: tuple[float | None, ...]) -> None:
    assert told(COUNT, *values) == []


def test_other_roles_are_no_siblings() -> None:
    rows = [*(row(depth, "count", 30.0, "q") for depth in range(4)), row(0, "count", 2.0)]
    assert list(apart_findings(rows, COUNT)) == []
