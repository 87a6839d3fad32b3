"""PEFT gives every module the rank that was meant for it, also where one name ends another."""

import pytest
from peft.utils.other import get_pattern_key

from analysis.prescriptions.lora_rank.patterns import ranks_as_settings


def rank_in_peft(settings: dict[str, object], module: str) -> object:
    pattern = settings["rank_pattern"]
    assert isinstance(pattern, dict)
    return pattern.get(get_pattern_key(list(pattern), module), settings["r"])


@pytest.mark.parametrize("ranks", [
    {f"model.layers.{n}.q_proj": n % 3 + 1 for n in range(12)},
    {"layers.0.q": 2, "decoder.layers.0.q": 8, "encoder.layers.0.q": 8, "decoder.layers.1.q": 8},
    {"q_proj": 8, "model.layers.1.self_attn.q_proj": 8, "model.layers.0.self_attn.q_proj": 2},
    {"a.b": 3, "a.c": 0, "a.d": 3},
])  # fmt: skip
def test_each_module_gets_its_own_rank(ranks: dict[str, int]) -> None:
    settings = ranks_as_settings(ranks)
    assert settings["rank_pattern"] == settings["alpha_pattern"]
    assert settings["target_modules"] == [module for module, rank in ranks.items() if rank]
    for module, rank in ranks.items():
        if rank:
            assert rank_in_peft(settings, module) == rank


def test_the_trap_of_a_short_key_first() -> None:
    pattern = {"q_proj": 2, "model.layers.1.self_attn.q_proj": 8}
    assert pattern[get_pattern_key(list(pattern), "model.layers.1.self_attn.q_proj")] == 2
