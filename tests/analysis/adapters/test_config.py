"""adapter_config.json: what is taken, and what is refused with which code."""

import math
from typing import Any

import pytest

from analysis.adapters.config import INITS_REFUSED, LORA_REFUSED, AdapterConfig, check_config
from analysis.adapters.methods import DELEGATED, REFUSED
from analysis.errors import DamagedFile, UnknownFormat

LORA: dict[str, Any] = {"peft_type": "LORA", "r": 8, "lora_alpha": 16}


def test_what_peft_writes_is_taken() -> None:
    config = check_config({
        **LORA, "auto_mapping": None, "base_model_name_or_path": "org/model", "bias": "none", "fan_in_fan_out": False,
        "inference_mode": True, "init_lora_weights": True, "layer_replication": None, "loftq_config": {},
        "lora_dropout": 0.1, "megatron_config": None, "megatron_core": "megatron.core", "modules_to_save": None,
        "rank_pattern": {}, "alpha_pattern": {"q": 4}, "revision": None, "target_modules": ["q"],
        "use_dora": False, "use_rslora": True, "peft_version": "0.15.2", "qalora_group_size": 16, "lora_bias": False,
    })  # fmt: skip
    assert (config.method, config.is_delegated, config.init) == ("LORA", False, True)
    assert (config.flag("use_rslora"), config.flag("use_dora"), config.flag("not_there")) == (True, False, False)
    assert config.of_module("lora_alpha", "alpha_pattern", "h.0.q") == 4
    assert config.of_module("lora_alpha", "alpha_pattern", "h.0.k") == 16


@pytest.mark.parametrize("method", sorted(REFUSED))
def test_what_states_no_change_of_weights_is_refused_by_name(method: str) -> None:
    with pytest.raises(UnknownFormat, match=method) as caught:
        check_config({"peft_type": method})
    assert caught.value.code == "adapter-method"
    assert REFUSED[method] in caught.value.message


@pytest.mark.parametrize("method", ["NEXT_YEARS", "lora2", "\x00" * 500])
def test_an_unknown_method_is_refused(method: str) -> None:
    with pytest.raises(UnknownFormat, match="is not known here") as caught:
        check_config({"peft_type": method})
    assert caught.value.code == "adapter-method"
    assert len(caught.value.message) < 300


BAD: list[tuple[dict[str, Any], str]] = [
    ({"peft_type": None}, "peft_type is missing"),
    ({"peft_type": 3}, "peft_type is 3"),
    ({"r": 0}, "r is 0; it has to be a whole number of at least 1"),
    ({"r": -8}, "r is -8"),
    ({"r": None}, "r is missing"),
    ({"r": 8.0}, "r is 8.0"),
    ({"r": True}, "r is True"),
    ({"r": 10**30}, "r is 1"),
    ({"lora_alpha": None}, "lora_alpha is missing; it has to be a finite number"),
    ({"lora_alpha": math.nan}, "lora_alpha is nan"),
    ({"lora_alpha": math.inf}, "lora_alpha is inf"),
    ({"lora_alpha": "16"}, "lora_alpha is 16"),
    ({"use_rslora": "yes"}, "use_rslora is yes; it has to be true or false"),
    ({"use_dora": 1}, "use_dora is 1"),
    ({"fan_in_fan_out": []}, r"fan_in_fan_out is []"),
    ({"rank_pattern": []}, "rank_pattern is []; it has to be a mapping"),
    ({"alpha_pattern": {"(a+$": 1}}, "alpha_pattern: the pattern (a+$ is not matched here"),
]


@pytest.mark.parametrize(("settings", "message"), BAD)
def test_settings_that_make_no_sense(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DamagedFile) as caught:
        check_config(LORA | settings)
    assert caught.value.code == "adapter-settings"
    assert "adapter_config.json" in caught.value.message or "pattern" in caught.value.message
    assert message in caught.value.message


@pytest.mark.parametrize("name", LORA_REFUSED)
def test_relatives_of_lora_that_are_no_change_of_these_weights(name: str) -> None:
    with pytest.raises(UnknownFormat, match=f"LoRA with {name}") as caught:
        check_config(LORA | {name: [[0, 1]]})
    assert caught.value.code == "adapter-method"
    assert check_config(LORA | {name: None}).method == "LORA"


@pytest.mark.parametrize("init", ["corda", "lora_ga", "loftq", "pissa_niter_4", "PISSA_NITER_16", "next_years", ["x"]])
def test_starts_that_cannot_be_found_again(init: object) -> None:
    with pytest.raises(UnknownFormat, match="init_lora_weights") as caught:
        check_config(LORA | {"init_lora_weights": init})
    assert caught.value.code == "adapter-method"


@pytest.mark.parametrize("init", [True, False, "gaussian", "eva", "pissa", "olora", "orthogonal", "mica", "PiSSA"])
def test_starts_that_can(init: object) -> None:
    assert check_config(LORA | {"init_lora_weights": init}).init == init


def test_the_reasons_say_what_to_do() -> None:
    assert all("Save it with" in reason or "Merge it" in reason for reason in INITS_REFUSED.values())


@pytest.mark.parametrize("value", [True, {"a": 1}])
def test_what_a_later_peft_switches_on_is_refused(value: object) -> None:
    with pytest.raises(UnknownFormat, match="use_more is not known here; a later PEFT may have added it"):
        check_config(LORA | {"use_more": value})
    assert check_config(LORA | {"use_more": False, "note": "mine", "some": {}}).method == "LORA"


def test_delegated_methods() -> None:
    assert check_config({"peft_type": "loha", "r": 8}).is_delegated
    assert check_config(LORA | {"kasa_config": {"beta": 1.0}}).is_delegated
    with pytest.raises(DamagedFile, match="r is 0"):
        check_config({"peft_type": "LOHA", "r": 0})
    with pytest.raises(DamagedFile, match="alpha is nan"):
        check_config({"peft_type": "LOHA", "r": 8, "alpha": math.nan})
    assert check_config({"peft_type": "OFT", "r": 0, "oft_block_size": 32}).is_delegated


@pytest.mark.parametrize("method", [name for name, how in DELEGATED.items() if how.needed])
def test_what_cannot_be_computed_without_the_whole_model(method: str) -> None:
    for name, (value, why) in DELEGATED[method].needed.items():
        with pytest.raises(UnknownFormat) as caught:
            check_config({"peft_type": method, "r": 4, name: "other"})
        assert caught.value.code == "adapter-method"
        assert why in caught.value.message
        assert check_config({"peft_type": method, "r": 4, name: value}).is_delegated


def test_a_config_is_read_only_where_asked() -> None:
    config = AdapterConfig("LORA", {"r": 3})
    assert config.count("r") == 3
    assert config.pattern("rank_pattern") == {}
