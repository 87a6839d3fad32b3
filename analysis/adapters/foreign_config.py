"""Configs of adapters that PEFT did not save: MLX's adapter_config.json, and what diffusers keeps in the file."""

import json
import re
from collections.abc import Mapping
from typing import Any

from analysis.adapters import patterns
from analysis.adapters.config import AdapterConfig
from analysis.errors import DamagedFile, escape

LONGEST = 2**20  # characters of the JSON in a file
DIFFUSERS = "the lora_adapter_metadata in the file"


def mlx_config(said: Mapping[str, Any]) -> AdapterConfig:
    """Of mlx-lm: its lora_parameters have the scale itself, and not alpha. Raises DamagedFile."""
    parameters = said.get("lora_parameters")
    scale = parameters.get("scale") if isinstance(parameters, dict) else None
    config = AdapterConfig("LORA", {"scale": scale}, "MLX")
    config.number("scale")
    return config


def metadata_config(text: str) -> AdapterConfig:
    """Of diffusers: PEFT's settings for each part of a pipeline, "unet.lora_alpha". Raises DamagedFile."""
    settings = _parse(text)
    parts: dict[str, dict[str, Any]] = {}
    for key, value in settings.items():
        part, _, setting = str(key).partition(".")
        parts.setdefault(part, {})[setting] = value
    first = next(iter(parts.values()))
    fields: dict[str, Any] = {
        name: first[name] for name in ("use_rslora", "use_dora", "init_lora_weights") if name in first
    }
    alphas: dict[str, Any] = {}
    for part, part_settings in parts.items():
        alphas |= _alphas(part, part_settings)
    config = AdapterConfig(
        "LORA", fields | {"lora_alpha": first.get("lora_alpha"), "alpha_pattern": alphas}, "diffusers"
    )
    config.number("lora_alpha")
    patterns.check(alphas, DIFFUSERS)
    return config


def _parse(text: str) -> dict[str, Any]:
    try:
        fields = json.loads(text) if len(text) <= LONGEST else None
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict) or not fields:
        raise DamagedFile(
            f"{DIFFUSERS} is not valid JSON with settings: {escape(text)}. Save the adapter again.", "adapter-settings"
        )
    return fields


def _alphas(part: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """The part's own patterns and then its alpha, under the names that its modules have in the file."""
    prefix = re.escape(part)
    own = said.get("alpha_pattern")
    inner = {
        rf"{prefix}\.{key[1:]}" if key.startswith("^") else rf"{prefix}\.(?:.*\.)?(?:{key})": value
        for key, value in (own.items() if isinstance(own, dict) else ())
        if isinstance(key, str)
    }
    return {**inner, rf"{prefix}\..*": said.get("lora_alpha")}
