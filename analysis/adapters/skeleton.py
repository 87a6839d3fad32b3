"""The weight that PEFT's own code makes of a base: one bare layer, PEFT's adapter around it, its numbers, its merge.

There is no model around the layer, and nothing is loaded by name: the layer is built from the base tensor's shape, the
config from the settings that methods.py lists, the adapter's numbers from its file. One module at a time, so that the
memory is that of one layer and a bad module is one error. PEFT is imported here and nowhere else.
"""

import re
import warnings
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from torch import Tensor, nn

from analysis.adapters.config import AdapterConfig
from analysis.adapters.lora import stored_inputs_first
from analysis.adapters.methods import DELEGATED
from analysis.adapters.names import SHARED, AdaptedModule, factor
from analysis.errors import AdapterError, SettingsError, UnknownFormat, escape
from analysis.runtime.pytorch import torch
from analysis.weight import TensorInfo

LAYER = "layer"
PLACE = f"base_model.model.{LAYER}"
MOST_TERMS = 1024  # of a series, of a stack of layers: PEFT loops over them
LONGEST_TEXT = 64  # characters of a setting: they are names of variants and functions
CONVOLUTIONS: dict[int, Any] = {3: nn.Conv1d, 4: nn.Conv2d, 5: nn.Conv3d}
# derived by PEFT from the base or the config, and not always saved
UNSAVED = {
    "base_layer", "zeros",
    "_osf_U_low_init", "_osf_S_low_init", "_osf_V_low_init", "_osf_U_high", "_osf_V_high",
}  # fmt: skip
SIZES = re.compile(r"size mismatch for (\S+): .*?torch\.Size\((\[.*?\])\).*?torch\.Size\((\[.*?\])\)")
KEPT_OUT = ("glora_C", "glora_D", "glora_E")  # of the bias


