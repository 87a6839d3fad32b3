"""Facts about a model from the config.json beside its weights."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from analysis.errors import CheckpointError
from analysis.formats.hostile_json import parse_file, plain, printable
from analysis.formats.stored import Fact

LARGEST_CONFIG = 2**20  # bytes

# fact -> where Hugging Face configurations keep it, the most frequent name first
KEYS = MappingProxyType(
    {
        "model_type": ("model_type",),
        "width": ("hidden_size", "n_embd", "d_model", "dim", "hidden_dim", "embed_dim"),
        "depth": ("num_hidden_layers", "n_layer", "num_layers", "n_layers", "depth"),
        "torch_dtype": ("torch_dtype", "dtype"),
    }
)
# adapter_config.json of PEFT
ADAPTER_KEYS = MappingProxyType(
    {
        "method": ("peft_type",),
        "rank": ("r",),
        "lora_alpha": ("lora_alpha",),
        "base_model": ("base_model_name_or_path",),
    }
)


def config_facts(folder: Path) -> dict[str, Fact]:
    """What config.json and adapter_config.json in the folder say; nothing where they are absent or make no sense."""
    config = _read(folder / "config.json")
    found = _pick(config, KEYS)
    text = config.get("text_config")  # the language model inside a multimodal one
    if isinstance(text, dict):
        found = _pick(text, KEYS) | found
    architectures = config.get("architectures")
    if isinstance(architectures, list) and architectures and isinstance(architectures[0], str):
        found["architecture"] = printable(architectures[0])
    return found | _pick(_read(folder / "adapter_config.json"), ADAPTER_KEYS)


def _read(path: Path) -> dict[str, Any]:
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_CONFIG:
            return {}
        return parse_file(path)
    except (CheckpointError, OSError):
        return {}  # the weights can be read all the same


def _pick(config: Mapping[str, Any], keys: Mapping[str, tuple[str, ...]]) -> dict[str, Fact]:
    found: dict[str, Fact] = {}
    for fact, names in keys.items():
        value = next((config[name] for name in names if config.get(name) is not None), None)
        if (kept := plain(value)) is not None:
            found[fact] = kept
    return found
