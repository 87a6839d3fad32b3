"""What is said of intruder dimensions, on tables made by hand."""

from collections.abc import Sequence

import numpy as np
import pytest

from analysis.diagnostic import Measurement, Row, Severity, Summary, Table
from analysis.diagnostics.intruders.diagnostic import INTRUDERS
from analysis.diagnostics.intruders.summary import summarise
from analysis.findings.changes import INTRUDERS as INTRUDERS_CAUSE
from analysis.weight import WeightInfo


def row(
    block: int,
    count: int | None,
    role: str = "down",
    group: tuple[int, int] = (0, 1),
    turned: int = 0,
    low: int | None = None,
    of_adapter: bool = False,
) -> Row:
    """A matrix with so many intruders among ten, of which some only rotated and `low` are left at ε = 0.4."""
    name = f"layers.{block}.mlp.{role}_proj.weight"
    info = WeightInfo(name, name, 300, 200, 1, role, block)
    if count is None:
        return Row(info, group, Measurement({"count": None}, {}, "the base is zero and has no directions"))
    values = {"count": count, "count_guarded": count - turned, "k": 10, "epsilon": 0.5, "lowest_match": 0.2}
    values["of_adapter"] = of_adapter
    epsilon = (np.arange(1, 20) / 20).astype(np.float32)
    left = count if low is None else low
    curve = np.where(epsilon < 0.425, left, count).astype(np.float32)
    return Row(info, group, Measurement(values, {"sweep_epsilon": epsilon, "sweep_count": curve}))


def said(rows: Sequence[Row]) -> Summary:
    return summarise(Table(INTRUDERS, tuple(rows), ("MiniLM", "LoRA r=8", "full")))


def test_none_is_a_note() -> None:
    found = said([row(i, 0) for i in range(6)])
    (finding,) = found.findings
    assert finding.severity is Severity.NOTE
    assert finding.text == "LoRA r=8 adds no intruder dimension in 6 matrices"
    assert found.headline == "LoRA r=8: no intruder dimension in 6 matrices."
    assert "Thin evidence" not in finding.why


def test_some_are_a_warning_that_says_where() -> None:
    rows = [row(i, n) for i, n in enumerate([0, 1, 0, 0, 9, 8])] + [row(i, n, "up") for i, n in enumerate([1, 0, 2])]
    (finding,) = said(rows).findings
    assert finding.severity is Severity.WARN
    assert finding.text == (
        "LoRA r=8 adds 21 intruder dimensions in 5 of 9 matrices, most in MLP down projection (down_proj) of "
        "blocks 4 and 5"
    )
    assert all(said in finding.why for said in ("Spearman 0.97", "0.59", "no significant link", "0.92"))
    assert "a higher rank or full fine-tuning" not in finding.why
    assert finding.cause is INTRUDERS_CAUSE
    assert len(finding.weights) == 5
    assert finding.evidence["intruders"] == 21


@pytest.mark.parametrize(
    ("rows", "where"),
    [
        ([row(0, 2), row(1, 0), row(2, 2)], ", all in MLP down projection (down_proj) of blocks 0 and 2"),
        (
            [row(0, 3), row(0, 2, "up"), row(0, 2, "gate"), row(1, 0)],
            ", the largest share in MLP down projection (down_proj) of block 0",
        ),
        ([row(0, 2), row(0, 2, "up"), row(1, 0)], "in 2 of 3 matrices"),
    ],
)
def test_where_is_said_as_far_as_it_is_true(rows: list[Row], where: str) -> None:
    (finding,) = said(rows).findings
    assert finding.text.endswith(where)


def test_those_that_only_turned_are_no_warning() -> None:
    (finding,) = said([row(i, 2, turned=2) for i in range(4)]).findings
    assert finding.severity is Severity.NOTE
    assert finding.why.startswith("They only rotated")
    (finding,) = said([row(i, 2, turned=1) for i in range(4)]).findings
    assert finding.severity is Severity.WARN
    assert "4 of them only rotated" in finding.why


def test_where_nothing_was_compared_no_number_is_given() -> None:
    found = said([row(i, None) for i in range(3)])
    assert found.headline == "No directions could be compared."
    for numbers in (found.numbers, found.groups[0, 1]):
        assert (numbers["intruders"], numbers["guarded"], numbers["matrices_with"]) == (None, None, None)
        assert numbers["matrices"] == 0


def test_thin_evidence_is_said() -> None:
    (finding,) = said([row(0, 3), row(1, 0)]).findings
    assert "only 2 matrices compared" in finding.why
    (finding,) = said([row(i, 4, low=1) for i in range(5)]).findings
    assert "at ε = 0.4 only 5 of 20 are left" in finding.why
    (finding,) = said([row(i, 4, low=3) for i in range(5)]).findings
    assert "Thin" not in finding.why


def test_one_matrix_is_named() -> None:
    (finding,) = said([row(3, 2)]).findings
    assert finding.text == "LoRA r=8 adds 2 intruder dimensions in 1 of 1 matrix: Block 3 · MLP down"


def test_where_nothing_of_the_base_is_left_it_is_no_count_of_intruders() -> None:
    (finding,) = said([row(i, 10 - i % 2) for i in range(5)]).findings
    assert finding.severity is Severity.BAD
    assert finding.text.startswith("LoRA r=8 leads in none of the directions of MiniLM")
    assert "not the base" in finding.why


def test_an_adapter_that_outweighs_its_base_is_of_that_base() -> None:
    (finding,) = said([row(i, 10, of_adapter=True) for i in range(5)]).findings
    assert (finding.severity, finding.cause) == (Severity.WARN, INTRUDERS_CAUSE)
    assert "no proof of another base" in finding.why


def test_each_pair_has_its_numbers_and_its_finding() -> None:
    found = said(
        [*(row(i, 2) for i in range(3)), *(row(i, 0, group=(0, 2)) for i in range(3)), row(4, None, group=(0, 2))]
    )
    assert dict(found.groups[0, 1]) == {
        "intruders": 6, "guarded": 6, "matrices": 3, "matrices_with": 3, "directions": 30, "median_lowest_match": 0.2,
    }  # fmt: skip
    assert (found.groups[0, 2]["intruders"], found.groups[0, 2]["matrices"]) == (0, 3)
    assert [finding.text.split(" ")[0] for finding in found.findings] == ["LoRA", "full", "1"]
    assert found.headline == (
        "LoRA r=8: 6 intruder dimensions in 3 of 3 matrices; full: no intruder dimension in 3 matrices."
    )
    assert "the base is zero" in found.findings[-1].why


def test_the_worst_of_many_comes_first_in_the_headline() -> None:
    """Four harmless checkpoints do not hide the fifth."""
    rows = [row(0, 8 if at == 5 else 0, group=(0, at)) for at in range(1, 7)]
    headline = summarise(Table(INTRUDERS, tuple(rows), ("MiniLM", *"abcdef"))).headline
    assert headline.startswith("e: 8 intruder dimensions in 1 of 1 matrix; a: no intruder")
    assert headline.endswith("; 2 more.")


def test_nothing_compared() -> None:
    assert said([]).headline == "No directions could be compared."
    assert said([row(0, None)]).headline == "No directions could be compared."
