"""Each kind of change that is no training is one sentence that names the weights; intruders are not counted there."""

import pytest
import torch
from torch import Tensor

from analysis.diagnostic import Finding, Severity
from analysis.diagnostics.intruders.diagnostic import INTRUDERS
from analysis.diagnostics.update.diagnostic import UPDATE
from analysis.diagnostics.update.kind_findings import SAID
from tests.analysis.diagnostics.battery import blocks, changed, comparison, low_rank, randn

BASE = blocks([randn(90, 70, seed=depth) for depth in range(5)])
ORDER = torch.randperm(90, generator=torch.Generator().manual_seed(1))
PLANTED = {
    "permuted": lambda matrix: matrix[ORDER],
    "scaled": lambda matrix: 0.9 * matrix,
    "cast": lambda matrix: matrix.to(torch.bfloat16).float(),
    "noise": lambda matrix: matrix + 0.05 * randn(90, 70, seed=50),
}


def planted(kind: str, matrices: int) -> list[Tensor]:
    return [PLANTED[kind](base.slices[0]) for base in BASE[:matrices]]


def said(kind: str, trained: int) -> tuple[list[Finding], list[Finding]]:
    """The findings of update and of intruders where the last matrices were trained, and the others planted."""
    count = len(BASE) - trained
    tuned = [changed(base, matrix) for base, matrix in zip(BASE, planted(kind, count), strict=False)]
    lora = [low_rank(b, 2.0 * randn(90, 1, seed=9), randn(1, 70, seed=8)) for b in BASE[count:]]
    found = [comparison(diagnostic, [[*tuned, *lora]], "base", "tuned")[1] for diagnostic in (UPDATE, INTRUDERS)]
    return list(found[0].findings), list(found[1].findings)


@pytest.mark.parametrize("kind", PLANTED)
def test_the_changed_layers_and_only_they_are_named(kind: str) -> None:
    for findings in said(kind, trained=3):
        (finding,) = [finding for finding in findings if finding.cause is SAID[kind][1]]
        assert finding.text.startswith("tuned: MLP up projection (up_proj) of blocks 0 and 1 are the base ")
        assert finding.weights == tuple(base.info.name for base in BASE[:2])


@pytest.mark.parametrize("kind", PLANTED)
def test_the_size_of_the_change_is_told_but_of_lines_that_moved(kind: str) -> None:
    (finding,) = [finding for finding in said(kind, trained=3)[0] if finding.cause is SAID[kind][1]]
    assert ("Median size of the change: " in finding.why) == (kind != "permuted")


@pytest.mark.parametrize("kind", PLANTED)
def test_a_whole_model_of_it_has_no_intruders_and_forgot_nothing(kind: str) -> None:
    update, intruders = said(kind, trained=0)
    words = " ".join(finding.text + finding.why for finding in [*update, *intruders])
    assert not any(
        false in words for false in ("forgot more", "does not look like a fine-tune", "intruder dimension", "leads in")
    )
    assert len(intruders) == 1
    assert Severity.BAD not in {finding.severity for finding in update}


def test_intruders_beside_a_permuted_layer_are_counted_without_it() -> None:
    _, intruders = said("permuted", trained=3)
    assert (
        intruders[0].text
        == "tuned adds 3 intruder dimensions in 3 of 3 matrices, all in MLP up projection (up_proj) of blocks 2–4"
    )
