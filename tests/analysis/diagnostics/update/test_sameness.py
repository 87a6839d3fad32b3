"""Words on a checkpoint with the matrices of its base; for files see tests/analysis/tensors/test_others.py."""

from analysis.diagnostic import Measurement, Row, Table
from analysis.diagnostics.update.diagnostic import UPDATE
from analysis.diagnostics.update.sameness import repeated_findings, same_finding, same_in_short
from analysis.findings.changes import REPEATED_STEP, SAME, VECTORS_ONLY
from analysis.findings.grouping import group_rows
from analysis.other_tensors import OtherTensors
from analysis.weight import WeightInfo

EQUAL, MOVED = OtherTensors(4, (), (), "a"), OtherTensors(3, ("norm.weight",), (), "b")


def row(position: int, norm: float, depth: int = 0) -> Row:
    info = WeightInfo(f"layers.{depth}.up", "up", 9, 8, 1, "up", depth)
    values = {"norm": norm, "cosine": 0.9, "delta_sigma": 0.1 * norm, "effective_rank": 3.0, "unchanged": 0.0}
    return Row(info, (0, position), Measurement(values))


def test_without_the_other_tensors_nothing_is_called_identical() -> None:
    finding = same_finding([row(1, 0.0)], "tuned", "base", None)
    assert finding.cause is SAME
    assert "not compared" in finding.why
    said = finding.text + finding.why + same_in_short([row(1, 0.0)], "tuned", "base", None)
    assert "identical" not in said
    assert "nothing was trained" not in said


def test_equal_values_of_another_type_are_not_called_identical() -> None:
    same = row(1, 0.0)
    types = {"stored_as": "float32", "base_stored_as": "bfloat16"}
    wider = Row(same.weight, same.group, Measurement({**same.measurement.values, **types}))
    for said in (same_in_short([wider], "tuned", "base", EQUAL), same_finding([wider], "tuned", "base", EQUAL).text):
        assert said.endswith("stored as float32 in place of bfloat16")
        assert "identical" not in said
    mixed = Row(same.weight, same.group, Measurement({**same.measurement.values, **types, "stored_as": "float16"}))
    assert same_in_short([wider, mixed], "tuned", "base", EQUAL).endswith("stored in other types")
    assert same_in_short([same], "tuned", "base", EQUAL) == "tuned is identical to base"


def test_what_changed_is_listed() -> None:
    finding = same_finding([row(1, 0.0)], "tuned", "base", MOVED)
    assert (finding.cause, finding.weights, finding.why) == (VECTORS_ONLY, ("norm.weight",), "Changed: norm.weight.")
    many = OtherTensors(0, tuple(f"norm.{at}" for at in range(9)), (), "c")
    assert same_finding([row(1, 0.0)], "tuned", "base", many).why.endswith("norm.3 and 5 more.")


def test_what_was_not_compared_is_listed() -> None:
    unread = OtherTensors(3, (), (), "d", ("norm.weight",))
    finding = same_finding([row(1, 0.0)], "tuned", "base", unread)
    assert finding.cause is SAME
    assert finding.why == "All other tensors that both have are equal. Not compared: norm.weight."
    said = finding.text + finding.why + same_in_short([row(1, 0.0)], "tuned", "base", unread)
    assert "identical" not in said
    assert "nothing was trained" not in said
    (said,) = repeated(row(1, 0.2), row(2, 0.2), others=(None, unread, unread))
    assert said.endswith("So are all other tensors that were compared.")


def repeated(*rows: Row, others: tuple[OtherTensors | None, ...] = ()) -> list[str]:
    table = Table(UPDATE, rows, ("base", "a", "b", "c"), others=others)
    found = list(repeated_findings(table, group_rows(rows)))
    assert {finding.cause for finding in found} <= {REPEATED_STEP}
    return [f"{finding.text}. {finding.why}" for finding in found]


def test_only_equal_steps_are_repeated() -> None:
    assert repeated(row(1, 0.2), row(2, 0.2 + 1e-12), row(3, 0.3)) == []
    assert repeated(row(1, 0.0), row(2, 0.0)) == []  # the base itself: said of each
    (said,) = repeated(row(1, 0.2), row(2, 0.3), row(3, 0.2))
    assert said.startswith("a and c are the same in 1 matrix.")
    assert "not compared" in said
    (said,) = repeated(row(1, 0.2), row(2, 0.2), others=(None, EQUAL, MOVED))
    assert said.endswith("Other tensors, such as norms and biases, differ.")
