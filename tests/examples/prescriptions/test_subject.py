import pytest
import torch
from torch import nn

from examples.prescriptions.subject import load, only


def test_a_state_is_loaded_and_what_has_no_place_left_out() -> None:
    model = nn.Linear(2, 1, bias=False)
    load(model, {"weight": torch.tensor([[1.0, 2.0]]), "other": torch.ones(1)})
    assert model.weight.tolist() == [[1.0, 2.0]]
    with pytest.raises(SystemExit, match="the checkpoint has no weight"):
        load(model, {})


def test_only_what_is_named_is_trained() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    assert [parameter.shape for parameter in only(model, ["1.weight"])] == [(1, 3)]
    assert not model[0].weight.requires_grad
