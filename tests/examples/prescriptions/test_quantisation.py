from pathlib import Path

import torch

from examples.prescriptions import quantisation
from examples.prescriptions.llama import Llama


def test_only_what_is_kept_stays_as_it_is(little: Llama) -> None:
    state, (one, two) = little.state(), ["model.layers.0.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.weight"]
    found = quantisation.rounded(state, dict.fromkeys([one, two], 1.0), [two])
    assert [name for name in state if not torch.equal(found[name], state[name])] == [one]


def test_it_comes_out_the_same_again(little: Llama, tmp_path: Path) -> None:
    (found,) = quantisation.trials(little, tmp_path)
    assert list(found.scores) == ["unchanged", "all rounded", "listed", "random"]
    assert [found] == quantisation.trials(little, tmp_path)
    assert found.doubted  # no layer of so little a model stands out
    assert found.setting == "2 of 28 layers"
