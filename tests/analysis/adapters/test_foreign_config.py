"""Configs of MLX and of diffusers."""

import json
from typing import Any

import pytest

from analysis.adapters.foreign_config import LONGEST, metadata_config, mlx_config
from analysis.errors import DamagedFile


def test_mlx_says_its_scale() -> None:
    config = mlx_config({"fine_tune_type": "lora", "lora_parameters": {"rank": 8, "scale": 20.0, "alpha": 16}})
    assert (config.make, config.number("scale"), config.is_delegated) == ("MLX", 20.0, False)


@pytest.mark.parametrize("said", [{}, {"lora_parameters": []}, {"lora_parameters": {"scale": "20"}}])
def test_mlx_without_a_scale_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(DamagedFile, match="scale"):
        mlx_config(said)


def test_each_part_of_a_pipeline_has_its_own_alpha() -> None:
    said = {
        "unet.r": 4, "unet.lora_alpha": 8, "unet.alpha_pattern": {"to_k": 2, "^mid.to_v": 3},
        "text_encoder.r": 2, "text_encoder.lora_alpha": 1,
    }  # fmt: skip
    config = metadata_config(json.dumps(said))
    modules = ("unet.mid.to_q", "unet.mid.to_k", "unet.mid.to_v", "unet.a.mid.to_v", "text_encoder.l.0.q", "other.q")
    assert [config.of_module("lora_alpha", "alpha_pattern", name) for name in modules] == [8, 2, 3, 8, 1, 8]


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, "{" + " " * LONGEST + "}", '{"unet.lora_alpha": "x"}'])
def test_metadata_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(DamagedFile) as caught:
        metadata_config(text)
    if "unet" not in text:
        assert caught.value.code == "adapter-settings"
