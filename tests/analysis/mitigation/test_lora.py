"""A LoRA module opened and written again: the same update, and settings by which PEFT finds the new rank."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft.utils.other import get_pattern_key

from analysis.adapters import AdapterConfig, check_config, open_adapter
from analysis.errors import AdapterError, NoAdapterForm
from analysis.mitigation.lora import LoraModule, check_form, open_module, with_ranks
from analysis.weight import Factors
from tests.analysis.mitigation import planted

ALL = ["q", "up", "c_fc", "conv", "embed_tokens"]


def opened(tmp_path: Path, **settings: Any) -> dict[str, LoraModule]:
    """The modules of a planted adapter by name, checked against what PEFT adds."""
    made = planted.adapter(target_modules=ALL, **settings)
    base = planted.base(tmp_path / "base")
    adapter = open_adapter(planted.adapted(tmp_path / "lora", made))
    infos = {info.name: info for info in base.tensors}
    return {module.name: open_module(adapter, module, infos[module.name]) for module in adapter.modules}


@pytest.mark.parametrize("settings", [{}, {"use_rslora": True}, {"lora_alpha": -3}])
def test_the_update_is_what_peft_adds(tmp_path: Path, settings: dict[str, Any]) -> None:
    deltas = planted.deltas(planted.adapter(target_modules=ALL, **settings))
    for name, module in opened(tmp_path, **settings).items():
        delta = deltas[name].mT if "c_fc" in name else deltas[name].flatten(1)  # outputs by inputs
        assert torch.allclose(module.update.left @ module.update.right, delta.double(), atol=1e-6), name


def test_what_is_written_multiplies_to_the_same_update(tmp_path: Path) -> None:
    for module in opened(tmp_path, lora_alpha=-3).values():
        rows, columns = len(module.update.left), module.update.right.shape[1]
        nothing = Factors(torch.zeros(rows, 0, dtype=torch.float64), torch.zeros(0, columns, dtype=torch.float64))
        tensors, kept = module.mitigate(nothing, module.rank + 2)
        again = LoraModule(
            module.module, (module.A[0], tensors[module.A[0]]), (module.B[0], tensors[module.B[0]]), module.scaling,
            module.turned,
        )  # fmt: skip
        before = module.update.left @ module.update.right
        assert torch.allclose(again.update.left @ again.update.right, before, atol=1e-5)
        assert again.rank == module.rank + 2
        assert kept.lost == pytest.approx(0.0, abs=1e-12)


def test_a_raised_rank_is_found_by_peft_and_keeps_its_scaling(tmp_path: Path) -> None:
    module = opened(tmp_path)["layers.1.q.weight"]
    settings = with_ranks(AdapterConfig("LORA", {"r": 4, "lora_alpha": 6, "rank_pattern": {"q": 2}}), [(module, 9)])
    ranks, alphas = settings["rank_pattern"], settings["alpha_pattern"]
    assert ranks[get_pattern_key(list(ranks), "layers.1.q")] == 9
    assert ranks[get_pattern_key(list(ranks), "layers.0.q")] == 2
    assert ranks[get_pattern_key(list(ranks), "other.layers.1.q")] == 2
    assert alphas[get_pattern_key(list(alphas), "layers.1.q")] / 9 == module.scaling
    check_config({"peft_type": "LORA", **settings})  # and we read it ourselves


def test_nothing_raised_leaves_the_settings_as_they_are() -> None:
    config = AdapterConfig("LORA", {"r": 4, "lora_alpha": 6})
    assert with_ranks(config, []) == {"r": 4, "lora_alpha": 6}


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"use_dora": True}, "DoRA"), ({"init_lora_weights": "pissa"}, "began as parts of the base")],
)
def test_what_is_no_plain_lora_is_refused_by_name(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    adapter = open_adapter(planted.adapted(tmp_path / "lora", planted.adapter(**settings)))
    with pytest.raises(NoAdapterForm, match=said):
        check_form(adapter)


def test_an_alpha_of_zero_has_no_update_to_write(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="its alpha is 0"):
        opened(tmp_path, planted=(), lora_alpha=0)
