"""Each fault is named, in the layer that has it and no other, in words that people use."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from analysis.diagnostic import Finding, Severity
from analysis.diagnostics.entries import faults, grid
from analysis.diagnostics.entries.precision import ROUNDOFF
from analysis.diagnostics.entries.samples import Samples
from analysis.findings.causes import COPY, QUANTISED
from analysis.weight import Grid
from tests.analysis.diagnostics.battery import blocks, randn, weight
from tests.analysis.diagnostics.entries.models import measured, model, planted, said, trained, warned

UP = "MLP up projection (up_proj) of block 2"
NAME = "layers.2.mlp.up_proj.weight"


def with_entry(value: float) -> Tensor:
    changed = trained(2)
    changed[5, 7] = value
    return changed


def rounded(steps: int) -> Tensor:
    scale = trained(2).abs().amax(1, keepdim=True) / steps
    return (trained(2) / scale).round() * scale


def without(rows: list[int]) -> Tensor:
    changed = trained(2)
    changed[rows] = 0.0
    return changed


def repeating() -> Tensor:
    changed = trained(2)
    changed[:3] = changed[10]
    return changed


CASES: list[tuple[Tensor, str, str, Severity]] = [
    (with_entry(math.nan), "not-finite", f"{UP} holds values that are NaN or infinite", Severity.BAD),
    (torch.zeros(64, 64), "zero", f"{UP} is all zeros", Severity.BAD),
    (randn(64, 8) @ randn(8, 64, seed=1) * 0.008, "low-rank", f"{UP} has rank 8 of 64", Severity.WARN),
    (without([1, 4, 6]), "dead-lines", f"{UP} has 3 rows of zeros", Severity.WARN),
    (repeating(), "equal-lines", f"{UP} has 3 rows that repeat another", Severity.WARN),
    (torch.where(trained(2).abs() < 0.02, 0.0, trained(2)), "pruned", f"{UP} is pruned: ", Severity.WARN),
    (rounded(7), "quantised", f"{UP} is quantised to about 4 bits", Severity.WARN),
    (rounded(127), "quantised", f"{UP} is quantised to about 8 bits", Severity.WARN),
    (trained(2).bfloat16().float(), "precision", f"{UP} holds bfloat16 values in float32", Severity.WARN),
    (trained(2).half().float(), "precision", f"{UP} holds float16 values in float32", Severity.WARN),
    (with_entry(1.2), "outlier", f"{UP} has an entry ", Severity.WARN),
    (trained(0), "copy", f"{UP} is a copy of MLP up projection (up_proj) of block 0", Severity.WARN),
    (trained(0) * 0.9, "copy", f"{UP} is nearly a copy of MLP up projection (up_proj) of block 0", Severity.WARN),
]


@pytest.mark.parametrize(("changed", "cause", "text", "severity"), CASES, ids=[case[1] for case in CASES])
def test_a_fault_is_named_and_only_it(changed: Tensor, cause: str, text: str, severity: Severity) -> None:
    (found,) = warned(planted(changed))
    assert found.cause is not None
    assert (found.cause.name, found.severity) == (cause, severity)
    assert found.text.startswith(text)
    assert found.weights == (NAME,) or (cause == "copy" and found.weights == ("layers.0.mlp.up_proj.weight", NAME))


def test_a_model_without_faults_is_left_in_peace() -> None:
    found = said([w for role in model().values() for w in role])
    assert found.findings == ()
    assert found.headline == "No fault found in the entries of 12 matrices."


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda w: w.bfloat16().float(), "precision"),
        (lambda w: (w / 0.01).round() * 0.01, "quantised"),
        (lambda w: torch.where(w.abs() < 0.02, 0.0, w), "pruned"),
    ],
)
def test_what_all_layers_share_is_one_note(change: Callable[[Tensor], Tensor], cause: str) -> None:
    (found,) = said(blocks([change(trained(i)) for i in range(6)])).findings
    assert (found.severity, len(found.weights)) == (Severity.NOTE, 6)
    assert found.cause is not None
    assert found.cause.name == cause
    assert found.why.endswith("It is how this model was stored.")


def test_layers_that_all_repeat_each_other_are_one_note() -> None:
    (found,) = said(blocks([trained(0)] * 6)).findings
    assert found.severity is Severity.NOTE
    assert found.text == "6 of 6 matrices are copies of each other"


def test_a_tied_head_and_padding_are_notes() -> None:
    table = trained(1, 200, 64)
    table[0] = 0.0
    tied = [
        weight(table, "embed_tokens.weight", "embedding", None),
        weight(table.clone(), "lm_head.weight", "head", None),
    ]
    found = said([*[w for role in model().values() for w in role], *tied]).findings
    assert {(f.severity, f.cause.name) for f in found if f.cause} >= {
        (Severity.NOTE, "copy"),
        (Severity.NOTE, "dead-lines"),
    }
    assert "Output head is a copy of word embedding" in [f.text for f in found]


def test_outliers_in_one_feature_are_a_habit_of_the_model() -> None:
    weights = [trained(i) for i in range(6)]
    for depth in (1, 3):
        weights[depth][9, 5 + depth] = 2.0
    notes = said(blocks(weights)).findings
    assert [f.severity for f in notes] == [Severity.NOTE, Severity.NOTE]
    assert notes[0].why.endswith("1 other layer has theirs in the same feature: a habit of the model.")
    rows = measured(blocks(weights)).rows
    assert faults.places(rows[1]) == {(64, 9), (64, 6)}
    assert faults.places(rows[0]) == set()


def test_layers_that_share_a_feature_are_counted_as_by_asking_each() -> None:
    plain = measured(blocks([trained(i) for i in range(8)])).rows
    places = [(9, 5), (9, 6), (9, 5), (4, 5), (3, 3), (3, 2), (5, 9), (7, 60)]
    values = [{"largest": 20.0, "isolation": 5.0, "largest_row": high, "largest_column": wide} for high, wide in places]
    rows = [
        replace(row, measurement=replace(row.measurement, values={**row.measurement.values, **own}))
        for row, own in zip(plain, values, strict=True)
    ]
    for row, found in zip(rows, faults.outliers(rows), strict=True):
        shared = sum(bool(faults.places(row) & faults.places(other)) for other in rows if other is not row)
        words = "other layer has" if shared == 1 else "other layers have"
        assert (f" {shared} {words} theirs" in found.why) == bool(shared)
        assert (found.severity is Severity.NOTE) == bool(shared)


def test_a_fixed_basis_of_vectors_is_no_fault() -> None:
    basis = torch.cos(torch.arange(256.0) * torch.arange(1.0, 4.0)[:, None] * 0.0245)
    basis[0, :9] = 0.0
    assert said([weight(row[None], f"stft.basis.{i}", "other", None) for i, row in enumerate(basis)]).findings == ()


def test_a_constant_layer_is_one_and_no_grid() -> None:
    (found,) = warned(planted(torch.full((64, 64), -0.3)))
    assert found.text == f"{UP} has one value in all entries"


def pruned(matrix: Tensor, share: float) -> Tensor:
    return torch.where(matrix.abs() > matrix.abs().flatten().quantile(share), matrix, 0.0)


@pytest.mark.parametrize(("steps", "bits"), [(7, 4), (127, 8)])
def test_what_was_pruned_and_quantised_is_both(steps: int, bits: int) -> None:
    kept = pruned(trained(2), 0.5)
    scale = kept.abs().amax(1, keepdim=True) / steps
    found = {one.cause.name: one.text for one in warned(planted((kept / scale).round() * scale)) if one.cause}
    assert found == {
        "quantised": f"{UP} is quantised to about {bits} bits",
        "pruned": f"{UP} is pruned: 50 % of its entries are 0",
    }


@pytest.mark.parametrize("steps", [1, 3, 7, 15, 127])
@pytest.mark.parametrize("power", [1, 3])
def test_zeros_of_a_grid_are_no_pruning(steps: int, power: int) -> None:
    matrix = randn(64, 256, seed=1) ** power
    for scale in (matrix.abs().amax(1, keepdim=True) / steps, matrix.abs().max() / steps):
        values = (matrix / scale).round() * scale
        found = grid.grid(values, ROUNDOFF["float32"])
        assert found is None or not grid.has_excess_zeros(Samples(values), found)


def test_what_the_file_says_itself_is_a_note_and_no_fault() -> None:
    """The same values in a file that does not say it are a warning."""
    steps = trained(2).abs().max() / 127
    changed = planted((trained(2) / steps).round() * steps)
    place = next(at for at, each in enumerate(changed) if each.info.name == "layers.2.mlp.up_proj.weight")
    (fault,) = warned(changed)
    assert fault.text == f"{UP} is quantised to about 8 bits"
    changed[place] = replace(changed[place], grid=Grid(float(steps), "dequantised: 8 bits"))
    assert warned(changed) == []
    (note,) = [each for each in said(changed).findings if each.cause is QUANTISED]
    assert (note.severity, note.text) == (Severity.NOTE, f"{UP} is quantised to about 8 bits, as the file says")


def test_rows_that_are_all_one_repeat_and_are_not_quantised() -> None:
    found = [each.text for each in warned(planted(trained(2)[:1].expand(64, 64).contiguous()))]
    assert found
    assert not [text for text in found if "quantised" in text]


def test_zeros_in_every_matrix_are_one_finding() -> None:
    (found,) = said(blocks([torch.zeros(64, 64)] * 4)).findings
    assert (found.severity, found.text) == (Severity.BAD, "All 4 matrices are all zeros")


def copies_in(weights: list[Tensor]) -> list[Finding]:
    return [finding for finding in said(blocks(weights)).findings if finding.cause is COPY]


def near(start: Tensor, seed: int) -> Tensor:
    return start + 0.1 * start.std() * randn(64, 64, seed=seed)


def test_blocks_that_started_as_copies_are_a_note_and_a_copy_among_others_is_a_fault() -> None:
    alike = [near(trained(0), seed) for seed in range(4)]
    text = "4 matrices of equal roles are nearly the same: their blocks started as copies"
    assert [(found.severity, found.text) for found in copies_in(alike)] == [(Severity.NOTE, text)]
    (found,) = copies_in([*(trained(i) for i in range(3)), near(trained(1), 9)])
    assert (found.severity, "nearly a copy of" in found.text) == (Severity.WARN, True)
    (found,) = [found for found in copies_in([*alike, alike[1]]) if found.severity is Severity.WARN]
    assert found.text.startswith("MLP up projection (up_proj) of block 4 is a copy of")
