"""Pickles of arrays, as programs other than torch.save write them."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from analysis.formats import open_checkpoint

FC = np.random.default_rng(0).standard_normal((300, 20)).astype("f4")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_arrays_come_back_to_the_bit(protocol: int, tmp_path: Path) -> None:
    """A plain state dict, as Detectron keeps it, and pairs of name and array, as Paddle does."""
    saved = {"model": {"fc.weight": FC, "pair.weight": ("linear_0.w_0", FC[:2])}, "__author__": "someone"}
    (tmp_path / "m.pdparams").write_bytes(pickle.dumps(saved, protocol))
    checkpoint = open_checkpoint([tmp_path / "m.pdparams"])
    assert checkpoint.format == "pickle"
    assert np.array_equal(checkpoint.read("fc.weight").numpy(), FC)
    assert np.array_equal(checkpoint.read("pair.weight").numpy(), FC[:2])


def test_a_pickle_next_to_a_checkpoint_is_no_part_of_it(tmp_path: Path) -> None:
    import torch

    torch.save({"a": torch.ones(2, 2)}, tmp_path / "pytorch_model.bin")
    (tmp_path / "data.pkl").write_bytes(pickle.dumps({"a": FC}))
    assert open_checkpoint([tmp_path]).read("a").shape == (2, 2)
