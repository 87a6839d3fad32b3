"""Sentences that a comparison with noise gives."""

import pytest
import torch

from analysis.diagnostic import Severity
from analysis.diagnostics.random_matrix.diagnostic import RANDOM_MATRIX
from analysis.diagnostics.random_matrix.summary import summarise, why_no_bulk
from analysis.statistics.marchenko_pastur import Bulk, noise
from tests.analysis.diagnostics.battery import blocks, randn, summary, table


def test_what_is_said_of_a_model() -> None:
    trapped = randn(120, 100, seed=9)
    trapped[0, 0] = 50.0
    u, v = (torch.linalg.qr(randn(100, 100, seed=seed)).Q for seed in (1, 2))
    trained = u @ torch.diag(torch.arange(1.0, 101.0) ** -0.7) @ v.T
    said = summary(RANDOM_MATRIX, blocks([randn(100, 100), trained, trained.T, trapped, randn(2, 9)]))
    assert said.headline == (
        "1 of 4 matrices cannot be told from noise. 2 have a noise bulk. 1 has traps. "
        "1 other could not be judged (2 eigenvalues; a bulk needs 8)."
    )
    texts = [finding.text for finding in said.findings]
    assert texts == [
        "MLP up projection (up_proj) of block 0 is indistinguishable from noise",
        "MLP up projection (up_proj) of block 3 has traps",
        "2 of 4 matrices have no noise bulk",
        "1 matrix has no spectrum to compare with noise",
    ]
    assert [finding.severity for finding in said.findings] == [
        Severity.WARN,
        Severity.NOTE,
        Severity.NOTE,
        Severity.NOTE,
    ]
    assert said.findings[1].evidence["num_traps"] == 1.0
    assert (said.numbers["with_bulk"], said.numbers["without_bulk"], said.numbers["trapped"]) == (2, 2, 1)


@pytest.mark.parametrize(
    ("spikes", "distance", "said"),
    [
        (30, 0.01, "no noise bulk: 30% of the eigenvalues, more than a quarter, are outside the best one"),
        (3, 0.12, "no noise bulk: the best one misses the eigenvalues by D = 0.12"),
    ],
)
def test_why_there_is_no_bulk(spikes: int, distance: float, said: str) -> None:
    law = noise(100, 100, 1.0)
    assert why_no_bulk(Bulk(law, law.cut, spikes, 100 - spikes, 1.0, distance)) == said


def test_many_blocks_of_noise_are_one_finding() -> None:
    said = summarise(table(RANDOM_MATRIX, blocks([randn(90, 90, seed=i) for i in range(4)])))
    (found,) = said.findings
    assert found.text == "MLP up projection (up_proj) of blocks 0–3 are indistinguishable from noise"
    assert said.headline == "4 of 4 matrices cannot be told from noise. 4 have a noise bulk."


def test_an_empty_table() -> None:
    assert summarise(table(RANDOM_MATRIX, [])).headline == "No matrix could be compared with noise."
