"""Sentences that a table of updates gives."""

import json
import math
from dataclasses import replace

import pytest
import torch

from analysis.diagnostic import Finding, Measurement, Row, Scalar, Severity, Table
from analysis.diagnostics.update.diagnostic import UPDATE
from analysis.diagnostics.update.summary import chance_of_agreement, summarise
from analysis.weight import WeightInfo
from tests.analysis.diagnostics.battery import blocks, changed, comparison, low_rank, randn

USUAL: dict[str, Scalar] = {
    "relative_norm": 0.02, "norm": 1.0, "effective_rank": 200.0, "share_in_base": 0.2, "share_chance": 0.1,
    "alpha_shift": 0.0, "alpha_shift_error": 0.3, "cosine": 0.999, "unchanged": 0.0, "rounding": 900.0,
    "stored_as": "float32",
}  # fmt: skip


def row(depth: int, position: int = 1, role: str = "up", note: str | None = None, **values: Scalar) -> Row:
    name = f"layers.{depth}.mlp.{role}_proj.weight"
    measured = {} if note else USUAL | values
    return Row(WeightInfo(name, name, 100, 80, 1, role, depth), (0, position), Measurement(measured, note=note))


def still(depth: int, role: str = "up") -> Row:
    return row(depth, role=role, norm=0.0, relative_norm=0.0, cosine=1.0, rounding=0.0)


def told(*rows: Row) -> list[Finding]:
    return list(summarise(Table(UPDATE, rows, ("MiniLM", "LoRA", "full"))).findings)


def test_a_usual_fine_tune_needs_no_finding() -> None:
    summary = summarise(Table(UPDATE, tuple(row(d) for d in range(8)), ("MiniLM", "full")))
    assert summary.findings == ()
    assert summary.headline == "full changed 8 matrices by 2 % (median), in 200 directions."
    assert summary.numbers["median_relative_norm"] == 0.02
    assert summary.groups[0, 1]["matrices"] == 8
    assert summary.groups[0, 1]["foreign"] is False
    assert summary.groups[0, 1]["energy_last_third"] == pytest.approx(0.25)


def test_a_median_does_not_hide_the_few_that_changed_far() -> None:
    sizes = [0.002] * 60 + [0.3, 0.25, 0.25, 0.25, 0.25, 0.41]
    rows = tuple(row(d, relative_norm=size) for d, size in enumerate(sizes))
    assert summarise(Table(UPDATE, rows, ("MiniLM", "full"))).headline == (
        "full changed 66 matrices by 0.2 % (median; 6 by 5 times that or more, block 65 · MLP up by 41 %), "
        "in 200 directions."
    )
    one = summarise(Table(UPDATE, rows[:61], ("MiniLM", "full"))).headline
    assert one == "full changed 61 matrices by 0.2 % (median; block 60 · MLP up by 30 %), in 200 directions."


def test_an_adapter_and_its_merge_say_the_same() -> None:
    moved = [(0.02, 3.0), (0.04, 4.0), (0.06, 8.0)]
    trained = [[row(d, at, relative_norm=s, effective_rank=r) for d, (s, r) in enumerate(moved)] for at in (1, 2)]
    merged = [*trained[1], *(replace(still(d, "down"), group=(0, 2)) for d in range(9))]
    summary = summarise(Table(UPDATE, (*trained[0], *merged), ("MiniLM", "LoRA", "merged")))
    assert summary.headline == (
        "LoRA changed 3 matrices by 4 % (median), in 4 directions; "
        "merged changed 3 matrices by 4 % (median), in 4 directions."
    )
    adapter, whole = summary.groups[0, 1], summary.groups[0, 2]
    assert (whole["matrices"], whole["zero"], adapter["zero"]) == (12, 9, 0)
    same = ("changed", "relative_norm", "effective_rank", "cosine", "rounding")
    assert [adapter[name] for name in same] == [whole[name] for name in same]
    assert summary.numbers["median_effective_rank"] == 4.0
    assert summary.numbers["changed"] == 6


