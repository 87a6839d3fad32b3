"""Weights without their zeros; the values are compared in test_tools.py."""

from pathlib import Path

import torch

from tests.analysis.formats.effective.files import analysed, opened, skipped
from tests.analysis.formats.effective.tools import compressed_sparse


def test_a_mask_with_more_ones_than_values_is_listed(tmp_path: Path) -> None:
    tensors = {**compressed_sparse().tensors, "q.bitmask": torch.full((8, 8), 255, dtype=torch.uint8)}
    found = opened(tmp_path, tensors)
    assert analysed(found) == {}
    assert skipped(found)["q.compressed"] == "packed quantised weight (sparse bitmask): its values need unpacking first"
