"""Sentences that a table of overlaps gives."""

import pytest
import torch
from torch import Tensor

from analysis.diagnostic import Severity, Summary
from analysis.diagnostics.overlap.diagnostic import OVERLAP
from analysis.diagnostics.overlap.summary import deviations, summarise
from analysis.findings.changes import SHARED
from analysis.weight import Weight
from tests.analysis.diagnostics.battery import blocks, changed, comparison, low_rank, randn

BASE = blocks([randn(200, 150, seed=depth) for depth in range(4)])


def lora(seed: int, first: Tensor | None = None) -> list[Weight]:
    """An adapter of rank 4 for each matrix, its outputs out of `first` where that is given."""
    left = [randn(200, 4, seed=seed + d) if first is None else first @ randn(4, 4, seed=seed + d) for d in range(4)]
    return [low_rank(w, 0.01 * left[d], randn(4, 150, seed=seed + 10 + d)) for d, w in enumerate(BASE)]


def said(one: list[Weight], other: list[Weight]) -> Summary:
    return comparison(OVERLAP, [one, other], "MiniLM", "LoRA", "full")[1]


def test_updates_drawn_apart_share_what_chance_gives() -> None:
    summary = said(lora(0), lora(100))
    (finding,) = summary.findings
    assert finding.severity is Severity.NOTE
    assert finding.text.startswith("The updates of LoRA and full share ")
    assert finding.text.endswith(
        " % of their 4 leading output directions: no more than chance, they changed different things"
    )
    assert "Median of 4 matrices; chance is 2 %." in finding.why
    assert "Few matrices" not in finding.why
    assert abs(float(finding.evidence["above_chance"] or 9.0)) < 3.0
    assert summary.groups[0, 1, 2]["matrices"] == 4
    assert summary.groups[0, 1, 2]["chance_left"] == pytest.approx(0.02)
    assert summary.headline.startswith("LoRA and full share ")


def test_the_same_outputs_are_mostly_the_same() -> None:
    (finding,) = said(lora(0, randn(200, 4, seed=7)), lora(100, randn(200, 4, seed=7))).findings
    assert finding.text.endswith("share 100 % of their 4 leading output directions: they changed mostly the same")


def test_some_of_the_same_outputs_are_more_than_chance() -> None:
    mixed = torch.cat([randn(200, 4, seed=7)[:, :1], randn(200, 3, seed=8)], dim=1)
    (finding,) = said(lora(0, randn(200, 4, seed=7)), lora(100, mixed)).findings
    assert finding.text.endswith("above chance, and no more than unrelated tasks shared in one trial")
    assert "partly the same" not in finding.text  # what unrelated tasks share is no sign of the same change
    assert "unrelated tasks shared 27 to 32 %" in finding.why
    assert "The cosine of the two updates is" in finding.why
    assert finding.cause is SHARED


def test_the_same_update_twice() -> None:
    (finding,) = said(lora(0), lora(0)).findings
    assert finding.text.endswith("it is the same update")
    assert "The cosine of the two updates is 1.0." in finding.why


def test_updates_that_undo_each_other_are_a_warning() -> None:
    mirrored = [changed(w, w.slices - (t.slices - w.slices)) for w, t in zip(BASE, lora(0), strict=True)]
    first, _ = said(lora(0), mirrored).findings
    assert (first.severity, first.text) == (
        Severity.WARN,
        "LoRA and full work against each other in 4 of 4 matrices",
    )
    assert "below −0.2" in first.why


def test_a_wrong_base_makes_the_overlap_mean_nothing() -> None:
    """Two models drawn apart have -W₀ in common."""
    apart = [[changed(w, randn(200, 150, seed=seed + d)) for d, w in enumerate(BASE)] for seed in (50, 60)]
    summary = said(*apart)
    (finding,) = summary.findings
    assert summary.headline == "LoRA and full do not both stem from MiniLM."
    assert finding.text.endswith("that means nothing, for one of them does not stem from the base")
    assert float(finding.evidence["cosine"] or 0.0) > 0.4


def test_few_and_small_matrices_are_said_to_be() -> None:
    (small,) = blocks([randn(6, 5)])
    pair = [[changed(small, small.slices + 0.1 * randn(6, 5, seed=seed))] for seed in (1, 2)]
    (finding,) = comparison(OVERLAP, pair, "MiniLM", "one", "other")[1].findings
    assert finding.text.endswith("the matrices are too small to tell that from chance")
    assert finding.why.endswith("Few matrices: read it as a direction.")


def test_zero_updates_are_no_comparison() -> None:
    table, summary = comparison(OVERLAP, [lora(0), [changed(w, w.slices) for w in BASE]], "MiniLM", "LoRA", "same")
    assert summary.headline == "No two updates can be compared."
    assert summary.groups == {}
    (finding,) = summary.findings
    assert finding.text == "4 matrices have no overlap"
    assert "the second update is zero" in finding.why
    assert deviations(table.rows) is None
    assert summarise(table) == summary


def test_three_updates_are_three_comparisons() -> None:
    _, summary = comparison(OVERLAP, [lora(0), lora(20), lora(40)], "MiniLM", "a", "b", "c")
    assert list(summary.groups) == [(0, 1, 2), (0, 1, 3), (0, 2, 3)]
    assert summary.numbers["comparisons"] == 3
    assert [part.split(" share")[0] for part in summary.headline.split("; ")] == ["a and b", "a and c", "b and c"]