def test_the_largest_change_comes_first_in_the_headline() -> None:
    rows = [row(0, at, relative_norm=0.5 if at == 6 else 0.01) for at in range(1, 7)]
    headline = summarise(Table(UPDATE, tuple(rows), ("MiniLM", *"abcdef"))).headline
    assert headline.startswith("f changed 1 matrix by 50 %")
    assert headline.endswith("; 2 more.")


def test_groups_are_kept_apart() -> None:
    rows = [row(d, 1, relative_norm=0.05) for d in range(3)] + [row(d, 2, relative_norm=0.01) for d in range(3)]
    summary = summarise(Table(UPDATE, tuple(rows), ("MiniLM", "LoRA", "full")))
    assert [summary.groups[group]["relative_norm"] for group in ((0, 1), (0, 2))] == [0.05, 0.01]
    assert summary.headline == (
        "LoRA changed 3 matrices by 5 % (median), in 200 directions; "
        "full changed 3 matrices by 1 % (median), in 200 directions."
    )
    json.dumps([dict(numbers) for numbers in summary.groups.values()], allow_nan=False)


def test_a_large_update_names_its_matrices() -> None:
    (finding,) = told(row(0), row(1, relative_norm=0.12), row(2, relative_norm=0.3), row(3))
    assert finding.severity is Severity.WARN
    assert (
        finding.text
        == "LoRA: the update is larger than 10 % of the base in MLP up projection (up_proj) of blocks 1 and 2"
    )
    assert finding.why.startswith("Largest in block 2 · MLP up: 30 %.")
    assert "0.92 over 18 of LoRA, 0.70 with 4 full ones" in finding.why  # all that was found, and not the best of it
    assert "6 of 8 with a smaller one" in finding.why  # that a smaller one is safe is not said
    assert len(finding.weights) == 2
    (finding,) = told(row(0), row(1, relative_norm=0.12), row(2, role="down", relative_norm=0.3))
    assert finding.text == "LoRA: the update is larger than 10 % of the base in 2 of 3 matrices"


def test_updates_lost_in_rounding() -> None:
    (finding,) = told(row(0), *(row(d, rounding=1.2, unchanged=0.86, stored_as="bfloat16") for d in (1, 2)))
    assert finding.severity is Severity.WARN
    assert finding.text == "LoRA: in 2 of 3 matrices the update is hardly larger than the rounding of bfloat16"
    assert finding.why.startswith("Median 1.2 times the rounding; 86 % of the entries did not change at all.")


def test_a_rank_that_is_not_used() -> None:
    (finding,) = told(*(row(d, available_rank=64, effective_rank=3.1) for d in range(8)))
    assert finding.text == "LoRA uses 3.1 of its 64 directions"
    assert finding.severity is Severity.NOTE
    assert "could be smaller" not in finding.text + finding.why
    assert "Few matrices" not in finding.why
    (finding,) = told(row(0, available_rank=64, effective_rank=3.1))
    assert finding.why.endswith("Few matrices: 1.")
    assert told(*(row(d, available_rank=8, effective_rank=7.0) for d in range(8))) == []
    assert told(*(row(d, available_rank=2, effective_rank=1.0) for d in range(8))) == []


@pytest.mark.parametrize(("shift", "word", "said"), [(-0.4, "heavier", "−0.40"), (0.4, "thinner", "+0.40")])
def test_tails_that_shift_one_way(shift: float, word: str, said: str) -> None:
    (finding,) = told(*(row(d, alpha_shift=shift) for d in range(8)), row(8, alpha_shift=-shift))
    assert finding.text == f"LoRA: tails became {word} in 8 of 9 matrices (median shift of α {said})"
    assert finding.why.startswith("None of the shifts are larger than two standard errors")