class Skeleton(nn.Module):
    """A model of one layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer


def require(method: str) -> None:
    """Raises UnknownFormat ("adapter-method") where PEFT is not installed, or does not know the method."""
    try:
        from peft import PeftType
    except ImportError:
        text = f"{method} is computed by PEFT, which is not installed: pip install 'eigenscope[peft]'"
        raise UnknownFormat(text, "adapter-method") from None
    if method not in PeftType.__members__:
        import peft

        text = f"{method} is not among the methods of the PEFT installed here, {peft.__version__}"
        raise UnknownFormat(text, "adapter-method")


def merge(
    config: AdapterConfig, module: AdaptedModule, info: TensorInfo, base: Tensor, state: Mapping[str, Tensor]
) -> Tensor:
    """The tuned weight as the base stores it. `state`: the adapter's tensors by name, the shared ones too.

    Raises AdapterError, naming the module, where a tensor is missing or does not fit the base.
    """
    import peft

    is_transposed = _stored_inputs_first(config, info)
    layer = _layer(base, is_transposed, embedding=any("_embedding_" in name for name in module.tensors))
    settings = _settings(config, module, base, state)
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # PEFT's advice to those who train
        torch.manual_seed(0)
        model = peft.get_peft_model(Skeleton(layer), _peft_config(config.method, settings, is_transposed))
        model.eval()
        _load(model, module, _place_tensors(config.method, base.shape, state, is_transposed))
        plain_model = model.merge_and_unload()
    weight: Tensor = plain_model.layer.weight.detach()
    return weight.to(base.dtype).reshape(base.shape).contiguous()


def _stored_inputs_first(config: AdapterConfig, info: TensorInfo) -> bool:
    """Whether the layer is a Conv1D of transformers: by its name, or, where that says nothing, by the config."""
    return len(info.shape) == 2 and stored_inputs_first(config, info)


def _layer(base: Tensor, transposed: bool, embedding: bool) -> nn.Module:
    """The bare layer with this weight; without bias, and with strides of 1, on which no weight depends."""
    with torch.device("meta"):  # its own numbers would be thrown away
        layer = _make_bare_module(tuple(base.shape), transposed, embedding)
    layer.weight = nn.Parameter(base.to(torch.float32).clone(), requires_grad=False)
    if transposed:
        layer.bias = nn.Parameter(torch.zeros(base.shape[1]))
    return layer


def _make_bare_module(shape: tuple[int, ...], transposed: bool, embedding: bool) -> nn.Module:
    if embedding:
        return nn.Embedding(shape[0], shape[1])
    if transposed:
        from peft.tuners.lora import layer

        layers: Any = layer
        conv1d: nn.Module = layers.Conv1D(shape[1], shape[0])  # of transformers, which PEFT brings along
        return conv1d
    if len(shape) == 2:
        return nn.Linear(shape[1], shape[0], bias=False)
    if len(shape) in CONVOLUTIONS:
        convolution: nn.Module = CONVOLUTIONS[len(shape)](shape[1], shape[0], shape[2:], bias=False)
        return convolution
    raise AdapterError(f"a weight of {len(shape)} dimensions belongs to no layer that adapters change")


def _settings(
    config: AdapterConfig, module: AdaptedModule, base: Tensor, state: Mapping[str, Tensor]
) -> dict[str, Any]:
    """What PEFT is told: the listed settings of the file for this module, checked, and what the tensors say."""
    method = DELEGATED[config.method]
    fields: dict[str, Any] = {}
    largest = max((extent for tensor in state.values() for extent in tensor.shape), default=0)
    for name in method.settings:
        value = config.of_module(name, method.patterns.get(name, ""), module.module)
        if value is None:
            continue
        if name in method.sizes and isinstance(value, int) and value > largest:
            raise AdapterError(f"{escape(module.module)}: {name} is {escape(value)}, beyond every side of its tensors")
        fields[name] = _plain(name, value)
    if isinstance(blocks := fields.get("use_bdlora"), dict):
        fields["use_bdlora"] = _block_settings(blocks, module.module)
    return fields | dict(method.fixed) | _from_tensors(config, module, base, state)


def _block_settings(blocks: Mapping[str, Any], module: str) -> dict[str, Any]:
    """BD-LoRA's settings for this module: which of its factors is block-diagonal, by parts of its name."""

    def names(key: str) -> list[str]:
        return [LAYER] if any(str(part) in module for part in blocks.get(key) or ()) else []

    keys = ("target_modules_bd_a", "target_modules_bd_b")
    return {**blocks, **{key: names(key) for key in keys}, "match_strict": False}


def _plain(name: str, value: object) -> object:
    """A setting as PEFT may have it: a number, a flag, a short name, or a flat mapping of such."""
    if isinstance(value, dict):
        return {str(key): _plain(str(key), inner) for key, inner in value.items() if not isinstance(inner, dict)}
    if isinstance(value, list):
        return [_plain(name, inner) for inner in value[:MOST_TERMS]]
    if isinstance(value, str) and len(value) <= LONGEST_TEXT:
        return value
    is_loop_count = name in ("num_cayley_neumann_terms", "depth", "gralora_k", "boft_n_butterfly_factor")
    if value is None or (isinstance(value, bool | int | float) and not (is_loop_count and value > MOST_TERMS)):
        return value
    raise AdapterError(f"{name} is {escape(value)}, which PEFT is not asked to compute with")


def _from_tensors(
    config: AdapterConfig, module: AdaptedModule, base: Tensor, state: Mapping[str, Tensor]
) -> dict[str, Any]:
    """Settings that the tensors state better than the file, where it gives patterns or shares of all layers."""
    method = config.method
    parts = {_what(name): tensor for name, tensor in state.items()}
    if method in ("FOURIERFT", "WAVEFT"):
        return {"n_frequency": parts[f"{method.lower()}_spectrum"].numel()}
    if method == "HIRA":
        return {"r": next(tensor.shape[0] for name, tensor in parts.items() if name.endswith("_A"))}
    if method == "IA3":
        return {"feedforward_modules": [LAYER] if _scales_inputs(config, module, base, parts["ia3_l"]) else []}
    if method == "OSF":
        low = next((tensor.numel() for name, tensor in state.items() if name.endswith("S_low")), 0)
        return {"effective_rank": min(base.shape) - low}
    return {}


