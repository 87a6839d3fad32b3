"""Updates of several checkpoints: differences of whole models, and products of adapters without their base."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.errors import WrongBase, WrongMembers
from analysis.prescriptions.interference.updates import names_of, read_updates
from tests.analysis.prescriptions.golden import llama, members, save

Q = "model.layers.0.self_attn.q_proj"


def tuned(path: Path, seed: int, size: float = 0.01) -> Path:
    tensors = llama(layers=1)
    random = torch.Generator().manual_seed(seed)
    changed = {
        name: t + size * torch.randn(t.shape, generator=random) if t.ndim > 1 else t for name, t in tensors.items()
    }
    return save(changed, path)


def adapter(folder: Path, seed: int, rank: int = 3, module: str = Q, columns: int = 64, **settings: object) -> Path:
    folder.mkdir()
    random = torch.Generator().manual_seed(seed)
    factors = {
        f"base_model.model.{module}.lora_A.weight": torch.randn(rank, columns, generator=random),
        f"base_model.model.{module}.lora_B.weight": torch.randn(64, rank, generator=random),
    }
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": 2 * rank, "target_modules": ["q_proj"], **settings}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    save(factors, folder / "adapter_model.safetensors")
    return folder


def test_differences_of_whole_models(tmp_path: Path) -> None:
    base = save(llama(layers=1), tmp_path / "base.safetensors")
    given = members(base, tuned(tmp_path / "one.safetensors", 1), tuned(tmp_path / "two.safetensors", 2))
    assert names_of(given) == ("one", "two")
    found = list(read_updates(given))
    assert len(found) == 9
    for each in found:
        assert not isinstance(each.updates, str)
        assert len(each.updates) == 2
        assert np.std(each.updates[0]) == pytest.approx(0.01, rel=0.1)


def test_adapters_need_no_base_and_are_the_same_with_it(tmp_path: Path) -> None:
    folders = [adapter(tmp_path / name, seed, rank) for name, seed, rank in (("one", 1, 3), ("two", 2, 5))]
    base = save(llama(layers=1), tmp_path / "base.safetensors")
    (alone,), with_base = list(read_updates(members(*folders))), list(read_updates(members(base, *folders)))
    (also,) = [each for each in with_base if Q in each.name]
    assert not isinstance(alone.updates, str)
    assert not isinstance(also.updates, str)
    assert max(alone.updates[0].shape) <= 8
    assert alone.side == also.side == 64
    for one, other in zip(alone.updates, also.updates, strict=True):
        assert np.linalg.norm(one) == pytest.approx(np.linalg.norm(other))
    product = np.vdot(alone.updates[0], alone.updates[1])
    assert product == pytest.approx(np.vdot(also.updates[0], also.updates[1]))
    assert product == pytest.approx(np.vdot(alone.rows[0], alone.rows[1]), rel=1e-6)


def test_what_only_some_change_has_a_reason(tmp_path: Path) -> None:
    folders = [adapter(tmp_path / "one", 1), adapter(tmp_path / "two", 2)]
    third = adapter(tmp_path / "three", 3, module=Q.replace("q_proj", "o_proj"))
    with pytest.raises(WrongBase, match="share no module"):
        list(read_updates(members(*folders, third)))
    wide = adapter(tmp_path / "wide", 4, columns=80)
    (found,) = read_updates(members(*folders, wide))
    assert found.updates == "the shapes differ: 64 × 64, 64 × 80"


def test_an_adapter_whose_update_hangs_on_its_base_is_refused_alone(tmp_path: Path) -> None:
    folders = [adapter(tmp_path / "one", 1), adapter(tmp_path / "two", 2, init_lora_weights="pissa")]
    with pytest.raises(WrongBase, match=r"^two: its factors began .*give the base first") as error:
        list(read_updates(members(*folders)))
    assert error.value.code == "adapter-alone"


def test_one_update_cannot_interfere(tmp_path: Path) -> None:
    base = save(llama(layers=1), tmp_path / "base.safetensors")
    with pytest.raises(WrongMembers, match="two or more after the base"):
        list(read_updates(members(base, tuned(tmp_path / "one.safetensors", 1))))


def test_an_adapter_with_nan_is_a_reason(tmp_path: Path) -> None:
    folders = [adapter(tmp_path / "one", 1), adapter(tmp_path / "two", 2)]
    path = folders[1] / "adapter_model.safetensors"
    name = f"base_model.model.{Q}.lora_B.weight"
    save({f"base_model.model.{Q}.lora_A.weight": torch.ones(3, 64), name: torch.full((64, 3), torch.nan)}, path)
    (found,) = read_updates(members(*folders))
    assert isinstance(found.updates, str)
    assert "192 of 192 values are NaN" in found.updates
