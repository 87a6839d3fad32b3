"""adapter_config.json, read as the untrusted file that it is. torch is not imported: the ingest child checks it.

Nothing in it is followed: neither the base's name, nor the classes that auto_mapping names, nor a path. What is looked
at is named here; PEFT, where it computes, gets these values and no others.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from analysis.adapters import patterns
from analysis.adapters.methods import DELEGATED, DIRECT, REFUSED, Delegated
from analysis.errors import DamagedFile, UnknownFormat, escape

NAME = "adapter_config.json"
NO_RANK = ("OFT", "SUPERTUNING", "GRALORA")  # r may be 0: they have another size beside it

# settings that may be true, or hold others, and change no weight once it is trained
HARMLESS = frozenset(
    {
        "alpha_pattern", "auto_mapping", "block_size_pattern", "coft", "corda_config", "ensure_weight_tying",
        "eva_config", "fan_in_fan_out", "inference_mode", "init_ia3_weights", "init_lora_weights", "init_weights",
        "lambda_pattern", "loftq_config", "lora_bias", "lora_ga_config", "megatron_config", "merge_weights",
        "monteclora_config", "n_frequency_pattern", "proportional_parameters", "rank_dropout_scale", "rank_pattern",
        "runtime_config", "sample_at_inference", "save_indices", "save_only_topk_weights", "save_precomputed_indices",
        "save_projection", "trainable_token_indices", "use_dora", "use_rslora", "velora_config",
    }
)  # fmt: skip
# LoRA settings under which the merged weight is another than W + BA, or is none at all
LORA_REFUSED = MappingProxyType(
    {
        "alora_invocation_tokens": "activated LoRA changes the weights for the tokens after its invocation only",
        "arrow_config": "Arrow mixes several adapters by a router that sees the input",
        "use_qalora": "QA-LoRA adapts the scales of a quantised base, which are not a matrix of this base",
        "layer_replication": "it copies layers of the base, so that its layers are not those of the base given",
        "enable_lora": "it adapts parts of a joint layer, in a way of PEFT before 0.1",
    }
)
LORA_DELEGATED = ("kasa_config", "use_bdlora")  # ΔW is no B·A of the tensors as they are
UNCONVERTED = (
    "It changed the base before the training. Save it with "
    "save_pretrained(..., path_initial_model_for_weight_conversion=...), which makes a plain LoRA of it"
)
INITS_REFUSED = MappingProxyType(
    {
        "corda": f"CorDA starts from statistics of data that the adapter does not contain. {UNCONVERTED}.",
        "lora_ga": f"LoRA-GA starts from gradients that the adapter does not contain. {UNCONVERTED}.",
        "loftq": "LoftQ adapts a quantised base, which the adapter does not contain. Merge it into its quantised base "
        "and compare the merged checkpoint.",
        "pissa_niter": f"its fast decomposition drew random numbers that were not saved. {UNCONVERTED}.",
    }
)
INITS = (True, False, None, "true", "false", "gaussian", "eva", "orthogonal", "mica", "pissa", "olora")


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """What adapter_config.json says, checked for the method it names."""

    method: str  # as in peft_type: "LORA"
    settings: Mapping[str, Any]
    make: str = "PEFT"  # whose names the tensors have

    def flag(self, name: str) -> bool:
        """A setting that is true or false; false where it is absent. DamagedFile where it is something else."""
        value = self.settings.get(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise _wrong(name, value, "true or false")

    def count(self, name: str, least: int = 1) -> int:
        """A whole number of at least `least`."""
        value = self.settings.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**31:
            return value
        raise _wrong(name, value, f"a whole number of at least {least}")

    def number(self, name: str) -> float:
        """A finite number."""
        value = self.settings.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
        raise _wrong(name, value, "a finite number")

    def pattern(self, name: str) -> Mapping[str, Any]:
        """A mapping from patterns over module names to values, empty where it is absent."""
        value = self.settings.get(name)
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        raise _wrong(name, value, "a mapping from module names to values")

    def of_module(self, name: str, pattern: str, module: str) -> Any:
        """The value of setting `name` for a module, which `pattern` may name."""
        return patterns.choose_value(self.pattern(pattern), module, self.settings.get(name))

    @property
    def is_delegated(self) -> bool:
        """Whether PEFT computes its weights: every method but those of DIRECT, and LoRA's relatives that are no BA."""
        return self.make == "PEFT" and self._needs_peft

    @property
    def _needs_peft(self) -> bool:
        return self.method not in DIRECT or any(self.settings.get(name) for name in LORA_DELEGATED)

    @property
    def init(self) -> object:
        """How the factors began: True for PEFT's default."""
        return self.settings.get("init_lora_weights", self.settings.get("init_weights"))


