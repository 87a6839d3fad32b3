"""Which modules an adapter changes, from the names of its tensors alone: no file is read and torch is not imported.

PEFT names a tensor "base_model.model." + module + "." + what it is, like "encoder.layer.0.query.lora_A.weight". What it
is comes from a closed list, here as `FACTORS`. A tensor of an adapter that is on neither list is the whole new value of
a parameter: modules_to_save, biases, and the layer norms of LN tuning.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from analysis.adapters import makes

# what PEFT 0.21 calls the parameters of its layers (`adapter_layer_names` and buffers of every tuner)
FACTORS_OF = {
    "LoRA": "lora_A lora_B lora_embedding_A lora_embedding_B lora_diag lora_velora_embed lora_monteclora_sampler",
    "DoRA": "lora_magnitude_vector",
    "AdaLoRA": "lora_E ranknum",
    "BOFT": "boft_R boft_s",
    "Bone": "bone_block",
    "C3A": "c3a_kernel",
    "DEFT": "deft_P deft_R",
    "DeLoRA": "delora_A delora_B delora_lambda delora_w_norm",
    "FourierFT": "fourierft_spectrum",
    "GLoRA": "glora_A glora_B glora_C glora_D glora_E",
    "GraLoRA": "gralora_A gralora_B gralora_A_general gralora_B_general",
    "HiRA": "hira_A hira_B hira_embedding_A hira_embedding_B",
    "HRA": "hra_u",
    "IA3": "ia3_l",
    "LoHa": "hada_w1_a hada_w1_b hada_w2_a hada_w2_b hada_t1 hada_t2",
    "LoKr": "lokr_w1 lokr_w1_a lokr_w1_b lokr_w2 lokr_w2_a lokr_w2_b lokr_t2",
    "MiSS": "miss_block",
    "OFT": "oft_R oft_r oft_embedding_R",
    "OSF": "osf_svd_params _osf_U_low_init _osf_S_low_init _osf_V_low_init _osf_U_high _osf_V_high",
    "PEANuT": "peanut_A peanut_B peanut_encoders peanut_decoders",
    "PSOFT": "psoft_R",
    "PVeRA": "pvera_lambda_b pvera_lambda_d",
    "RandLoRA": "randlora_lambda randlora_gamma",
    "RoAd": "road_theta road_alpha",
    "SHiRA": "shira_weight shira_indices",
    "Super-Tuning": "supertuning_values supertuning_indices supertuning_lora_A supertuning_lora_B",
    "TinyLoRA": "tinylora_A tinylora_B tinylora_P",
    "trainable tokens": "trainable_tokens_delta",
    "UniLoRA": "unilora_indices_A unilora_indices_B unilora_scales_A unilora_scales_B",
    "VB-LoRA": "vblora_logits_A vblora_logits_B vblora_logits_A_topk_indices vblora_logits_A_topk_weights "
    "vblora_logits_B_topk_indices vblora_logits_B_topk_weights",
    "VeRA": "vera_lambda_b vera_lambda_d",
    "WaveFT": "waveft_spectrum",
    # of methods that are refused: named, so that they are known for what they are
    "others": "adamss_A adamss_B adamss_newB beft_bias frod_lambda_l frod_lambda_s_values lily_A lily_B lily_router "
    "poly_lora_A poly_lora_B poly_router shadow_down shadow_up",
}
FACTORS = frozenset(word for words in FACTORS_OF.values() for word in words.split())
# parameters that all modules share; PEFT hangs them beside the model
SHARED = frozenset(
    {
        "frod_V", "frod_s_indices", "frod_s_size", "pvera_A", "pvera_B", "randlora_A", "randlora_B", "tinylora_v",
        "unilora_theta_d", "vblora_vector_bank", "vera_A", "vera_B",
    }
)  # fmt: skip
# of methods that leave every weight as it is, and put something before or between the layers
PROMPTS = frozenset(
    {
        "prompt_embeddings", "prefix_task_cols", "prefix_task_rows", "adaption_prompt", "adaption_gate",
        "internal_xlora_classifier", "past_key_values",
    }
)  # fmt: skip
PREFIX = "base_model.model."
ATTENTION = ".base_layer.out_proj."  # PEFT adapts torch.nn.MultiheadAttention as one layer around its own output layer
WRAPPERS = ("base_layer", "token_adapter", "original_module", "modules_to_save", "ln_tuning_layers")


@dataclass(frozen=True, slots=True)
class AdaptedModule:
    """One parameter of the base that an adapter changes, and the tensors of the adapter that say how.

    `whole`: its one tensor is the new value itself (modules_to_save, biases), and no change to be added.
    """

    name: str  # without "base_model.model.": "encoder.layer.0.attention.self.query.weight"
    tensors: tuple[str, ...]  # names in the adapter's file
    whole: bool = False
    flat: bool = False  # its name has underscores where the base's has dots
    level: int = 0  # layers of PEFT's around it, where several parameters of one layer are adapted
    experts: int = 0  # whose factors lie in its tensors together; 0 where they are of one matrix
    expert: int | None = None  # which of them it is; None for all
    half: str = ""  # "gate" or "up", where it is that half of the outputs
    parameter: str = ""  # of experts: what PEFT calls the parameter in their layer, "gate_up_proj"

    @property
    def module(self) -> str:
        """The module that owns the parameter: the name without its last word."""
        return self.name.rpartition(".")[0]

    @property
    def layer(self) -> str:
        """The module without the layers that PEFT put around it."""
        return self.module.removesuffix(".base_layer" * self.level)

    @property
    def pattern_name(self) -> str:
        """What `rank_pattern` and `alpha_pattern` know it by: the module, or of experts their parameter."""
        return f"{self.layer}.{self.parameter}" if self.parameter else self.module


def modules(names: Iterable[str]) -> tuple[AdaptedModule, ...]:
    """The adapted parameters, in the order in which the names first speak of them. What all share belongs to none.

    >>> modules(["base_model.model.h.0.q.lora_A.weight", "base_model.model.h.0.q.lora_B.weight"])[0].name
    'h.0.q.weight'
    """
    all_names = list(names)
    if makes.is_foreign(all_names):
        return _foreign(all_names)
    attention = {name[: name.index(ATTENTION)].removeprefix(PREFIX) for name in all_names if ATTENTION in name}
    tensor_names: dict[str, list[str]] = {}
    levels: dict[str, int] = {}
    whole_names: set[str] = set()
    for name in all_names:
        words = name.removeprefix(PREFIX).split(".")
        leaf = factor(words)
        if leaf is not None:
            module = ".".join(_strip_wrappers(words[:leaf]))
            parameter = f"{module}.in_proj_weight" if module in attention else f"{module}.weight"
            if level := _count_wrappers(words[:leaf]):
                parameter = f"{module}.{'base_layer.' * level}weight"
                levels[parameter] = level
            tensor_names.setdefault(parameter, []).append(name)
        elif SHARED.isdisjoint(words) and PROMPTS.isdisjoint(words):
            tensor_names.setdefault(".".join(_strip_wrappers(words)), []).append(name)
            whole_names.add(name)
    return tuple(
        AdaptedModule(name, tuple(members), whole_names.issuperset(members), level=levels.get(name, 0))
        for name, members in tensor_names.items()
    )


def _count_wrappers(words: Sequence[str]) -> int:
    """How many layers are around the one of these words, which is a layer of experts; 0 for any other."""
    level = 0
    while level < len(words) and words[-1 - level] == "base_layer":
        level += 1
    return level if level < len(words) and words[-1 - level] == "experts" else 0


def _foreign(names: Sequence[str]) -> tuple[AdaptedModule, ...]:
    """The adapted parameters of an adapter that PEFT did not save."""
    by_module: dict[tuple[str, bool], list[str]] = {}
    whole_modules: list[AdaptedModule] = []
    for name in names:
        part = makes.part_of(name)
        if part is None or part.what in ("w_norm", "b_norm", "diff_b"):
            whole_modules.append(AdaptedModule(name, (name,), whole=True))
        else:
            by_module.setdefault((part.module, part.flat), []).append(name)
    factor_modules = (
        AdaptedModule(f"{module}.weight", tuple(members), flat=flat) for (module, flat), members in by_module.items()
    )
    return (*factor_modules, *whole_modules)


def update_sides(module: AdaptedModule, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, int] | None:
    """Outputs and inputs of a LoRA module's update, by the shapes of its tensors; None where it has no A and B."""
    part_shapes: dict[str, tuple[int, ...]] = {}
    for name in module.tensors:
        words = name.split(".")
        place = factor(words)
        part = makes.part_of(name)
        what = part.what if part is not None else words[place] if place is not None else ""
        if words[-1] != "bias":
            part_shapes.setdefault(what, shapes[name])
    for a, b, is_flipped in (("lora_A", "lora_B", False), ("mlx_a", "mlx_b", True)):
        if a in part_shapes and b in part_shapes and len(part_shapes[a]) > 1 and len(part_shapes[b]) > 1:
            A, B = (part_shapes[a][::-1], part_shapes[b][::-1]) if is_flipped else (part_shapes[a], part_shapes[b])
            return B[0], math.prod(A[1:])
    return None


