"""Which modules an adapter changes, from names alone."""

from pathlib import Path

import pytest

from analysis.adapters.names import (
    FACTORS,
    SHARED,
    AdaptedModule,
    factor,
    is_adapter,
    is_factor,
    may_be_adapter,
    modules,
    shared_tensors,
)
from tests.adapters import peft

P = "base_model.model."


def named(*names: str) -> dict[str, tuple[str, ...]]:
    return {module.name: module.tensors for module in modules(names)}


def test_the_factors_of_a_module_belong_together_in_the_order_of_the_names() -> None:
    names = [f"{P}h.{layer}.attn.q.lora_{side}.weight" for side in "AB" for layer in (1, 0)]
    assert named(*names) == {
        "h.1.attn.q.weight": (names[0], names[2]),
        "h.0.attn.q.weight": (names[1], names[3]),
    }
    assert [module.module for module in modules(names)] == ["h.1.attn.q", "h.0.attn.q"]
    assert not any(module.whole for module in modules(names))


@pytest.mark.parametrize(
    ("name", "adapted"),
    [
        (f"{P}q.lora_A.weight", "q.weight"),
        ("q.lora_A.weight", "q.weight"),  # of a library that leaves PEFT's prefix away
        (f"{P}q.lora_A.default.weight", "q.weight"),  # of training code that saved the state dict
        (f"{P}q.lora_magnitude_vector", "q.weight"),
        (f"{P}wte.lora_embedding_A", "wte.weight"),
        (f"{P}q.lora_B.bias", "q.weight"),
        (f"{P}model.embed_tokens.token_adapter.trainable_tokens_delta", "model.embed_tokens.weight"),
        (f"{P}q.osf_svd_params.U_low", "q.weight"),
        (f"{P}q.peanut_encoders.0.weight", "q.weight"),
    ],
)
def test_a_factor_says_which_parameter_it_changes(name: str, adapted: str) -> None:
    assert modules([name]) == (AdaptedModule(adapted, (name,), whole=False),)


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        (f"{P}classifier.weight", "classifier.weight"),
        (f"{P}classifier.modules_to_save.weight", "classifier.weight"),
        (f"{P}classifier.modules_to_save.default.bias", "classifier.bias"),
        (f"{P}q.base_layer.bias", "q.bias"),
        (f"{P}norm.ln_tuning_layers.weight", "norm.weight"),
    ],
)
def test_what_is_no_factor_is_the_whole_new_value(name: str, parameter: str) -> None:
    assert modules([name]) == (AdaptedModule(parameter, (name,), whole=True),)


def test_a_base_saved_with_its_factors_is_part_of_their_module() -> None:
    names = [f"{P}wte.lora_embedding_A", f"{P}wte.base_layer.weight"]
    assert modules(names) == (AdaptedModule("wte.weight", tuple(names), whole=False),)


def test_torchs_own_attention() -> None:
    names = [f"{P}attn.base_layer.out_proj.lora_A.weight", f"{P}attn.lora_A.weight", f"{P}mlp.lora_A.weight"]
    assert list(named(*names)) == ["attn.out_proj.weight", "attn.in_proj_weight", "mlp.weight"]


def test_what_all_share_belongs_to_no_module() -> None:
    names = ["base_model.vera_A", f"{P}q.vera_lambda_b", "base_model.vera_B", f"{P}q.randlora_A"]
    assert named(*names) == {"q.weight": (names[1],)}
    assert shared_tensors(names) == (names[0], names[2])  # a layer's own copies are not read again
    assert shared_tensors(["vera_A", "tinylora_v.0"]) == ("vera_A", "tinylora_v.0")


def test_factors_are_known_wherever_they_stand() -> None:
    assert factor(["q", "lora_A", "weight"]) == 1
    assert factor(["experts", "lora_A", "weight"]) == 1
    assert factor(["q", "weight"]) is None
    assert is_factor("base_model.vera_A")
    assert is_factor("prompt_embeddings")
    assert not is_factor("vocabulary.lora_a.weight")
    assert not is_factor("")


def test_an_adapter_is_told_from_a_model() -> None:
    assert is_adapter(["q.lora_A.weight", "q.lora_B.weight", "head.weight"])
    assert not is_adapter(["q.lora_A.weight", "q.lora_B.weight", "q.weight", "k.weight"])
    assert not is_adapter([])
    assert may_be_adapter([f"{P}norm.weight"])  # LN tuning saves nothing else
    assert not may_be_adapter(["model.norm.weight"])


def test_every_parameter_of_pefts_layers_is_known() -> None:
    peft()
    from peft.mapping import PEFT_TYPE_TO_TUNER_MAPPING

    layers = [getattr(tuner, "tuner_layer_cls", None) for tuner in PEFT_TYPE_TO_TUNER_MAPPING.values()]
    names = {name for layer in layers for name in getattr(layer, "adapter_layer_names", ())}
    assert len(names) > 50
    # LN tuning's is the layer itself; the others are parts of refused methods' networks
    assert names - FACTORS - SHARED <= {
        "ln_tuning_layers", "shadow_update_transform", "shadow_update_gate", "shadow_dropout",
    }  # fmt: skip


def test_no_library_is_imported(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = "import sys, analysis.adapters; sys.exit(len({'torch', 'peft', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
