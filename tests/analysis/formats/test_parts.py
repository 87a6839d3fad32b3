"""What is no weight of a model: names as training programs write them."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from analysis.errors import UnknownFormat
from analysis.formats import open_checkpoint
from analysis.formats.parts import copies, is_optimizer, is_training_state, select, training_reasons
from analysis.formats.stored import Array, Stored

Shapes = dict[str, tuple[int, ...]]
BODY: Shapes = {f"blocks.{i}.attn.qkv.weight": (96, 64) for i in range(3)} | {"norm.weight": (64,)}


def under(prefix: str, shapes: Shapes = BODY) -> Shapes:
    return {f"{prefix}{name}": shape for name, shape in shapes.items()}


@pytest.mark.parametrize(
    "key", ["optimizer", "optimizer_state_dict", "optimizer_states", "optim0", "optimizer_g", "G_optim", "optimizerD",
            "opt_state", "AdamW"],
)  # fmt: skip
def test_keys_of_optimizers(key: str) -> None:
    assert is_optimizer(key)


@pytest.mark.parametrize("key", ["opt_model", "optical_flow", "option", "adaptive_norm", "model", "optimus"])
def test_keys_of_models(key: str) -> None:
    assert not is_optimizer(key)
    assert not is_training_state(key)


def test_moments_by_the_names_that_optimizers_give_them() -> None:
    names = ["optimizer.state.fc.weight.exp_avg", "state.0.momentum_buffer", "opt_state.0.mu.Dense_0.kernel",
             "rng_states.torch.0", "fc.weight", "opt_model.decoder.fc.weight", "optimizer.weight"]  # fmt: skip
    assert list(training_reasons(names)) == names[:4]


@pytest.mark.parametrize(
    ("weights", "copy"),
    [
        ("", "ema."), ("", "model_ema."), ("model.", "ema_model."), ("student.module.", "teacher."),
        ("online_encoder.", "target_encoder."), ("module.encoder_q.", "module.encoder_k."),
        ("", "averaged_model.module."), ("critic.", "critic_target."),
        ("encoder.", "momentum_encoder."), ("text_encoder.", "text_encoder_m."),
        ("params.", "params_ema."), ("net.", "swa.net."), ("", "_ema."),
        ("policy.", "ref_model."), ("model.", "reference_model."), ("policy_model.", "ref_policy."),
    ],
)  # fmt: skip
def test_a_copy_of_the_weights(weights: str, copy: str) -> None:
    found = copies(under(weights) | under(copy))
    assert len(found) == 1, found
    assert copy.startswith(next(iter(found)))


@pytest.mark.parametrize(
    "names",
    [
        ("blocks.0.attn.to_q", "blocks.0.attn.to_k", "blocks.0.attn.to_v"),  # diffusers
        ("layers.0.self_attn.linear_q", "layers.0.self_attn.linear_k"),  # ESPnet
        ("proj_s", "proj_t"),
        ("bbox_embed", "class_embed", "reference_points"),  # Deformable DETR
        ("fc", "target_proj"),
        ("fc", "moving_head", "slow_fast"),
    ],
)
def test_a_layer_of_the_same_shape_as_another_is_no_copy_of_it(names: tuple[str, ...]) -> None:
    shapes = {f"{name}.{leaf}": shape for name in names for leaf, shape in (("weight", (64, 64)), ("bias", (64,)))}
    assert copies(shapes) == {}


def test_a_single_layer_is_a_copy_of_the_one_that_its_name_says() -> None:
    shapes = {"actor.weight": (6, 64), "actor_target.weight": (6, 64), "critic.weight": (6, 64)}
    assert copies(shapes) == {"actor_target.": "target"}
    assert copies({"fc.weight": (6, 64), "ema.weight": (6, 64)}) == {"ema.": "ema"}
    assert copies({"online_head.weight": (6, 64), "target_head.weight": (6, 64)}) == {"target_head.": "target"}


def test_the_weights_that_an_average_of_lightning_follows() -> None:
    """Its callback WeightAveraging puts the average into state_dict, and the weights under current_model_state."""
    found = copies(under("model.") | under("current_model_state.model."))
    assert found == {"current_model_state.": "current_model_state"}


def test_an_average_whose_names_lost_their_dots() -> None:
    """As Latent Diffusion keeps it (ldm/modules/ema.py)."""
    flat = {f"model_ema.{name.replace('.', '')}": shape for name, shape in BODY.items()}
    assert list(copies(under("model.") | flat)) == ["model_ema."]


def test_an_average_without_names() -> None:
    shadow = {f"ema.shadow_params.{place}": shape for place, shape in enumerate(BODY.values())}
    assert list(copies(BODY | shadow)) == ["ema."]


@pytest.mark.parametrize(
    "shapes",
    [
        under("ema."),  # there is nothing else: it is the weights
        under("generator_a.") | under("generator_b."),  # two models of one architecture
        BODY | {"target_head.weight": (7, 64)},  # a word, and no counterpart
        BODY | {"quantizer.embed_ema": (512, 64)},  # a leaf
        under("student.") | {"momentum.proj.weight": (3, 3)},
    ],
)
def test_weights_that_are_no_copy(shapes: dict[str, tuple[int, ...]]) -> None:
    assert copies(shapes) == {}


def test_a_teacher_of_another_size_beside_its_student() -> None:
    assert list(copies(under("student.") | {"teacher.blocks.0.attn.qkv.weight": (960, 640)})) == ["teacher."]


def zeros(shape: tuple[int, ...]) -> Array:
    return Stored(Path("x"), 0, shape, "float32")


def test_only_what_is_asked_for() -> None:
    tensors = {name: zeros(shape) for name, shape in (BODY | under("ema.")).items()}
    weights, aside = select(tensors)
    assert weights.keys() == BODY.keys()
    assert all("--part ema" in each.reason for each in aside.values())
    part, others = select(tensors, "ema")
    assert part.keys() == BODY.keys()
    assert all(part[name] is tensors[f"ema.{name}"] for name in part)
    assert len(others) == len(BODY)
    with pytest.raises(UnknownFormat, match="copies are: ema"):
        select(tensors, "swa")
    with pytest.raises(UnknownFormat, match="no weights"):
        select({"state.0.exp_avg": zeros((3, 3))})


def test_an_adapter_s_keys_are_no_copy_of_its_queries(tmp_path: Path) -> None:
    factors = {
        f"lora_unet_mid_attn1_to_{leaf}.lora_{side}.weight": torch.randn(*shape)
        for leaf in "qk"
        for side, shape in (("down", (2, 8)), ("up", (8, 2)))
    }
    save_file(factors, tmp_path / "a.safetensors")
    found = open_checkpoint([tmp_path / "a.safetensors"])
    assert (set(found.stored), found.aside, found.kind) == (set(factors), {}, "adapter")
