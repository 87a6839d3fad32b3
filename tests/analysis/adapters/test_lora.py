"""LoRA and its relatives, against PEFT's merge and against the formulas."""

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import nn

from analysis.adapters import Adapter, open_adapter
from analysis.errors import AdapterError, NotFinite
from analysis.formats import open_checkpoint
from analysis.tensors.matrices import Header, describe
from analysis.weight import TensorInfo
from tests.adapters import LINEAR, assert_merges_as_peft, inputs_first, peft, train

ALL = (*LINEAR, "emb", "conv", "seq")
LORA: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "plain": ({"r": 4, "lora_alpha": 6}, ALL),
    "patterns": ({"r": 4, "rank_pattern": {"o": 2, "^up": 3}, "alpha_pattern": {"q|conv": 1.5}}, ALL),
    "rsLoRA": ({"r": 4, "use_rslora": True, "rank_pattern": {"o": 9}}, ALL),
    "DoRA": ({"r": 4, "use_dora": True}, ALL),
    "DoRA and rsLoRA": ({"r": 4, "use_dora": True, "use_rslora": True}, ALL),
    "bias": ({"r": 4, "lora_bias": True}, ("q", "up", "conv")),
    "gaussian": ({"r": 4, "init_lora_weights": "gaussian"}, ALL),
    "orthogonal": ({"r": 4, "init_lora_weights": "orthogonal"}, LINEAR),
    "PiSSA": ({"r": 4, "lora_alpha": 7, "init_lora_weights": "pissa"}, LINEAR),
    "PiSSA and DoRA": ({"r": 4, "init_lora_weights": "pissa", "use_dora": True}, LINEAR),
    "OLoRA": ({"r": 4, "lora_alpha": 7, "init_lora_weights": "olora"}, LINEAR),
    "EVA": ({"r": 4, "init_lora_weights": "eva"}, LINEAR),
    "MiCA": ({"r": 4, "init_lora_weights": "mica"}, LINEAR),
}


def lora(targets: tuple[str, ...] = LINEAR, **settings: Any) -> Any:
    library = peft()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return library.LoraConfig(target_modules=list(targets), **settings)


@pytest.mark.parametrize("case", LORA)
def test_the_weights_are_those_of_peft(case: str, tmp_path: Path) -> None:
    settings, targets = LORA[case]
    trained = train(tmp_path, lora(targets, **settings))
    assert_merges_as_peft(trained, 1e-6, [f"{name}.weight" for name in targets])


@pytest.mark.parametrize("case", [case for case in LORA if "DoRA" not in case])
def test_the_factors_multiply_to_the_update(case: str, tmp_path: Path) -> None:
    settings, targets = LORA[case]
    trained = train(tmp_path, lora(targets, **settings))
    for module in trained.adapter.modules:
        tuned = trained.tuned(module)
        if module.whole:
            continue
        assert tuned.factors is not None
        update = (tuned.factors.left @ tuned.factors.right).reshape(tuned.tensor.shape)
        assert (update - (tuned.tensor - trained.base[module.name])).abs().max() < 1e-6
        began = 2 if "issa" in case.lower() or case == "OLoRA" else 1  # what was taken out and what was put in
        assert tuned.factors.left.shape[1] <= began * max(4, *settings.get("rank_pattern", {"": 0}).values())


@pytest.mark.parametrize(
    ("setting", "kind"), [("velora_config", "VeloraConfig"), ("monteclora_config", "MontecloraConfig")]
)
def test_relatives_that_merge_as_lora(setting: str, kind: str, tmp_path: Path) -> None:
    peft()
    from peft.tuners.lora import config as configs

    trained = train(tmp_path, lora(r=4, **{setting: getattr(configs, kind)()}))
    assert_merges_as_peft(trained, 1e-6, [f"{name}.weight" for name in LINEAR])


def test_dora_has_no_low_rank_update(tmp_path: Path) -> None:
    trained = train(tmp_path, lora(r=4, use_dora=True))
    assert all(trained.tuned(module).factors is None for module in trained.adapter.modules)


@pytest.mark.parametrize("settings", [{}, {"use_dora": True}, {"init_lora_weights": "pissa"}])
def test_a_layer_that_stores_inputs_first(settings: dict[str, Any], tmp_path: Path) -> None:
    trained = train(tmp_path, lora(("c_attn", "c_proj"), r=3, **settings), inputs_first)
    assert_merges_as_peft(trained, 1e-6, ["h.0.attn.c_attn.weight", "h.0.attn.c_proj.weight"])
    module = trained.module("h.0.attn.c_attn.weight")
    factors = trained.tuned(module).factors
    if factors is not None:
        assert (len(factors.left), factors.right.shape[1]) == (48, 16)  # outputs and inputs, whatever the file stores


