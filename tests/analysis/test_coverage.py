"""Coverage of one and of several checkpoints: each tensor counted once, and whatever is left out has its reason."""

from dataclasses import replace

from analysis.coverage import ALONE, Coverage, coverage, coverage_of_members, failures, merge_coverages
from analysis.diagnostic import Column, Diagnostic, Measurement, Row, Scope, Summary, Table
from analysis.tensors.gains import describe_ratio
from analysis.tensors.matching import Member, align
from analysis.tensors.matrices import Header, describe, matrices
from analysis.weight import TensorInfo


def member(*names: str) -> Member:
    return Member("model", describe({name: Header((4, 4), "float32", 64) for name in names}))


BASE = member("q.weight", "k.weight", "v.weight")
TUNED = member("q.weight", "k.weight", "head.weight")
MEMBERS = [BASE, TUNED]
ALIGNED = align(MEMBERS)


def table(scope: Scope, *rows: tuple[str, tuple[int, ...], float | None]) -> Table:
    planned = {weight.name: weight for m in MEMBERS for info in m.tensors for weight in matrices(info)}
    columns = (Column("a", "a", ""),)
    known = Diagnostic(
        "d", "D", scope, "", "", columns, lambda weights, options: Measurement({}), lambda t: Summary("", {})
    )
    return Table(known, tuple(Row(planned[n], g, Measurement({"a": v}, note=f"bad {n}")) for n, g, v in rows))


def reasons(found: Coverage, position: int) -> dict[str, str]:
    return {skipped.tensor: skipped.reason for skipped in found.members[position].skipped}


def test_a_pair_covers_what_both_have() -> None:
    found = coverage_of_members(
        MEMBERS, ALIGNED, [table(Scope.PAIR, ("q.weight", (0, 1), 1.0), ("k.weight", (0, 1), None))]
    )
    assert (found.tensors, found.analysed) == (6, 2)
    assert reasons(found, 0) == {"k.weight": "bad k.weight", "v.weight": ALONE}
    assert reasons(found, 1) == {"k.weight": "bad k.weight", "head.weight": "not in the base"}
    assert [missing.tensor for missing in found.members[1].missing] == ["v.weight"]


def test_alone_everything_is_covered() -> None:
    rows = [(n, (0,), 1.0) for n in ("q.weight", "k.weight", "v.weight")]
    rows += [(n, (1,), 1.0) for n in ("q.weight", "k.weight", "head.weight")]
    found = coverage_of_members(MEMBERS, ALIGNED, [table(Scope.ONE, *rows)])
    assert found.analysed == found.tensors == 6
    assert found.skipped == ()


def test_what_one_checkpoint_cannot_give_counts_against_that_one() -> None:
    found = coverage_of_members(MEMBERS, ALIGNED, [table(Scope.ONE, ("q.weight", (0,), 1.0), ("q.weight", (1,), None))])
    assert "q.weight" not in reasons(found, 0)
    assert reasons(found, 1) == {"q.weight": "bad q.weight"}


def test_a_tensor_is_covered_by_any_row_that_it_is_in() -> None:
    single = table(Scope.ONE, ("k.weight", (1,), None))
    pair = table(Scope.PAIR, ("k.weight", (0, 1), 2.0))
    assert reasons(coverage_of_members(MEMBERS, ALIGNED, [single, pair]), 1) == {}


def test_what_is_not_there_yet_is_so_in_every_checkpoint() -> None:
    waiting = {0: {"q.weight": "not yet"}, 1: {"head.weight": "soon"}}
    found = coverage_of_members(MEMBERS, ALIGNED, [table(Scope.ONE)], waiting)
    assert reasons(found, 0)["q.weight"] == "not yet"
    assert reasons(found, 1) == {"q.weight": "not yet", "head.weight": "soon"}


def test_a_tensor_fails_where_no_table_has_any_value_of_it() -> None:
    one = table(Scope.ONE, ("q.weight", (0,), None), ("k.weight", (0,), None))
    other = table(Scope.ONE, ("q.weight", (0,), 0.0), ("k.weight", (0,), None))
    assert failures([one, other]) == {"k.weight": "bad k.weight"}


def test_a_failed_tensor_is_left_out_with_its_numbers() -> None:
    found = coverage(BASE.tensors, {"k.weight": "NaN"})
    assert (found.tensors, found.analysed, found.parameters, found.analysed_parameters) == (3, 2, 48, 32)
    assert found.reasons() == [("NaN", 1)]


def test_nan_is_counted_by_matrices_and_not_by_their_numbers() -> None:
    reasons = {
        "k.weight": "k.weight: 1 of 16 values are NaN or infinite",
        "q.weight": "q.weight: 2 of 16 values are NaN or infinite",
    }
    found = coverage(BASE.tensors, reasons)
    assert found.reasons() == [("values that are NaN or infinite", 2)]
    assert {entry.tensor: entry.reason for entry in found.skipped} == reasons


def test_several_checkpoints_add_up() -> None:
    parts = (coverage(BASE.tensors), coverage(TUNED.tensors, {"q.weight": "NaN"}))
    found = merge_coverages(parts)
    assert (found.tensors, found.analysed, found.parameters, found.members) == (6, 5, 96, parts)
    said = found.to_json(["base", "tuned"])
    assert [part["checkpoint"] for part in said["checkpoints"]] == ["base", "tuned"]
    assert (
        said["skipped"]
        == said["checkpoints"][1]["skipped"]
        == [{"tensor": "q.weight", "shape": [4, 4], "reason": "NaN"}]
    )


def _info(name: str, size: int, skip: str | None = None) -> TensorInfo:
    return TensorInfo(name, (size, 10), "float32", 40 * size, "other", None, skip)


def test_a_verdict_needs_half_of_the_weights_parameters() -> None:
    """What is no weight does not count, what cannot be read does."""
    moments = _info("state.exp_avg", 900, "state of the optimizer, no weight")
    half = coverage([_info("a", 50), _info("b", 50, "stored as codes, which are not read"), moments])
    assert (half.weights, half.unread) == (1000, None)
    less = coverage([_info("a", 40), _info("b", 60, "stored as codes, which are not read"), moments])
    assert less.unread is not None
    assert less.unread.startswith("400 of 1,000 parameters of the weights were read: no verdict. Most are")
    assert coverage([_info("a", 1)]).unread is None


def test_gains_apart_from_their_siblings_are_read_from_the_reasons() -> None:
    reason = "one-dimensional: a bias or a norm gain"
    infos = [
        replace(info, skip=skip)
        for info, skip in zip(
            BASE.tensors, (f"{reason}; {describe_ratio(0.0)}", f"{reason}; {describe_ratio(30.0)}", reason), strict=True
        )
    ]
    found = coverage(infos).odd_gains
    assert found == {"q.weight": describe_ratio(0.0), "k.weight": describe_ratio(30.0)}