def test_the_chance_that_signs_agree_is_exact_for_few_and_near_for_many() -> None:
    assert chance_of_agreement(8, 9) == 20 / 512
    assert chance_of_agreement(5, 9) == chance_of_agreement(700, 1400) == 1.0
    exact = 2 * sum(math.comb(1100, k) for k in range(590, 1101)) / 2**1100
    assert chance_of_agreement(590, 1100) == pytest.approx(exact, rel=0.02)


def test_tails_that_do_not() -> None:
    assert told(*(row(d, alpha_shift=-0.4) for d in range(7))) == []  # few
    assert told(*(row(d, alpha_shift=-0.4 if d % 3 else 0.1) for d in range(9))) == []  # this way and that
    assert told(*(row(d, alpha_shift=-0.01) for d in range(9))) == []  # little
    assert told(*(row(d, alpha_shift=-0.4 if d < 6 else 0.4) for d in range(8))) == []  # as chance often has it


def test_what_was_left_as_it_was() -> None:
    (finding,) = told(row(0), row(1), row(2), still(2, "down"))
    assert finding.text == "LoRA left 1 of 4 matrices exactly as it was"
    assert finding.why == "MLP down projection (down_proj) of block 2: frozen, or never reached by a gradient."
    (finding,) = told(still(0), still(1))
    assert finding.text == "LoRA has the same values as MiniLM in 2 matrices"
    summary = summarise(Table(UPDATE, (still(0),), ("MiniLM", "LoRA")))
    assert summary.headline == "LoRA has the same matrices as MiniLM."


def test_what_could_not_be_measured() -> None:
    (finding,) = told(row(0), row(1, note="the shapes differ"))
    assert finding.text == "1 matrix has no update to measure"
    (finding,) = told(row(0), row(1, note="LoRA: 3 of 9 values are NaN or infinite"))
    assert finding.severity is Severity.BAD
    assert finding.text == "LoRA: MLP up projection (up_proj) of block 1 holds values that are NaN or infinite"
    summary = summarise(Table(UPDATE, (row(0, note="x"),), ("MiniLM", "LoRA")))
    assert summary.headline == "No update could be measured."
    assert summary.groups[0, 1]["relative_norm"] is None


def test_a_wrong_base_silences_the_rest() -> None:
    rows = [row(d, cosine=0.001, relative_norm=1.4, rounding=1.0) for d in range(5)]
    (finding,) = told(*rows)
    assert finding.severity is Severity.BAD
    summary = summarise(Table(UPDATE, tuple(rows), ("MiniLM", "LoRA")))
    assert summary.headline == "LoRA shares nothing with MiniLM."
    assert summary.groups[0, 1]["foreign"] is True


def test_a_true_comparison_from_end_to_end() -> None:
    """LoRA of one direction in two of three blocks, rank 8 offered; full fine-tuning, small and everywhere."""
    base = blocks([randn(60, 50, seed=depth) for depth in range(3)])
    strong = [0.0, 0.0, 0.6]
    lora = [
        low_rank(w, strong[d] * torch.cat([randn(60, 1, seed=9 + d), torch.zeros(60, 7)], dim=1), randn(8, 50, seed=d))
        for d, w in enumerate(base)
    ]
    full = [
        changed(
            w,
            w.slices
            + 0.01 * randn(60, 50, seed=20 + d)
            + 0.005 * randn(60, 1, seed=30 + d) @ randn(1, 50, seed=40 + d),
        )
        for d, w in enumerate(base)
    ]
    _, summary = comparison(UPDATE, [lora, full], "MiniLM", "LoRA r=8", "full")
    said = [finding.text for finding in summary.findings]
    assert said == [
        "LoRA r=8: the update is larger than 10 % of the base in MLP up projection (up_proj) of block 2",
        "LoRA r=8 uses 1.0 of its 8 directions",
        "LoRA r=8: 100 % of the change sits in block 2",
        "LoRA r=8 left 2 of 3 matrices exactly as they were",
    ]
    assert summary.groups[0, 2]["relative_norm"] == pytest.approx(0.01, rel=0.25)
