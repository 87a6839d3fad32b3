"""Values on a grid are named as what was done to them: quantised, pruned, both, or stored so by the file itself."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from analysis.diagnostic import Severity
from analysis.diagnostics.entries import grid
from analysis.diagnostics.entries.precision import ROUNDOFF
from analysis.diagnostics.entries.samples import Samples
from analysis.findings.causes import QUANTISED
from analysis.weight import Grid
from tests.analysis.diagnostics.battery import randn
from tests.analysis.diagnostics.entries.models import planted, said, trained, warned

UP = "MLP up projection (up_proj) of block 2"


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