def _scales_inputs(config: AdapterConfig, module: AdaptedModule, base: Tensor, scales: Tensor) -> bool:
    """Whether IA³ scales inputs, (1, in), and not outputs, (out, 1); for a convolution both are (1, n, 1, 1)."""
    if base.ndim == 2:
        return scales.shape[0] == 1
    if base.shape[0] != base.shape[1]:
        return scales.numel() == base.shape[1]
    feedforward = config.settings.get("feedforward_modules")
    return isinstance(feedforward, list) and module.module.endswith(tuple(str(part) for part in feedforward))


def _what(name: str) -> str:
    words = name.split(".")
    place = factor(words)
    return words[-1 if place is None else place]


def _peft_config(method: str, settings: Mapping[str, Any], transposed: bool) -> Any:
    from peft import PeftType
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    kind: Any = PEFT_TYPE_TO_CONFIG_MAPPING[PeftType[method]]
    field_names = {field.name for field in fields(kind)}
    orientation = {"fan_in_fan_out": transposed} if "fan_in_fan_out" in field_names else {}
    return kind(target_modules=[LAYER], **orientation, **settings)


def _place_tensors(method: str, shape: torch.Size, state: Mapping[str, Tensor], transposed: bool) -> dict[str, Tensor]:
    """The adapter's tensors under the names that they have on the skeleton, shared ones cut to the layer's sides."""
    tensors: dict[str, Tensor] = {}
    for name, tensor in state.items():
        words = name.split(".")
        place = factor(words)
        if place is None:
            tensors[name] = _cut(method, words[-1], tensor, shape[::-1] if transposed else shape)
        elif words[place] not in KEPT_OUT:
            tensors[".".join([PLACE, *words[place:]])] = tensor
    return tensors


def _cut(method: str, what: str, tensor: Tensor, shape: torch.Size | tuple[int, ...]) -> Tensor:
    """The part of a shared matrix that a layer of this shape uses; each layer uses the beginning."""
    outputs, inputs = shape[0], shape[1]
    if method in ("VERA", "PVERA"):
        return tensor[:, :inputs] if what.endswith("_A") else tensor[:outputs]
    if method == "RANDLORA":
        small, large = sorted((outputs, inputs))
        bases = -(-small // tensor.shape[0 if what.endswith("_A") else -1])
        return tensor[:, :, :small] if what.endswith("_A") else tensor[:large, :bases]
    return tensor


def _load(built: Any, module: AdaptedModule, placed: Mapping[str, Tensor]) -> None:
    """Puts the numbers into the adapter; nothing that was trained may be missing, and nothing be left over."""
    from peft import set_peft_model_state_dict

    try:
        result: Any = set_peft_model_state_dict(built, dict(placed))
    except RuntimeError as error:
        raise AdapterError(f"{escape(module.module)}: {_sizes(str(error))}. Is it of another base?") from None
    missing = [name for name in result.missing_keys if not _is_derived(name)]
    if missing or result.unexpected_keys:
        text = "missing" if missing else "not understood"
        name = (missing or list(result.unexpected_keys))[0].removeprefix(f"{PLACE}.")
        raise SettingsError(f"{escape(module.module)}: {escape(name)} is {text}. Save the adapter again.")


def _sizes(error: str) -> str:
    """Torch's complaint about shapes, in our words."""
    match = SIZES.search(error)
    if match is None:
        return escape(error)
    name = match[1].removeprefix(f"{PLACE}.").replace(".default", "")
    return f"{name} is {match[2]} in its file; the base and adapter_config.json ask for {match[3]}"


def _is_derived(name: str) -> bool:
    """Whether PEFT finds this by itself, or it is the layer's view of a tensor that all share."""
    words = set(name.split("."))
    return not words.isdisjoint(UNSAVED) or (name.startswith(PLACE) and not words.isdisjoint(SHARED))
