"""Tensors cut alike in every checkpoint: the same objects for every group, and a reason where there is none."""

import pytest
import torch
from torch import Tensor

from analysis.diagnostic import Column, Diagnostic, Measurement, Options, Request, Row, Scope, Summary
from analysis.engine.pieces import Family, Held, Piece, pieces
from analysis.tensors.matrices import Header, describe
from analysis.weight import Factors, TensorInfo, Weight

NAMES = ("base", "a", "b")


def info(name: str, *shape: int, beside: dict[str, Header] | None = None) -> TensorInfo:
    return describe({name: Header(shape, "float32", 4), **(beside or {})})[0]


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def found(piece: Piece, position: int) -> Weight:
    weight = piece.weights[position]
    assert isinstance(weight, Weight)
    return weight


def test_every_checkpoint_is_cut_like_the_base() -> None:
    """Gate over up: two weights, whose numbers and factors are the upper and the lower half."""
    planned = info("layers.0.mlp.gate_up_proj.weight", 12, 4)
    base, left, right = randn(12, 4), randn(12, 2, seed=1), randn(2, 4, seed=2)
    held = {0: Held(base), 1: Held(base + left @ right, Factors(left, right))}
    gate, up = pieces(planned, held, NAMES)
    assert [gate.planned.role, up.planned.role] == ["gate", "up"]
    assert torch.equal(found(gate, 0).matrix, base[:6])
    assert torch.equal(found(up, 1).matrix, (base + left @ right)[6:])
    assert found(up, 1).base is found(up, 0)
    assert found(up, 0).base is None
    factors = found(up, 1).factors
    assert factors is not None
    torch.testing.assert_close(factors.left @ factors.right, (left @ right)[6:])


def test_a_convolution_keeps_the_factors_of_its_flat_matrix() -> None:
    planned = info("conv1.weight", 6, 5, 3, 3)
    base, left, right = randn(6, 5, 3, 3), randn(6, 2, seed=1), randn(2, 45, seed=2)
    tuned = base + (left @ right).reshape(6, 5, 3, 3)
    (piece,) = pieces(planned, {0: Held(base), 1: Held(tuned, Factors(left, right))}, NAMES)
    factors = found(piece, 1).factors
    assert factors is not None
    update = found(piece, 1).matrix - found(piece, 0).matrix
    torch.testing.assert_close(factors.left @ factors.right, update, atol=1e-5, rtol=1e-5)


def test_the_members_of_a_stack_have_no_factors() -> None:
    planned = info("layers.0.mlp.experts.down_proj", 3, 4, 5)
    base = randn(3, 4, 5)
    cut = list(pieces(planned, {0: Held(base), 1: Held(base, Factors(randn(12, 1), randn(1, 5)))}, NAMES))
    assert len(cut) == 3
    assert all(found(piece, 1).factors is None for piece in cut)


def test_factors_of_another_shape_are_not_used() -> None:
    planned = info("q_proj.weight", 6, 4)
    (piece,) = pieces(planned, {0: Held(randn(6, 4)), 1: Held(randn(6, 4), Factors(randn(4, 1), randn(1, 6)))}, NAMES)
    assert found(piece, 1).factors is None


def trio(**changed: Tensor | str) -> Family:
    weights: dict[int, Weight | str] = {}
    (planned,) = (piece.planned for piece in pieces(info("embed_tokens.weight", 9, 4), {0: Held(randn(9, 4))}, NAMES))
    for position, name in enumerate(NAMES):
        there = changed.get(name, randn(9, 4, seed=position))
        base = weights[0] if position else None
        assert not isinstance(base, str)
        weights[position] = there if isinstance(there, str) else Weight(planned, there.unsqueeze(0), base)
    return Family(weights, NAMES)


def test_groups_share_the_very_same_objects() -> None:
    family = trio()
    first, second, both = (
        family.group(Scope.PAIR, (0, 1)),
        family.group(Scope.PAIR, (0, 2)),
        family.group(Scope.UPDATES, (0, 1, 2)),
    )
    assert not isinstance(first, str)
    assert not isinstance(second, str)
    assert not isinstance(both, str)
    assert first[0] is second[0] is both[0]
    assert first[1] is both[1]
    assert second[1] is both[2]
    assert both[1].base is both[0]


def test_rows_that_were_added_are_left_aside() -> None:
    family = trio(a=randn(11, 4, seed=1), b=randn(7, 4, seed=2))
    pair, other, both = (family.group(Scope.UPDATES, group) for group in ((0, 1), (0, 2), (0, 1, 2)))
    assert not isinstance(pair, str)
    assert not isinstance(other, str)
    assert not isinstance(both, str)
    assert [w.info.rows for w in pair] == [w.matrix.shape[0] for w in pair] == [9, 9]
    assert [w.info.rows for w in other] == [7, 7]
    assert [w.info.rows for w in both] == [7, 7, 7]
    assert both[0] is other[0], "cut once"
    assert both[1].base is both[0]
    torch.testing.assert_close(both[1].matrix, randn(11, 4, seed=1)[:7])
    single = family.group(Scope.ONE, (1,))
    assert not isinstance(single, str)
    assert len(single[0].matrix) == 11


@pytest.mark.parametrize("group", [(0, 1), (0, 1, 2)])
def test_what_is_not_finite_is_said_with_whose_it_is(group: tuple[int, ...]) -> None:
    bad = randn(9, 4)
    bad[2, 1] = torch.nan
    family = trio(a=bad)
    assert family.group(Scope.PAIR, group) == "a: 1 of 36 values are NaN or infinite"
    assert not isinstance(family.group(Scope.PAIR, (0, 2)), str)
    assert not isinstance(family.group(Scope.ONE, (1,)), str), "one checkpoint says so itself"


def test_what_cannot_be_had_is_a_reason_for_its_groups_alone() -> None:
    family = trio(b="its factors do not fit")
    assert family.group(Scope.PAIR, (0, 2)) == "b: its factors do not fit"
    assert family.group(Scope.ONE, (2,)) == "b: its factors do not fit"
    assert not isinstance(family.group(Scope.PAIR, (0, 1)), str)


def test_other_widths_go_together_in_a_family_only() -> None:
    family = trio(a=randn(9, 8), b=randn(9, 16))
    assert not isinstance(family.group(Scope.FAMILY, (0, 1, 2)), str)
    assert family.group(Scope.PAIR, (0, 1)) == "the shapes differ: 9 × 4, 9 × 8"


def test_a_row_for_each_group_that_was_asked_for() -> None:
    def compute(weights: object, options: Options) -> Measurement:
        assert isinstance(weights, tuple)
        return Measurement({"count": len(weights)})

    columns = (Column("count", "n", "weights", kind="integer"),)
    pair = Diagnostic("p", "P", Scope.PAIR, "", "", columns, compute, lambda table: Summary("", {}))
    planned = info("q_proj.weight", 6, 4)
    held: dict[int, Held | str] = {0: Held(randn(6, 4)), 1: Held(randn(6, 4)), 2: "no"}
    (piece,) = pieces(planned, held, NAMES)
    asked = [(Request(pair, Options({})), group) for group in ((0, 1), (0, 2))]
    rows: list[Row] = [row for _, row in piece.measure(asked, piece.weights)]
    assert [(row.group, row.value("count"), row.measurement.note) for row in rows] == [
        ((0, 1), 2, None), ((0, 2), None, "b: no"),
    ]  # fmt: skip