def test_a_square_linear_layer_beside_one_that_stores_inputs_first(tmp_path: Path) -> None:
    """The config says what held for the last layer that PEFT met, so it cannot be asked about the others."""
    trained = train(tmp_path, lora(("q_proj", "c_attn", "c_proj"), r=3), inputs_first)
    assert json.loads((trained.folder / "adapter_config.json").read_text())["fan_in_fan_out"] is True
    names = [f"h.0.attn.{name}.weight" for name in ("q_proj", "c_attn", "c_proj")]
    assert_merges_as_peft(trained, 1e-6, names)


@pytest.mark.parametrize("pruned", [False, True])
def test_adalora(pruned: bool, tmp_path: Path) -> None:
    def prune(model: Any) -> None:
        if pruned:
            keep = {f"{name}.lora_E.default": [True, False, True, False] for name in (*LINEAR, "conv")}
            model.peft_config["default"].rank_pattern = keep

    settings = peft().AdaLoraConfig(
        init_r=4, target_r=2, lora_alpha=6, total_step=10, tinit=1, tfinal=1, target_modules=[*LINEAR, "conv"]
    )
    trained = train(tmp_path, settings, then=prune)
    assert_merges_as_peft(trained, 1e-6, [f"{name}.weight" for name in (*LINEAR, "conv")])
    factors = trained.tuned(trained.module("q.weight")).factors
    assert factors is not None
    assert factors.left.shape == (16, 2 if pruned else 4)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(16, 2)


def test_torchs_own_attention(tmp_path: Path) -> None:
    trained = train(tmp_path, lora(("attn",), r=3, lora_alpha=6), Attention)
    joint, output = trained.module("attn.in_proj_weight"), trained.module("attn.out_proj.weight")
    assert (trained.tuned(joint).tensor - trained.merged[joint.name]).abs().max() < 1e-6
    # PEFT 0.21 adds the update of out_proj twice (huggingface/peft#3774), so here the formula is the judge
    A, B = (trained.adapter.checkpoint.read(name) for name in sorted(output.tensors))
    expected = trained.base[output.name] + 6 / 3 * B @ A
    assert (trained.tuned(output).tensor - expected).abs().max() < 1e-6


# without PEFT: two matrices, a config, the formula


def written(folder: Path, tensors: dict[str, torch.Tensor], **settings: Any) -> Adapter:
    safetensors.torch.save_file(
        {f"base_model.model.{name}": tensor for name, tensor in tensors.items()},
        folder / "adapter_model.safetensors",
    )
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, **settings}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return open_adapter(open_checkpoint([folder]))


def info(name: str, *shape: int) -> TensorInfo:
    return describe({name: Header(shape, "float32", 0)})[0]


def tuned(adapter: Adapter, name: str, base: torch.Tensor) -> torch.Tensor:
    return adapter.tuned(adapter.modules[0], info(name, *base.shape), base).tensor


def factors(m: int = 5, n: int = 7, r: int = 2) -> dict[str, torch.Tensor]:
    return {"layer.q.lora_A.weight": torch.randn(r, n), "layer.q.lora_B.weight": torch.randn(m, r)}


