"""Facts out of config.json and adapter_config.json."""

import json
from pathlib import Path

import pytest

from analysis.errors import DamagedFile, MissingShard, UnknownFormat
from analysis.formats.facts import LARGEST_CONFIG, config_facts, find_adapter_config


def written(folder: Path, config: object, name: str = "config.json") -> Path:
    (folder / name).write_text(json.dumps(config))
    return folder


def test_the_names_of_llama(tmp_path: Path) -> None:
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 4096,
        "num_hidden_layers": 32,
        "torch_dtype": "bfloat16",
    }
    assert config_facts(written(tmp_path, config)) == {
        "architecture": "LlamaForCausalLM",
        "model_type": "llama",
        "width": 4096,
        "depth": 32,
        "torch_dtype": "bfloat16",
    }


def test_the_names_of_gpt2_and_t5(tmp_path: Path) -> None:
    assert config_facts(written(tmp_path, {"n_embd": 768, "n_layer": 12})) == {"width": 768, "depth": 12}
    assert config_facts(written(tmp_path, {"d_model": 512, "num_layers": 6})) == {"width": 512, "depth": 6}


def test_the_language_model_inside_a_multimodal_one(tmp_path: Path) -> None:
    config = {"model_type": "llava", "text_config": {"model_type": "llama", "hidden_size": 4096}}
    assert config_facts(written(tmp_path, config)) == {"model_type": "llava", "width": 4096}


def test_the_language_model_under_other_keys(tmp_path: Path) -> None:
    text = {"hidden_size": 64, "num_hidden_layers": 3}
    for place, config in enumerate(
        ({"llm_config": text}, {"thinker_config": {"text_config": text, "audio_config": {}}})
    ):
        (tmp_path / str(place)).mkdir()
        assert config_facts(written(tmp_path / str(place), config)) == {"width": 64, "depth": 3}


def test_how_many_heads_it_has(tmp_path: Path) -> None:
    config = {"hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2}
    assert config_facts(written(tmp_path, config)) == {"width": 64, "heads": 4, "kv_heads": 2, "head_size": 16}


def test_an_adapter(tmp_path: Path) -> None:
    config = {
        "peft_type": "LORA",
        "r": 16,
        "lora_alpha": 32,
        "base_model_name_or_path": "org/model",
        "use_rslora": True,
        "use_dora": False,
        "init_lora_weights": "pissa",
        "target_modules": ["v_proj", "q_proj", 3],
    }
    assert config_facts(written(tmp_path, config, "adapter_config.json")) == {
        "method": "LORA",
        "rank": 16,
        "lora_alpha": 32,
        "base_model": "org/model",
        "use_rslora": True,
        "use_dora": False,
        "init": "pissa",
        "target_modules": "q_proj, v_proj",
    }


def test_target_modules_as_one_expression(tmp_path: Path) -> None:
    config = {"peft_type": "LORA", "target_modules": "all-linear", "alpha": 3, "init_weights": True}
    facts = config_facts(written(tmp_path, config, "adapter_config.json"))
    assert facts == {"method": "LORA", "target_modules": "all-linear", "lora_alpha": 3, "init": True}


FACTORS = ["base_model.model.q.lora_A.weight", "base_model.model.q.lora_B.weight"]


def test_the_config_of_an_adapter_is_found_beside_it(tmp_path: Path) -> None:
    written(tmp_path, {"peft_type": "LORA", "r": 4, "lora_alpha": 8}, "adapter_config.json")
    found = find_adapter_config(tmp_path, FACTORS)
    assert found is not None
    assert (found.method, found.settings["r"]) == ("LORA", 4)
    assert find_adapter_config(tmp_path, ["base_model.model.norm.weight"]) is not None  # as LN tuning saves
    assert find_adapter_config(tmp_path, ["model.norm.weight"]) is None  # a model's


def test_an_adapter_needs_its_config_and_a_model_none(tmp_path: Path) -> None:
    with pytest.raises(MissingShard, match=r"upload adapter_config\.json too") as caught:
        find_adapter_config(tmp_path, FACTORS)
    assert caught.value.code == "adapter-config"
    assert find_adapter_config(tmp_path, ["model.norm.weight"]) is None


def test_a_bad_config_of_an_adapter(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormat) as method:
        find_adapter_config(written(tmp_path, {"peft_type": "CPT"}, "adapter_config.json"), FACTORS)
    assert method.value.code == "adapter-method"
    (tmp_path / "adapter_config.json").write_text("{" + '"a": [' * 100_000)
    with pytest.raises(DamagedFile) as damaged:
        find_adapter_config(tmp_path, FACTORS)
    assert damaged.value.code == "adapter-settings"


@pytest.mark.parametrize(
    "config",
    [
        [],
        3,
        {"architectures": "x"},
        {"architectures": [[1]]},
        {"hidden_size": {}},
        {"hidden_size": 10**30},
        {"r": None},
    ],
)
def test_what_makes_no_sense_is_no_fact(config: object, tmp_path: Path) -> None:
    assert config_facts(written(tmp_path, config)) == {}


def test_no_config_and_a_huge_one(tmp_path: Path) -> None:
    assert config_facts(tmp_path) == {}
    (tmp_path / "config.json").write_text('{"hidden_size": 3}' + " " * LARGEST_CONFIG)
    assert config_facts(tmp_path) == {}


def test_hostile_text_is_cleaned(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "a\\u0000b' + "x" * 10_000 + '"}')
    assert str(config_facts(tmp_path)["model_type"]).startswith("a�bx")
    assert len(str(config_facts(tmp_path)["model_type"])) == 500
