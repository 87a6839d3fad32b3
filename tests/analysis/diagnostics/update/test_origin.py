"""Whether a base can be the origin: two models drawn apart, fine-tunes light and heavy, the same model twice."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.diagnostic import Finding, Severity
from analysis.diagnostics.update.diagnostic import UPDATE
from analysis.diagnostics.update.origin import cosine, is_foreign, is_foreign_by, is_unrelated
from analysis.weight import Weight
from tests.analysis.diagnostics.battery import blocks, changed, comparison, randn

BASE = blocks([randn(40, 30, seed=depth) for depth in range(6)])
APART = [randn(40, 30, seed=100 + depth) for depth in range(6)]


def told(*slices: Tensor, base: list[Weight] = BASE) -> list[Finding]:
    tuned = [changed(weight, matrix) for weight, matrix in zip(base, slices, strict=True)]
    return list(comparison(UPDATE, [tuned], "MiniLM", "mine")[1].findings)


def test_two_models_drawn_apart_are_no_pair() -> None:
    (finding,) = told(*APART)
    assert finding.severity is Severity.BAD
    assert finding.text.startswith(
        "mine does not look like a fine-tune of MiniLM: its weights share nothing with the base: relative size 1.4"
    )
    assert "cosine" in finding.text
    assert finding.evidence["unrelated"] == finding.evidence["compared"] == 6
    assert finding.evidence["relative_norm"] == pytest.approx(np.sqrt(2.0), rel=0.05)
    assert finding.evidence["cosine"] == pytest.approx(0.0, abs=0.08)
    assert float(finding.evidence["spectrum_distance"] or 1.0) < 0.1  # their spectra alone would not have told
    assert len(finding.weights) == 6


def test_heads_in_another_order_and_then_training_are_no_other_model() -> None:
    """Four of six matrices lose their cosine; the words leave open what happened, and it is no verdict."""
    heads = torch.randperm(5, generator=torch.Generator().manual_seed(3))
    moved = [base.slices[0].reshape(5, 8, 30)[heads].reshape(40, 30) for base in BASE[:4]]
    trained = [matrix + 0.02 * randn(40, 30, seed=50 + at) for at, matrix in enumerate(moved)]
    kept = [base.slices[0] + 0.02 * randn(40, 30, seed=60) for base in BASE[4:]]
    tuned = [changed(weight, matrix) for weight, matrix in zip(BASE, (*trained, *kept), strict=True)]
    summary = comparison(UPDATE, [tuned], "MiniLM", "mine")[1]
    assert summary.headline == "mine: 4 of 6 matrices share nothing with MiniLM."
    (finding,) = summary.findings
    assert finding.severity is Severity.WARN
    assert "4 of 6 matrices share nothing with the base" in finding.text
    assert "cannot be" not in finding.text
    assert "2 others kept theirs: heads or hidden units may only have changed places." in finding.why


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_whatever_their_sizes(scale: float) -> None:
    (finding,) = told(*(scale * matrix for matrix in APART))
    assert finding.severity is Severity.BAD


@pytest.mark.parametrize("size", [0.01, 0.3, 1.0])
def test_a_fine_tune_is_one_however_heavy(size: float) -> None:
    """Even where the update is as large as the base, a cosine of 1/√2 stays."""
    findings = told(*(base.slices[0] + size * other for base, other in zip(BASE, APART, strict=True)))
    assert not [finding for finding in findings if finding.severity is Severity.BAD]
    assert ("update is larger than 10 %" in " ".join(f.text for f in findings)) is (size > 0.1)


def test_the_same_model_is_said_to_be() -> None:
    (finding,) = told(*(base.slices[0].clone() for base in BASE))
    assert finding.text == "mine has the same values as MiniLM in 6 matrices"


def test_few_matrices_are_a_suspicion() -> None:
    (finding,) = told(*APART[:2], base=BASE[:2])
    assert finding.severity is Severity.WARN
    assert "Only 2 matrices could be compared" in finding.why


def test_a_layer_drawn_anew_inside_the_blocks_is_a_warning() -> None:
    kept = [base.slices[0] * 1.01 for base in BASE[:5]]
    (finding,) = [finding for finding in told(*kept, APART[5]) if "new" in finding.text]
    assert (finding.severity, finding.text) == (Severity.WARN, "mine: MLP up projection (up_proj) of block 5 is new")
    assert finding.weights == ("layers.5.mlp.up_proj.weight",)


def test_several_new_layers() -> None:
    kept = [base.slices[0] * 1.01 for base in BASE[:4]]
    (finding,) = [finding for finding in told(*kept, *APART[4:]) if "new" in finding.text]
    assert finding.text == "mine: MLP up projection (up_proj) of blocks 4 and 5 are new"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_cosine_is_numpys_in_any_number_of_blocks(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = randn(31, 7).to(dtype), (randn(31, 7) + randn(31, 7, seed=1)).to(dtype)
    a, b = one.double().flatten().numpy(), other.double().flatten().numpy()
    expected = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    assert cosine(one, other) == pytest.approx(expected, rel=1e-12)
    monkeypatch.setattr("analysis.diagnostics.update.origin.BLOCK", 20)
    assert cosine(one, other) == pytest.approx(expected, rel=1e-12)
    assert cosine(one, torch.zeros(31, 7)) is None


def test_unrelated_hangs_on_size_where_that_is_tiny() -> None:
    assert is_unrelated(0.05, 10_000)
    assert not is_unrelated(0.2, 10_000)
    assert is_unrelated(0.2, 100)  # chance gives ± 0.1
    assert not is_unrelated(0.6, 4)
    assert not is_unrelated(None, 100)
    assert not is_foreign([])


def test_an_adapter_is_of_its_base_however_large() -> None:
    """DoRA, LoKr and others have no factors: the sum is of this base all the same."""
    tuned = [
        replace(changed(weight, weight.slices[0] + 20.0 * other), merged=True)
        for weight, other in zip(BASE, APART, strict=True)
    ]
    table, summary = comparison(UPDATE, [tuned], "MiniLM", "DoRA")
    assert {row.value("stored_as") for row in table.rows} == {"adapter"}
    assert {row.value("change") for row in table.rows} == {"trained"}
    assert {row.value("rounding") for row in table.rows} == {None}
    assert not [finding for finding in summary.findings if "fine-tune of" in finding.text or "new" in finding.text]
    assert "is larger than 10 %" in summary.findings[0].text


def test_cosines_alone_tell_it_where_they_are_enough() -> None:
    size = 1200
    assert is_foreign_by([(0.01, size)] * 3)
    assert is_foreign_by([(0.01, size)] * 3 + [(0.99, size)] * 3 + [(None, size)])
    assert not is_foreign_by([(0.01, size)] * 2)
    assert not is_foreign_by([(0.01, size)] * 3 + [(0.99, size)] * 4)


def test_a_rotated_base_is_called_so() -> None:
    base = blocks([randn(48, 40, seed=depth) for depth in range(4)])
    turn = torch.linalg.qr(randn(48, 48, seed=9)).Q
    summary = comparison(UPDATE, [[changed(one, turn @ one.matrix) for one in base]], "base", "tuned")[1]
    assert summary.headline == "tuned is base rotated."
    (found,) = summary.findings
    assert found.text == "tuned has the singular values of base in other directions"
