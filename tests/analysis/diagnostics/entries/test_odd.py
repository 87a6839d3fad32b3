"""Random, orthogonal, rescaled and noisy layers among their siblings."""

import pytest
import torch
from torch import Tensor

from analysis.diagnostic import Severity
from analysis.diagnostics.entries import odd
from tests.analysis.diagnostics.battery import blocks, randn, weight
from tests.analysis.diagnostics.entries.models import measured, planted, said, trained, warned

UP = "MLP up projection (up_proj) of block 2"


def shuffled(values: Tensor) -> Tensor:
    return values.flatten()[torch.randperm(values.numel(), generator=torch.Generator().manual_seed(0))].view_as(values)


def uniform(seed: int) -> Tensor:
    return (torch.rand(64, 64, generator=torch.Generator().manual_seed(seed)) - 0.5) / 4.0


@pytest.mark.parametrize(
    ("changed", "law"),
    [
        (0.02 * randn(64, 64), " The entries follow a normal law, as initialisations do."),
        (
            (torch.rand(64, 64, generator=torch.Generator().manual_seed(1)) - 0.5) / 8.0,
            " The entries follow a uniform law",
        ),
        (shuffled(trained(2)), ""),
    ],
)
def test_a_redrawn_layer(changed: Tensor, law: str) -> None:
    (found,) = warned(planted(changed))
    assert (found.severity, found.text) == (Severity.BAD, f"{UP} looks like a random initialisation")
    assert law in found.why


def test_an_orthogonal_layer() -> None:
    (found,) = warned(planted(0.16 * torch.linalg.qr(randn(64, 64)).Q))
    assert (found.severity, found.text) == (Severity.WARN, f"{UP} is orthogonal: all singular values are equal")


@pytest.mark.parametrize(("factor", "text"), [(3.0, "is 3.0 times as large as"), (0.3, "is 3.3 times smaller than")])
def test_a_rescaled_layer(factor: float, text: str) -> None:
    (found,) = warned(planted(factor * trained(2)))
    assert found.severity is Severity.WARN
    assert found.text.startswith(f"{UP} {text[:7]}")
    assert found.text.endswith("its siblings")


def test_noise_on_a_layer() -> None:
    (found,) = warned(planted(trained(2) + 0.03 * randn(64, 64, seed=5)))
    assert found.text == f"{UP} looks as if noise had been added"
    assert "nearer to random than any" in found.why


def test_a_pooler_and_tables_at_random_are_notes() -> None:
    (pooler,) = said(
        [*planted(trained(2)), weight(0.02 * randn(64, 64), "pooler.dense.weight", "pooler", None)]
    ).findings
    assert (pooler.severity, pooler.text) == (Severity.NOTE, "Pooler looks like a random initialisation")
    assert pooler.cause is not None
    assert "a pooler with mean pooling" in pooler.cause.harmless
    assert "never trained, drawn anew" not in pooler.why  # a note says what is so, and not why


def test_a_role_that_is_random_in_all_blocks_is_a_note() -> None:
    down = blocks([0.02 * randn(64, 64, seed=i) for i in range(5)], "down")
    (found,) = said([*blocks([trained(i) for i in range(12)]), *down]).findings
    assert found.severity is Severity.NOTE
    assert found.text == "MLP down projection (down_proj) of blocks 0–4 look like a random initialisation"


def test_a_layer_among_siblings_that_learned_little_is_a_note() -> None:
    """Rows that differ a little are all that training left: a layer without even that is hardly different."""
    lightly = [0.02 * randn(64, 64, seed=i) * torch.linspace(0.9, 1.1, 64)[:, None] for i in range(5)]
    rest = blocks([trained(i) for i in range(6)], "down")
    found = said([*blocks([*lightly, 0.02 * randn(64, 64, seed=9)]), *rest]).findings
    assert {finding.severity for finding in found} <= {Severity.NOTE}


def test_a_layer_drawn_by_another_law_is_a_fault_beside_siblings_that_learned_little() -> None:
    lightly = [uniform(i) * torch.linspace(0.85, 1.15, 64)[:, None] for i in range(5)]
    rest = blocks([trained(i) for i in range(6)], "down")
    (found,) = warned([*blocks([*lightly, 0.07 * randn(64, 64, seed=9)]), *rest])
    assert found.text == "MLP up projection (up_proj) of block 5 looks like a random initialisation"
    assert warned([*blocks([*lightly, shuffled(lightly[0])]), *rest]) == []  # as its siblings, but for a little


def test_many_random_layers_beside_ones_that_learned_little_are_a_note() -> None:
    lightly = [0.02 * randn(64, 64, seed=i) * torch.linspace(0.7, 1.3, 64)[:, None] for i in range(3)]
    drawn = [0.02 * randn(64, 64, seed=9 + i) for i in range(3)]
    (found,) = said([*blocks([*lightly, *drawn]), *blocks([trained(i) for i in range(6)], "down")]).findings
    text = "MLP up projection (up_proj) of blocks 3–5 look like a random initialisation"
    assert (found.severity, found.text) == (Severity.NOTE, text)


def test_many_random_layers_are_one_finding() -> None:
    found = said(blocks([trained(i) if i < 3 else 0.02 * randn(64, 64, seed=i) for i in range(6)])).findings
    assert [(f.severity, f.text) for f in found] == [
        (Severity.WARN, "3 of the 6 matrices that can be told look like a random initialisation")
    ]


def test_small_matrices_cannot_be_tested() -> None:
    rows = measured(
        [weight(randn(10, 64)), weight(randn(64, 64)), weight(randn(64, 64), "pooler.weight", "pooler")]
    ).rows
    assert [odd.testable(row) for row in rows] == [False, True, False]


def test_a_table_is_told_by_a_bare_name_too() -> None:
    """As of an LSTM over letters: few of its rows move far from where they started."""
    learned = [trained(i) for i in range(4)]
    for name in ("embed.weight", "encoder.embedding.weight", "token.emb.weight"):
        table = weight(0.02 * randn(64, 64, seed=9), name, "other", None)
        assert not [f for f in said([*blocks(learned), table]).findings if f.severity is not Severity.NOTE]
    layer = weight(0.02 * randn(64, 64, seed=9), "embedder_projection.weight", "other", None)
    assert [f.severity for f in said([*blocks(learned), layer]).findings] == [Severity.BAD]


def test_less_structure_than_its_siblings_is_a_note_and_no_fault() -> None:
    less = 0.02 * (randn(64, 64, seed=5) * torch.linspace(0.7, 1.3, 64)[:, None])
    found = said(blocks([*(trained(i) for i in range(5)), less + 0.004 * randn(64, 1) @ randn(1, 64)])).findings
    assert {finding.severity for finding in found} <= {Severity.NOTE}


def test_a_layer_that_passes_the_tests_by_little_is_a_note() -> None:
    """Chance gives its line tests once in a hundred: rather a trained layer with rows that differ a little."""
    nearly = 0.02 * randn(64, 64, seed=9) * (1.0 + 0.12 * torch.linspace(-1.0, 1.0, 64))[:, None]
    (row,) = measured([weight(nearly)]).rows
    assert row.value("state") == "random"
    assert 3.0 < float(str(row.value("line_spread"))) < 4.0
    assert warned(planted(nearly)) == []
