"""An adapter opened from its files, however they were saved, and what one bad module does to the others."""

import json
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from analysis.adapters import open_adapter
from analysis.adapters.names import AdaptedModule
from analysis.engine.comparison import open_comparison
from analysis.errors import CheckpointError, MissingShard, TensorError
from analysis.formats import open_checkpoint
from analysis.tensors.matrices import Header, describe
from tests.adapters import LINEAR, peft, train

CONFIG: dict[str, Any] = {"peft_type": "LORA", "r": 2, "lora_alpha": 4}


def tensors() -> dict[str, torch.Tensor]:
    return {
        "base_model.model.q.lora_A.weight": torch.randn(2, 7),
        "base_model.model.q.lora_B.weight": torch.randn(5, 2),
    }


def saved(folder: Path, config: object = CONFIG, ending: str = "safetensors") -> Path:
    if ending == "safetensors":
        safetensors.torch.save_file(tensors(), folder / "adapter_model.safetensors")
    else:
        torch.save(tensors(), folder / "adapter_model.bin")
    if config is not None:
        (folder / "adapter_config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    return folder


@pytest.mark.parametrize("ending", ["safetensors", "bin"])
def test_a_folder_or_its_two_files(ending: str, tmp_path: Path) -> None:
    saved(tmp_path, ending=ending)
    files = sorted(tmp_path.iterdir())
    for paths in ([tmp_path], files, files[::-1], [files[1]]):  # a config beside the weights is found
        adapter = open_adapter(open_checkpoint(paths))
        assert adapter.method == "LORA"
        assert [module.name for module in adapter.modules] == ["q.weight"]


def test_the_kind_of_every_method_is_adapter(tmp_path: Path) -> None:
    library = peft()
    made = {
        "LOHA": library.LoHaConfig(r=2, target_modules=list(LINEAR)),
        "LN_TUNING": library.LNTuningConfig(target_modules=["norm"]),
        "VERA": library.VeraConfig(r=2, target_modules=list(LINEAR)),
    }
    for method, config in made.items():
        folder = tmp_path / method
        folder.mkdir()
        adapter = train(folder, config).adapter
        assert adapter.checkpoint.kind == "adapter"
        assert adapter.checkpoint.facts["method"] == method == adapter.method


def small_vit(name: str) -> Any:
    """A classifier of images as transformers makes it, of the smallest size, with random weights."""
    import transformers

    size: dict[str, Any] = {"image_size": 16, "num_labels": 3}
    if name == "Swin":
        size |= {"embed_dim": 8, "depths": [2], "num_heads": [2], "window_size": 2, "patch_size": 4}
    else:
        size |= {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 8}
        size |= {"intermediate_size": 32} if name == "ViT" else {"mlp_ratio": 2}
    config = getattr(transformers, f"{name}Config")(**size)
    return getattr(transformers, f"{name}ForImageClassification")(config)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
@pytest.mark.parametrize("name", ["ViT", "Dinov2", "Swin"])
def test_a_vision_model_is_saved_under_former_names_and_its_adapter_under_those_of_now(
    name: str, tmp_path: Path
) -> None:
    library = peft()
    torch.manual_seed(0)
    model = small_vit(name)
    model.save_pretrained(tmp_path / "base")
    config = library.LoraConfig(r=2, target_modules="all-linear", modules_to_save=["classifier"])
    tuned = library.get_peft_model(model, config)
    for parameter in tuned.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn_like(parameter)
    tuned.save_pretrained(tmp_path / "lora")
    tuned.merge_and_unload().save_pretrained(tmp_path / "merged")
    checkpoints = [open_checkpoint([tmp_path / folder]) for folder in ("base", "lora", "merged")]
    found = open_comparison(checkpoints, ["base", "lora", "merged"], [])
    assert [tensor for tensor, _ in found.alignment.unmatched[0]] == ["base_model.model.classifier.bias"]
    partners = [(row.base, row.partners[0].source) for row in found.alignment.rows if row.partners[0] is not None]
    changed = [(info, module) for info, module in partners if isinstance(module, AdaptedModule)]
    assert len(changed) >= 12
    for info, module in changed:
        base, merged = (checkpoints[place].read(info.name) for place in (0, 2))
        mine = found.adapters[1].tuned(module, info, base).tensor
        assert (mine - base).abs().max() > 1e-3
        assert (mine - merged).abs().max() < 1e-6


def test_layer_norms_come_whole(tmp_path: Path) -> None:
    trained = train(tmp_path, peft().LNTuningConfig(target_modules=["norm"]))
    for module in trained.adapter.modules:
        assert module.whole
        assert torch.equal(trained.tuned(module).tensor, trained.merged[module.name])


def rejected(folder: Path) -> CheckpointError:
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint([folder])
    return caught.value


def test_without_its_config_it_is_rejected(tmp_path: Path) -> None:
    error = rejected(saved(tmp_path, None))
    assert isinstance(error, MissingShard)
    assert error.code == "adapter-config"
    assert "upload adapter_config.json too" in error.message


@pytest.mark.parametrize(
    ("config", "code", "message"),
    [
        ("{", "adapter-settings", "adapter_config.json is not valid JSON ("),
        ('{"peft_type": "LORA", "r": 2, "lora_alpha": NaN}', "adapter-settings", "NaN is not a number"),
        ("[]", "adapter-settings", "not a JSON object"),
        ({**CONFIG, "r": 0}, "adapter-settings", "r is 0"),
        ({"peft_type": "PROMPT_TUNING"}, "adapter-method", "leaves every weight as it is"),
        ({"peft_type": "XLORA"}, "adapter-method", "anew for every input"),
        ({**CONFIG, "alora_invocation_tokens": [1]}, "adapter-method", "activated LoRA"),
        (json.dumps(CONFIG) + " " * 2**23, "adapter-settings", "at most"),
    ],
)
def test_with_a_bad_config_it_is_rejected(config: object, code: str, message: str, tmp_path: Path) -> None:
    error = rejected(saved(tmp_path, config))
    assert error.code == code
    assert message in error.message


def test_prompts_are_refused_for_what_they_are(tmp_path: Path) -> None:
    safetensors.torch.save_file({"prompt_embeddings": torch.zeros(8, 4)}, tmp_path / "adapter_model.safetensors")
    assert rejected(tmp_path).code == "adapter-config"
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "PROMPT_TUNING"}')
    assert rejected(tmp_path).code == "adapter-method"


