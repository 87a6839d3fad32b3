"""Lines in other places and lines that are new: heads of attention, hidden units, units drawn anew."""

import pytest
import torch
from torch import Tensor

from analysis.diagnostic import Finding, Severity
from analysis.diagnostics.intruders.diagnostic import INTRUDERS
from analysis.diagnostics.update.diagnostic import UPDATE
from analysis.diagnostics.update.kinds import kind_of_change
from analysis.diagnostics.update.sums import add_lines
from analysis.diagnostics.update.turned_lines import find_order, has_new_lines
from tests.analysis.diagnostics.battery import blocks, changed, comparison, randn, weight

HEADS, SIZE = 8, 12
ROWS = HEADS * SIZE
HEAD_ORDER = (torch.tensor([3, 1, 0, 7, 4, 6, 5, 2])[:, None] * SIZE + torch.arange(SIZE)).flatten()
MATRIX = randn(ROWS, 80)
TRAINED = MATRIX + 0.3 * randn(ROWS, 3, seed=1) @ randn(3, 80, seed=2) / 3.0**0.5


def kind(before: Tensor, after: Tensor) -> str:
    base = weight(before)
    return kind_of_change(base, changed(base, after))


def order_in(after: Tensor) -> Tensor | None:
    return find_order(MATRIX, after, add_lines(MATRIX, after)[0])


def has_new_rows(before: Tensor, after: Tensor) -> bool:
    return has_new_lines(*add_lines(before, after))


def anew(matrix: Tensor, count: int) -> Tensor:
    changed_matrix = matrix.clone()
    changed_matrix[5 : 5 + count] = matrix.std() * randn(count, matrix.shape[1], seed=9)
    return changed_matrix


def test_the_order_is_found_as_it_was_made() -> None:
    for after in (MATRIX[HEAD_ORDER], TRAINED[HEAD_ORDER]):
        order = order_in(after)
        assert order is not None
        assert order.tolist() == HEAD_ORDER.tolist()
    assert order_in(TRAINED) is None
    assert order_in(randn(ROWS, 80, seed=5)) is None


@pytest.mark.parametrize("levels", [3, 15, None])
def test_heads_that_changed_places_are_another_order_however_few_values_there_are(levels: int | None) -> None:
    """Of few values many rows have one sum of squares."""
    base = MATRIX if levels is None else (MATRIX / MATRIX.abs().max() * levels).round()
    assert kind(base, base[HEAD_ORDER]) == kind(base.mT.contiguous(), base[HEAD_ORDER].mT.contiguous()) == "permuted"


def test_heads_that_changed_places_and_were_trained() -> None:
    assert kind(MATRIX, TRAINED[HEAD_ORDER]) == "reordered"
    assert kind(MATRIX.mT.contiguous(), TRAINED[HEAD_ORDER].mT.contiguous()) == "reordered"
    two_heads = torch.cat([torch.arange(SIZE, 2 * SIZE), torch.arange(SIZE), torch.arange(2 * SIZE, ROWS)])
    assert kind(MATRIX, TRAINED[two_heads]) == "reordered"


@pytest.mark.parametrize("count", [3, ROWS // 8, ROWS // 2])
def test_lines_drawn_anew_beside_trained_ones(count: int) -> None:
    assert kind(MATRIX, anew(MATRIX, count)) == kind(MATRIX, anew(TRAINED, count)) == "partly-new"
    assert kind(MATRIX.mT.contiguous(), anew(TRAINED, count).mT.contiguous()) == "partly-new"


def test_few_lines_short_ones_and_matrices_that_moved_as_a_whole_are_not_partly_new() -> None:
    assert not has_new_rows(MATRIX, anew(MATRIX, 2))
    padded = MATRIX.clone()
    padded[:20] *= 1e-3
    again = padded.clone()
    again[:20] = 1e-3 * randn(20, 80, seed=3)
    assert not has_new_rows(padded, again)
    assert not has_new_rows(MATRIX, (MATRIX + 3.0 * randn(ROWS, 80, seed=4)))
    assert not has_new_rows(MATRIX[:, :20], anew(MATRIX, 40)[:, :20])


def said(matrices: list[Tensor]) -> list[Finding]:
    bases = blocks([randn(ROWS, 80, seed=depth) for depth in range(4)])
    tuned = [changed(base, matrix) for base, matrix in zip(bases, matrices, strict=True)]
    found = [comparison(diagnostic, [tuned], "base", "tuned")[1] for diagnostic in (UPDATE, INTRUDERS)]
    return [finding for summary in found for finding in summary.findings]


def test_a_model_with_its_heads_in_another_order_and_trained_has_no_intruders_and_the_right_base() -> None:
    drift = 0.1 * randn(ROWS, 3, seed=1) @ randn(3, 80, seed=2)
    findings = said([(randn(ROWS, 80, seed=depth) + drift)[HEAD_ORDER] for depth in range(4)])
    assert {finding.text for finding in findings} == {
        "tuned: MLP up projection (up_proj) of blocks 0–3 are the base in another order, and changed"
    }
    assert {finding.cause.name for finding in findings if finding.cause} == {"permuted"}


def test_rows_drawn_anew_are_told_and_give_no_intruders() -> None:
    drift = 1e-2 * randn(ROWS, 3, seed=1) @ randn(3, 80, seed=2)
    trained = [randn(ROWS, 80, seed=depth) + drift for depth in range(4)]
    findings = said([anew(trained[0], ROWS // 2), *trained[1:]])
    told = [finding for finding in findings if finding.cause is not None and finding.cause.name == "partly-new"]
    assert told
    assert all(finding.severity is Severity.WARN for finding in told)
    assert all("block 0 is in some rows or columns new" in finding.text for finding in told)
    assert not any(finding.severity is Severity.BAD for finding in findings)
    assert not any(finding.text.startswith("tuned adds") and "no intruder" not in finding.text for finding in findings)