def _wrong(name: str, value: object, wanted: str) -> DamagedFile:
    state = "is missing" if value is None else f"is {escape(value)}"
    return DamagedFile(f"{NAME}: {name} {state}; it has to be {wanted}. Correct it.", "adapter-settings")


def check_config(settings: Mapping[str, Any]) -> AdapterConfig:
    """The config with these settings, refused by name where nothing here can compute its weights."""
    method = settings.get("peft_type")
    if not isinstance(method, str):
        raise _wrong("peft_type", method, 'the name of a method, like "LORA"')
    method = method.upper()
    if method in REFUSED:
        raise UnknownFormat(f"{NAME}: {method} is not compared with its base: {REFUSED[method]}", "adapter-method")
    if method not in DIRECT and method not in DELEGATED:
        raise UnknownFormat(f"{NAME}: the method {escape(method)} is not known here", "adapter-method")
    config = AdapterConfig(method, dict(settings))
    _check_unknown(config)
    if method == "LORA":
        _check_lora(config)
    elif method == "ADALORA":
        config.number("lora_alpha")
        config.count("init_r")
    elif method in DELEGATED:
        _check_delegated(config, DELEGATED[method])
    return config


def _check_unknown(config: AdapterConfig) -> None:
    """Refuses what a later PEFT may have added, where it is switched on: it may change what the weights mean."""
    known_names = HARMLESS | set(LORA_REFUSED) | set(LORA_DELEGATED)
    if config.method in DELEGATED:
        known_names |= set(DELEGATED[config.method].settings)
    for name, value in config.settings.items():
        if name not in known_names and (value is True or (isinstance(value, dict) and value)):
            text = f"{NAME}: {config.method} with {escape(name)} is not known here; a later PEFT may have added it"
            raise UnknownFormat(text, "adapter-method")


def _check_delegated(config: AdapterConfig, method: Delegated) -> None:
    config.flag("fan_in_fan_out")
    for pattern in method.patterns.values():
        patterns.check(config.pattern(pattern), pattern)
    for name in method.settings:
        if name == "r" and config.settings.get(name) is not None and config.method not in NO_RANK:
            config.count(name)
        elif name.endswith("alpha") and config.settings.get(name) is not None:
            config.number(name)
    for name, (value, reason) in method.needed.items():
        if config.settings.get(name, value) != value:
            text = f"{NAME}: {config.method} with {name} {escape(config.settings[name])} cannot be computed: {reason}"
            raise UnknownFormat(text, "adapter-method")


def _check_lora(config: AdapterConfig) -> None:
    config.count("r")
    config.number("lora_alpha")
    for name in ("use_rslora", "use_dora", "fan_in_fan_out", "lora_bias"):
        config.flag(name)
    for name in ("rank_pattern", "alpha_pattern"):
        patterns.check(config.pattern(name), name)
    for name, reason in LORA_REFUSED.items():
        if config.settings.get(name):
            raise UnknownFormat(f"{NAME}: LoRA with {name} is not compared with its base: {reason}", "adapter-method")
    _check_init(config.init)


def _check_init(init: object) -> None:
    scheme = init.lower() if isinstance(init, str) else init
    if scheme in INITS:
        return
    text = str(scheme)
    reason = INITS_REFUSED.get("pissa_niter" if text.startswith("pissa_niter_") else text)
    if reason is None:
        raise UnknownFormat(f"{NAME}: init_lora_weights is {escape(init)}, which is not known here", "adapter-method")
    raise UnknownFormat(f"{NAME}: LoRA with init_lora_weights {escape(init)}: {reason}", "adapter-method")
