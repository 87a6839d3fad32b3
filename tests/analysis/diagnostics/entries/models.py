"""A small stand-in for a trained model: layers with structure, of two roles and one shape each."""

import torch
from torch import Tensor

from analysis.diagnostic import Finding, Severity, Summary, Table
from analysis.diagnostics.entries.diagnostic import ENTRIES
from analysis.weight import Weight
from tests.analysis.diagnostics.battery import blocks, summary, table

SIZE = 64


def trained(seed: int, rows: int = SIZE, columns: int = SIZE) -> Tensor:
    """Noise with a few directions above it and rows that differ in size, as training leaves them."""
    noise = torch.Generator().manual_seed(seed)
    drawn = torch.randn(rows, columns, generator=noise) * torch.linspace(0.8, 1.2, rows)[:, None]
    learned = torch.randn(rows, 3, generator=noise) @ torch.randn(3, columns, generator=noise)
    return 0.02 * (drawn + 0.6 * learned)


def model(blocks_of: int = 6) -> dict[str, list[Weight]]:
    return {
        "up": blocks([trained(i) for i in range(blocks_of)], "up"),
        "down": blocks([trained(100 + i) for i in range(blocks_of)], "down"),
    }


def planted(changed: Tensor, place: int = 2) -> list[Weight]:
    """The model with one layer changed: the up projection of block 2, or of another."""
    found = model()
    found["up"][place] = blocks([changed] * (place + 1), "up")[place]
    return [weight for role in found.values() for weight in role]


def said(weights: list[Weight]) -> Summary:
    return summary(ENTRIES, weights)


def measured(weights: list[Weight]) -> Table:
    return table(ENTRIES, weights)


def warned(weights: list[Weight]) -> list[Finding]:
    return [finding for finding in said(weights).findings if finding.severity is not Severity.NOTE]