def test_a_model_beside_an_adapters_config_is_a_model(tmp_path: Path) -> None:
    safetensors.torch.save_file({"q.weight": torch.zeros(5, 7)}, tmp_path / "model.safetensors")
    (tmp_path / "adapter_config.json").write_text("{")
    checkpoint = open_checkpoint([tmp_path])
    assert checkpoint.kind == "model"
    with pytest.raises(MissingShard, match="adapter_config"):
        open_adapter(checkpoint)


def test_one_bad_module_leaves_the_others(tmp_path: Path) -> None:
    made = tensors() | {name.replace(".q.", ".k."): tensor for name, tensor in tensors().items()}
    made["base_model.model.q.lora_A.weight"][0, 0] = torch.nan
    safetensors.torch.save_file(made, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text(json.dumps(CONFIG))
    adapter = open_adapter(open_checkpoint([tmp_path]))
    good, bad = sorted(adapter.modules, key=lambda module: module.name)
    info = describe({"k.weight": Header((5, 7), "float32", 140)})[0]
    with pytest.raises(TensorError):
        adapter.tuned(bad, info, torch.zeros(5, 7))
    assert adapter.tuned(good, info, torch.zeros(5, 7)).tensor.abs().max() > 0


def test_a_whole_parameter_of_another_shape(tmp_path: Path) -> None:
    made = tensors() | {"base_model.model.head.weight": torch.randn(3, 4)}
    safetensors.torch.save_file(made, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text(json.dumps(CONFIG))
    adapter = open_adapter(open_checkpoint([tmp_path]))
    head = next(module for module in adapter.modules if module.whole)
    wider = describe({"head.weight": Header((3, 5), "float32", 60)})[0]
    with pytest.raises(TensorError, match=r"head.weight: .* 3 × 4 and 3 × 5"):
        adapter.tuned(head, wider, torch.zeros(3, 5))
    shorter = describe({"head.weight": Header((2, 4), "float32", 32)})[0]
    assert adapter.tuned(head, shorter, torch.zeros(2, 4)).tensor.shape == (3, 4)  # added rows come along


def test_the_factors_are_left_out_of_an_analysis_and_whole_parameters_are_not(tmp_path: Path) -> None:
    made = tensors() | {"base_model.model.head.weight": torch.randn(3, 4)}
    safetensors.torch.save_file(made, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text(json.dumps(CONFIG))
    skipped = {info.name: info.skip for info in open_checkpoint([tmp_path]).tensors}
    assert skipped.pop("base_model.model.head.weight") is None
    assert set(skipped.values()) == {"a factor of an adapter: compare it with its base to see what it changes"}
