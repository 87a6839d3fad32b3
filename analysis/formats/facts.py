"""Facts about a model from the files beside its weights: config.json, adapter_config.json, files of the training."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from analysis.adapters.config import NAME, AdapterConfig, check_config
from analysis.adapters.foreign_config import metadata_config, mlx_config
from analysis.adapters.makes import is_foreign, make_of, says_its_scale
from analysis.adapters.names import is_adapter, may_be_adapter
from analysis.attention import CONFIGS, attention_facts
from analysis.errors import DamagedFile, MissingShard, UnknownFormat
from analysis.formats.hostile_json import parse_file, plain, printable, read_if_small
from analysis.formats.stored import Fact
from analysis.formats.training import training_facts

LARGEST_CONFIG = 2**20  # bytes
LARGEST_ADAPTER_CONFIG = 2**23  # bytes: AdaLoRA's lists every direction of every module

TEXT_CONFIGS = CONFIGS["text"]
# fact -> where Hugging Face configurations keep it, the most frequent name first
KEYS = MappingProxyType(
    {
        "model_type": ("model_type",),
        "width": ("hidden_size", "n_embd", "d_model", "dim", "hidden_dim", "embed_dim"),
        "depth": ("num_hidden_layers", "n_layer", "num_layers", "n_layers", "depth"),
        "torch_dtype": ("torch_dtype", "dtype"),
        "name_or_path": ("_name_or_path", "name_or_path"),
    }
)
# adapter_config.json of PEFT
ADAPTER_KEYS = MappingProxyType(
    {
        "method": ("peft_type",),
        "rank": ("r",),
        "lora_alpha": ("lora_alpha", "alpha"),
        "base_model": ("base_model_name_or_path",),
        "use_rslora": ("use_rslora",),
        "use_dora": ("use_dora",),
        "init": ("init_lora_weights", "init_weights"),
    }
)


def config_facts(folder: Path) -> dict[str, Fact]:
    """What the files in the folder say; nothing where they are absent or make no sense."""
    config = read_if_small(folder / "config.json", LARGEST_CONFIG)
    facts = _pick(config, KEYS)
    facts = _pick(_text_config(config), KEYS) | facts
    architectures = config.get("architectures")
    if isinstance(architectures, list) and architectures and isinstance(architectures[0], str):
        facts["architecture"] = printable(architectures[0])
    facts |= attention_facts(config)
    return facts | _adapter_facts(read_if_small(folder / NAME, LARGEST_ADAPTER_CONFIG)) | training_facts(folder)


def _text_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The configuration of the language model inside a multimodal one; nothing without."""
    thinker = config.get("thinker_config")  # of Qwen's Omni models, beside that of the part that speaks
    around = [config, *([thinker] if isinstance(thinker, dict) else [])]
    found = (outer[key] for outer in around for key in TEXT_CONFIGS if isinstance(outer.get(key), dict))
    return next(found, {})


def quantisation(folder: Path) -> Mapping[str, Any]:
    """What config.json, or quantize_config.json of AutoGPTQ, says of how weights were quantised; nothing without."""
    config = read_if_small(folder / "config.json", LARGEST_CONFIG)
    sections = [
        config.get("quantization_config"),
        config.get("quantization"),
        read_if_small(folder / "quantize_config.json", LARGEST_CONFIG),
    ]
    return next((section for section in sections if isinstance(section, dict) and section), {})


def find_adapter_config(folder: Path, names: Iterable[str], metadata: str = "") -> AdapterConfig | None:
    """The config in the folder where tensors of these names are an adapter's; None where they are a model's.

    `metadata` is the JSON that diffusers keeps in the file itself. kohya, LyCORIS and diffusers without it need none:
    their tensors say how they are scaled.

    Raises MissingShard ("adapter-config") where an adapter has none, UnknownFormat ("adapter-method") where it names
    what states no change of weights, and DamagedFile ("adapter-settings") where it makes no sense.
    """
    all_names = list(names)
    path = folder / NAME
    if metadata and may_be_adapter(all_names):
        return metadata_config(metadata)
    if is_foreign(all_names) and says_its_scale(all_names):
        return AdapterConfig("LORA", {}, make_of(all_names))
    if not path.is_file():
        if is_adapter(all_names):
            text = f"these are the factors of an adapter, which say nothing without its config: upload {NAME} too"
            raise MissingShard(text, "adapter-config")
        return None
    if not may_be_adapter(all_names):
        return None  # the files of a model, and an adapter's config in the same folder
    size = path.stat().st_size
    if size > LARGEST_ADAPTER_CONFIG:
        text = f"{NAME} has {size:,} bytes; at most {LARGEST_ADAPTER_CONFIG:,} are read"
        raise UnknownFormat(text, "adapter-settings")
    try:
        fields = parse_file(path)
        return mlx_config(fields) if is_foreign(all_names) and "peft_type" not in fields else check_config(fields)
    except DamagedFile as error:
        raise DamagedFile(error.message, "adapter-settings") from None


def _adapter_facts(config: Mapping[str, Any]) -> dict[str, Fact]:
    facts = _pick(config, ADAPTER_KEYS)
    targets = config.get("target_modules")
    if isinstance(targets, list):
        targets = ", ".join(sorted(target for target in targets if isinstance(target, str)))
    if targets and (text := plain(targets)) is not None:
        facts["target_modules"] = text
    return facts


def _pick(config: Mapping[str, Any], keys: Mapping[str, tuple[str, ...]]) -> dict[str, Fact]:
    facts: dict[str, Fact] = {}
    for fact, names in keys.items():
        value = next((config[name] for name in names if config.get(name) is not None), None)
        if (plain_value := plain(value)) is not None:
            facts[fact] = plain_value
    return facts