def shared_tensors(names: Iterable[str]) -> tuple[str, ...]:
    """The tensors that all modules of an adapter draw on, like the random matrices of VeRA; not each layer's copies."""
    own = PREFIX.removesuffix("model.")
    return tuple(
        name for name in names if not name.startswith(PREFIX) and name.removeprefix(own).split(".")[0] in SHARED
    )


def factor(words: Sequence[str]) -> int | None:
    """Where among the words of a tensor's name stands what says that it is a factor; None where it is a parameter.

    The last such word counts: experts are adapted twice, one layer around the other.
    """
    return next((place for place in reversed(range(len(words))) if words[place] in FACTORS), None)


def is_factor(name: str) -> bool:
    """Whether a tensor of this name is part of a change and no weight: a factor, a shared matrix, or a prompt."""
    words = name.split(".")
    return (
        factor(words) is not None
        or makes.is_factor(name)
        or not (SHARED.isdisjoint(words) and PROMPTS.isdisjoint(words))
    )


def is_adapter(names: Iterable[str]) -> bool:
    """Whether most of the names are of an adapter's factors, shared matrices or prompts."""
    all_names = list(names)
    flags = [is_factor(name) for name in all_names]
    return 2 * sum(flags) > len(flags) or makes.is_foreign(all_names)


def may_be_adapter(names: Iterable[str]) -> bool:
    """Whether any name is as PEFT writes it: enough where a config says so, since LN tuning saves whole parameters."""
    return any(name.startswith(PREFIX.partition(".")[0]) or is_factor(name) for name in names)


def _strip_wrappers(words: Sequence[str]) -> list[str]:
    """The words of the module as the base knows it, without the layers that PEFT put around it."""
    return [
        word
        for place, word in enumerate(words)
        if word not in WRAPPERS and not (word == "default" and place and words[place - 1] == "modules_to_save")
    ]