def test_the_formula_and_without_peft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    made, base = factors(), torch.randn(5, 7)
    expected = base + 2 * made["layer.q.lora_B.weight"] @ made["layer.q.lora_A.weight"]
    assert torch.allclose(tuned(written(tmp_path, made), "layer.q.weight", base), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_the_dtypes(dtype: torch.dtype, tmp_path: Path) -> None:
    made = {name: tensor.to(dtype) for name, tensor in factors().items()}
    base = torch.randn(5, 7).to(dtype)
    found = tuned(written(tmp_path, made), "layer.q.weight", base)
    assert found.dtype == torch.promote_types(dtype, torch.float32)
    product = made["layer.q.lora_B.weight"].double() @ made["layer.q.lora_A.weight"].double()
    assert (found.double() - base.double() - 2 * product).abs().max() < 1e-5


def test_added_tokens_are_left_out(tmp_path: Path) -> None:
    A, B, base = torch.randn(2, 12), torch.randn(7, 2), torch.randn(10, 7)
    made = {"tok.embed_tokens.lora_embedding_A": A, "tok.embed_tokens.lora_embedding_B": B}
    found = tuned(written(tmp_path, made), "tok.embed_tokens.weight", base)
    assert torch.allclose(found, base + 2 * (B @ A).T[:10], atol=1e-6)


def test_a_base_saved_with_the_factors_is_the_one_that_they_change(tmp_path: Path) -> None:
    A, B, base, saved = torch.randn(2, 10), torch.randn(7, 2), torch.randn(10, 7), torch.randn(10, 7)
    made = {
        "embed_tokens.lora_embedding_A": A,
        "embed_tokens.lora_embedding_B": B,
        "embed_tokens.base_layer.weight": saved,
    }
    adapter = written(tmp_path, made)
    found = adapter.tuned(adapter.modules[0], info("embed_tokens.weight", 10, 7), base)
    assert torch.allclose(found.tensor, saved + 2 * (B @ A).T, atol=1e-6)
    assert found.factors is None  # they are not all of the change
    again = adapter.tuned(adapter.modules[0], info("embed_tokens.weight", 10, 7), saved)
    assert again.factors is not None


BAD: dict[str, tuple[dict[str, torch.Tensor], dict[str, Any], str]] = {
    "ranks that differ": (
        factors() | {"layer.q.lora_B.weight": torch.randn(5, 3)},
        {},
        "A has rank 2 and B has rank 3",
    ),
    "a rank that the config does not say": (factors(r=3), {}, "rank 3, where adapter_config.json says 2"),
    "another base": (factors(n=8), {}, "5 × 8, and layer.q.weight of the base is 5 × 7"),
    "A alone": ({"layer.q.lora_A.weight": torch.randn(2, 7)}, {}, "lora_B is missing"),
    "one dimension": (factors() | {"layer.q.lora_A.weight": torch.randn(2)}, {}, "A is 2 and B is 5 × 2"),
    "magnitudes of another base": (factors() | {"layer.q.lora_magnitude_vector": torch.ones(4)}, {}, "4 magnitudes"),
    "an alpha that is no number": (factors(), {"alpha_pattern": {"q": "much"}}, "gives it much"),
    "two adapters": (factors() | {"layer.q.lora_A.two.weight": torch.randn(2, 7)}, {}, "lora_A appears twice"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_names_the_module(case: str, tmp_path: Path) -> None:
    made, settings, message = BAD[case]
    with pytest.raises(AdapterError, match=r"layer\.q") as caught:
        tuned(written(tmp_path, made, **settings), "layer.q.weight", torch.randn(5, 7))
    assert message in str(caught.value)


def test_not_finite_factors_and_products(tmp_path: Path) -> None:
    made = factors()
    made["layer.q.lora_A.weight"][0, 0] = torch.inf
    with pytest.raises(NotFinite, match=r"layer.q.lora_A.weight of the adapter: 1 of 14"):
        tuned(written(tmp_path, made), "layer.q.weight", torch.randn(5, 7))
    huge = {name: torch.full_like(tensor, 3e38) for name, tensor in factors().items()}
    with pytest.raises(NotFinite, match=r"the merged weight of layer\.q: 35 of 35"):
        tuned(written(tmp_path, huge), "layer.q.weight", torch.randn(5, 7))


def test_convolution_of_groups_is_no_sum_of_the_two(tmp_path: Path) -> None:
    made = {"conv.lora_A.weight": torch.randn(2, 4, 3, 3), "conv.lora_B.weight": torch.randn(6, 1, 1, 1)}
    with pytest.raises(AdapterError, match="conv"):
        tuned(written(tmp_path, made), "conv.weight", torch.randn(6, 2, 3, 3))


def test_whole_parameters(tmp_path: Path) -> None:
    trained = train(tmp_path, lora(r=4, modules_to_save=["head"], bias="all"))
    names = {module.name for module in trained.adapter.modules if module.whole}
    assert {"head.weight", "head.bias", "q.bias", "up.bias"} <= names
    for name in names:
        assert torch.equal(trained.tuned(trained.module(name)).tensor, trained.merged[name])


def test_trained_tokens_beside_lora(tmp_path: Path) -> None:
    trained = train(tmp_path, lora(r=4, trainable_token_indices={"emb": [3, 9]}))
    assert_merges_as_peft(trained, 1e-6, [*(f"{name}.weight" for name in LINEAR), "emb.weight"])


def test_a_converted_pissa_is_a_plain_lora(tmp_path: Path) -> None:
    start = tmp_path / "start"

    def save(model: Any) -> None:
        model.peft_config["default"].init_lora_weights = True
        model.save_pretrained(tmp_path / "converted", path_initial_model_for_weight_conversion=str(start))

    def begin(model: Any) -> None:
        model.peft_config["default"].init_lora_weights = True
        model.save_pretrained(start)
        model.peft_config["default"].init_lora_weights = "pissa"
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.data += 0.1
        save(model)
        model.peft_config["default"].init_lora_weights = "pissa"

    settings = lora(r=4, init_lora_weights="pissa")
    trained = train(tmp_path, settings, then=begin)
    converted = open_adapter(open_checkpoint([tmp_path / "converted" / "adapter_model.safetensors"]))
    assert converted.config.settings["r"] == 8
    module = next(module for module in converted.modules if module.name == "q.weight")
    plain = converted.tuned(module, trained.infos["q.weight"], trained.base["q.weight"])
    assert plain.factors is not None
    # W + BA - B₀A₀, where B₀A₀ is what `start` holds
    first = safetensors.torch.load_file(start / "adapter_model.safetensors")
    last = safetensors.torch.load_file(tmp_path / "adapter_model.safetensors")
    change = [
        held["base_model.model.q.lora_B.weight"] @ held["base_model.model.q.lora_A.weight"] for held in (last, first)
    ]
    expected = trained.base["q.weight"] + 2 * (change[0] - change[1])
    assert (plain.tensor - expected).abs().max() < 1e-5
