from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from analysis.errors import WrongBase
from analysis.formats import open_checkpoint
from analysis.prescriptions.monitor.parameters import match_parameters, parameters_of


def network() -> Any:
    return torch.nn.Sequential(
        torch.nn.Linear(20, 30), torch.nn.BatchNorm1d(30), torch.nn.Linear(30, 30), torch.nn.Linear(30, 30, bias=False)
    )


def tensors_of(model: Any, tmp_path: Path, safe: Any = False) -> Any:
    path = tmp_path / ("model.safetensors" if safe else "model.pt")
    if safe:
        save_file(model.state_dict(), path)
    else:
        torch.save(model.state_dict(), path)
    return open_checkpoint([path]).tensors


def grouped(model: Any) -> Any:
    """The numbers and shapes as a Trainer groups them: with decay, and without."""
    parameters = list(model.named_parameters())
    flat = [(name, p) for name, p in parameters if p.ndim < 2]
    listed = [(name, p) for name, p in parameters if p.ndim > 1] + flat
    shapes = {number: tuple(p.shape) for number, (_, p) in enumerate(listed)}
    first = len(listed) - len(flat)
    return [range(first), range(first, len(listed))], shapes, dict(enumerate(name for name, _ in listed))


def test_order_and_shape_give_the_names(tmp_path: Path) -> None:
    model = network()
    groups, shapes, names = grouped(model)
    assert match_parameters(groups, shapes, tensors_of(model, tmp_path), "optimizer.pt") == names


def test_llama_has_its_own_order_also_in_a_sorted_file(tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=40, hidden_size=16, intermediate_size=32, num_hidden_layers=11, num_attention_heads=2,
        num_key_value_heads=1,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    tensors = tensors_of(model, tmp_path, safe=True)
    assert [info.name for info in parameters_of(tensors) or []] == [name for name, _ in model.named_parameters()]
    groups, shapes, names = grouped(model)
    assert match_parameters(groups, shapes, tensors, "optimizer.pt") == names


def test_a_sorted_file_of_other_names_gives_none(tmp_path: Path) -> None:
    model = torch.nn.ModuleDict({"b": torch.nn.Linear(8, 8, bias=False), "a": torch.nn.Linear(8, 8, bias=False)})
    tensors = tensors_of(model, tmp_path, safe=True)
    assert parameters_of(tensors) is None
    assert match_parameters([[0, 1]], {0: (8, 8), 1: (8, 8)}, tensors, "optimizer.pt") == {}


def test_parameters_without_a_moment_are_left_out(tmp_path: Path) -> None:
    model = network()
    groups, shapes, names = grouped(model)
    last = max(shapes)
    found = match_parameters([*groups, [last + 1]], {**shapes, last + 1: None}, tensors_of(model, tmp_path), "o.pt")
    assert found == names


@pytest.mark.parametrize("wrong", [(20, 30), (7,)])
def test_shapes_that_disagree_are_refused_with_a_code(tmp_path: Path, wrong: tuple[int, ...]) -> None:
    model = network()
    groups, shapes, _ = grouped(model)
    with pytest.raises(WrongBase, match=r"optimizer.pt does not belong to the checkpoint.*has no tensor") as error:
        match_parameters(groups, {**shapes, 0: wrong}, tensors_of(model, tmp_path), "optimizer.pt")
    assert error.value.code == "optimizer-mismatch"


def test_another_number_of_parameters_is_refused(tmp_path: Path) -> None:
    model = network()
    groups, shapes, _ = grouped(model)
    with pytest.raises(WrongBase, match="2 parameters of a group are not its 3 tensors"):
        match_parameters([[0, 1], groups[1]], shapes, tensors_of(model, tmp_path), "optimizer.pt")
