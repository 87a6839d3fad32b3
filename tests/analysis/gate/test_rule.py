"""Rules: which layers they are about."""

from typing import Any

import pytest

from analysis.gate.rule import Layers


@pytest.mark.parametrize(
    ("layers", "matches"),
    [
        ({}, True),
        ({"name": ("*.q_proj.*",)}, True),
        ({"name": ("*.k_proj.*", "model.layers.3.*")}, True),
        ({"name": ("*.Q_PROJ.*",)}, False),
        ({"except": ("*.q_proj.*",)}, False),
        ({"role": ("k", "v")}, False),
        ({"depth": (0, 3)}, True),
        ({"depth": (4, 9)}, False),
        ({"name": ("*q_proj*",), "role": ("q",), "depth": (3, 3)}, True),
        ({"name": ("*q_proj*",), "role": ("k",), "depth": (3, 3)}, False),
    ],
)
def test_layers_are_those_that_every_condition_holds_for(layers: dict[str, Any], matches: bool) -> None:
    assert Layers.model_validate(layers).match("model.layers.3.self_attn.q_proj.weight", "q", 3) is matches


def test_outside_the_blocks_there_is_no_depth() -> None:
    assert not Layers.model_validate({"depth": (0, 100)}).match("lm_head.weight", "head", None)
