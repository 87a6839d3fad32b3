from pathlib import Path
from typing import Any

import pytest
import torch

from analysis.errors import UnknownFormat
from analysis.formats.pytorch.optimizer import is_optimizer_file, read_optimizer


def network() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(20, 30), torch.nn.LayerNorm(30), torch.nn.Linear(30, 10, bias=False))


def trained(optimizer_class: Any = torch.optim.AdamW, named: Any = False, **settings: Any) -> Any:
    model = network()
    given = list(model.named_parameters()) if named else list(model.parameters())
    flat = [each for each in given if (each[1] if named else each).ndim < 2]
    rest = [each for each in given if (each[1] if named else each).ndim > 1]
    optimizer = optimizer_class([{"params": rest}, {"params": flat, "weight_decay": 0.0}], lr=1e-3, **settings)
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.randn(8, 20)).square().sum().backward()
        optimizer.step()
    return model, optimizer


def save(tmp_path: Path, value: Any, name: Any = "optimizer.pt") -> Any:
    torch.save(value, tmp_path / name)
    return tmp_path / name


def test_moments_are_read_by_number(tmp_path: Path) -> None:
    _, optimizer = trained()
    path = save(tmp_path, optimizer.state_dict())
    found = read_optimizer(path)
    assert found.groups == ((0, 1), (2, 3, 4))
    assert found.order == (0, 1, 2, 3, 4)
    assert found.shape(0) == (30, 20)
    assert sorted(found.moments[0]) == ["exp_avg", "exp_avg_sq"]
    for number, each in optimizer.state_dict()["state"].items():
        assert torch.equal(found.read(number, "exp_avg"), each["exp_avg"])
    assert found.names == {}
    assert is_optimizer_file(path)


def test_names_are_read_where_the_file_has_them(tmp_path: Path) -> None:
    model, optimizer = trained(named=True)
    found = read_optimizer(save(tmp_path, optimizer.state_dict()))
    names = dict(model.named_parameters())
    assert set(found.names.values()) == set(names)
    assert all(tuple(names[found.names[n]].shape) == found.shape(n) for n in found.order)


def test_momentum_of_sgd(tmp_path: Path) -> None:
    found = read_optimizer(save(tmp_path, trained(torch.optim.SGD, momentum=0.9)[1].state_dict()))
    assert sorted(found.moments[0]) == ["momentum_buffer"]


def test_a_training_file_holds_one_beside_the_model(tmp_path: Path) -> None:
    model, optimizer = trained()
    path = save(tmp_path, {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": 3})
    assert read_optimizer(path).shape(1) == (10, 30)
    assert not is_optimizer_file(path)
    assert not is_optimizer_file(save(tmp_path, model.state_dict(), "model.pt"))


def test_names_in_place_of_numbers(tmp_path: Path) -> None:
    moment = {"exp_avg": torch.ones(3, 2)}
    value = {"state": {"b.weight": moment, "a.weight": moment}, "param_groups": [{"params": ["a.weight", "b.weight"]}]}
    found = read_optimizer(save(tmp_path, value))
    assert found.names == {0: "a.weight", 1: "b.weight"}
    assert found.shape(1) == (3, 2)


@pytest.mark.parametrize(
    "value",
    [
        {"optimizer_state_dict": {"zero_stage": 2, "fp32_flat_groups": [torch.ones(10)]}},
        {"optimizer": {"state": {"flat_param": torch.ones(4)}, "param_groups": [], "shard_metadata": {}}},
    ],
)
def test_flat_shards_are_refused_with_a_code(tmp_path: Path, value: Any) -> None:
    path = save(tmp_path, value, "zero_pp_rank_0_mp_rank_00_optim_states.pt")
    with pytest.raises(UnknownFormat, match="flat shards") as error:
        read_optimizer(path)
    assert error.value.code == "flat-optimizer"
    assert is_optimizer_file(path)


def test_a_file_without_one_is_refused(tmp_path: Path) -> None:
    for path in (save(tmp_path, network().state_dict()), tmp_path / "text.pt"):
        if not path.exists():
            path.write_text("no checkpoint")
        with pytest.raises(UnknownFormat, match="holds no state of a torch optimizer"):
            read_optimizer(path)
        assert not is_optimizer_file(path)


class Projector:
    """An object as GaLore leaves it in the state."""


def test_objects_are_left_out_and_named(tmp_path: Path) -> None:
    _, optimizer = trained()
    state = optimizer.state_dict()
    state["state"][0]["projector"] = Projector()
    found = read_optimizer(save(tmp_path, state))
    assert found.shape(0) == (30, 20)
    assert any(name.endswith("Projector") for name in found.foreign)
