"""What to call a checkpoint whose file name says nothing, out of what its files say."""

import re
from collections.abc import Mapping
from typing import Any

USUAL = re.compile(
    r"(model|pytorch_model|adapter_model|diffusion_pytorch_model|consolidated|checkpoint|weights|tf_model|flax_model)"
    r"([._-]?\d+(-of-\d+)?)?(\.index)?\.(safetensors|bin|pt|pth|ckpt|h5|msgpack|npz|json|onnx|gguf)",
    re.IGNORECASE,
)
STEP = re.compile(r"(checkpoint|step|global_step|epoch)[-_]?\d+", re.IGNORECASE)


def is_usual(name: str) -> bool:
    """Whether a name is one that every model's file has.

    >>> is_usual("model-00001-of-00002.safetensors"), is_usual("run-7.safetensors")
    (True, False)
    """
    return name == "unnamed" or USUAL.fullmatch(name) is not None


def guess(facts: Mapping[str, Any]) -> str | None:
    """A name out of the facts; None where they have none.

    >>> guess({"name_or_path": "org/MiniLM"}), guess({"name_or_path": "./out/checkpoint-500/"}), guess({"width": 8})
    ('MiniLM', 'out/checkpoint-500', None)
    >>> guess({"method": "LORA", "base_model": "org/Llama"})
    'LORA of Llama'
    """
    base = _last(facts.get("base_model"))
    if base and facts.get("method"):
        return f"{facts['method']} of {base}"
    return _last(facts.get("name_or_path")) or None


def _last(path: object) -> str:
    """The part of a path that names a model: two parts where the last is a step."""
    parts = [part for part in str(path or "").replace("\\", "/").split("/") if part not in ("", ".", "..")]
    count = 2 if parts and STEP.fullmatch(parts[-1]) else 1
    return "/".join(parts[-count:])
