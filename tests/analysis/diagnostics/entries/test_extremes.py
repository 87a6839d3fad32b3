"""What stands apart within a weight, on weights where it is known."""

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.diagnostic import Severity
from analysis.diagnostics.entries.extremes import at_limit, longest_line, neighbours, widest_gap
from analysis.linalg.spectrum import decompose
from tests.analysis.diagnostics.battery import blocks, randn
from tests.analysis.diagnostics.entries.models import planted, said, trained, warned

UP = "MLP up projection (up_proj) of block 2"


def test_the_longest_line() -> None:
    rows, columns = np.ones(20), np.ones(30)
    columns[4] = 81.0
    found = longest_line(rows, columns)
    assert found is not None
    assert (found.place, found.excess) == ("column 4", 9.0)
    assert longest_line(np.ones(8), np.ones(9)) is None
    assert longest_line(np.eye(16)[3], np.zeros(16)) is None


def test_the_share_at_the_limit() -> None:
    rows = np.array([[-2.0, 1.0, 2.0, 0.5]])
    assert at_limit(rows) == 0.5


def gap(matrix: Tensor) -> tuple[int, float]:
    slices = matrix if matrix.ndim == 3 else matrix[None]
    found = widest_gap(decompose(slices), float(matrix.square().mean().sqrt()), 2.0**-24)
    return (found.after, found.ratio) if found else (0, 0.0)


@pytest.mark.parametrize("shape", [(64, 64), (40, 100)])
def test_the_gap_behind_few_directions(shape: tuple[int, int]) -> None:
    thin = randn(shape[0], 8) @ randn(8, shape[1], seed=1)
    after, ratio = gap(thin + 0.01 * randn(*shape, seed=2))
    assert after == 8
    assert ratio > 30.0
    assert gap(randn(*shape))[1] < 2.0


def test_rounding_is_no_remainder() -> None:
    assert gap(randn(64, 8) @ randn(8, 64, seed=1))[1] < 8.0
    assert gap(torch.diag(torch.ones(12))) == (0, 0.0)


def test_neighbours_of_smooth_filters() -> None:
    filters = torch.nn.functional.avg_pool1d(randn(40, 80)[:, None], 2, 1)[:, 0]
    assert neighbours(filters[None].numpy()) > 10.0
    assert neighbours(randn(40, 80)[None].numpy()) < 4.0
    assert neighbours(np.zeros((1, 4, 4))) == neighbours(np.ones((1, 4, 4))) == 0.0


def clipped(matrix: Tensor) -> Tensor:
    bound = float(matrix.square().mean().sqrt())
    return matrix.clamp(-bound, bound)


def one_row(matrix: Tensor) -> Tensor:
    return torch.cat([50.0 * matrix[:1], matrix[1:]])


def thin(matrix: Tensor) -> Tensor:
    u, s, v = torch.linalg.svd(matrix)
    kept = (u[:, :8] * s[:8]) @ v[:8]
    made: Tensor = kept + 0.005 * kept.std() * randn(*matrix.shape, seed=9)
    return made


@pytest.mark.parametrize(
    ("changed", "text", "cause"),
    [
        (clipped(trained(2)), "is clipped: 3", "clipped"),
        (one_row(trained(2)), "has one row ", "line"),
        (thin(trained(2)), "is of rank 8 but for a small remainder", "low-rank"),
    ],
)
def test_each_is_said_of_its_layer_alone(changed: Tensor, text: str, cause: str) -> None:
    (found,) = warned(planted(changed))
    assert found.text.startswith(f"{UP} {text}")
    assert found.cause is not None
    assert found.cause.name == cause
    assert warned(planted(trained(2))) == []


def test_a_feature_that_layers_share_is_a_note() -> None:
    longer = [torch.cat([60.0 * trained(seed)[:, :1], trained(seed)[:, 1:]], 1) for seed in range(4)]
    lines = [one for one in said(blocks(longer, "up")).findings if one.cause is not None and one.cause.name == "line"]
    assert {one.severity for one in lines} == {Severity.NOTE}
    assert len(lines) == 4
    assert lines[0].evidence["line"] == "column 0"
