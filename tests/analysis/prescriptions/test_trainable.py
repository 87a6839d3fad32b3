"""Spectrum's list: the authors' ratios and choices, and a file that axolotl's matching reads as it is meant."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from analysis.errors import UnmeasuredLayer, UnreachableTarget
from analysis.prescriptions.naming import module_of
from analysis.prescriptions.trainable import count_of, slug
from tests.analysis.prescriptions.golden import PROJECTIONS, llama, members, model, prescribe, save, told

SPECTRUM = told()["spectrum"]


def axolotl_matches(pattern: str, name: str) -> bool:
    """As utils/freeze.py has it: every dot that is not before a plus is escaped, and the start is anchored."""
    return re.match(re.sub(r"\.(?!\+)", r"\\.", pattern), name) is not None


def test_the_ratios_are_those_of_the_authors() -> None:
    found = {module_of(name): value for name, value in prescribe("trainable", model()).entries.items()}
    assert found.keys() == SPECTRUM["snr"].keys()
    assert [found[name] for name in found] == pytest.approx([SPECTRUM["snr"][n]["snr"] for n in found], rel=1e-5)


@pytest.mark.parametrize("percent", [25, 50])
def test_the_choice_and_its_order_are_those_of_the_authors(percent: int) -> None:
    (wanted,) = [names for file, names in SPECTRUM["unfrozen"].items() if f"_{percent}percent" in file]
    found = prescribe("trainable", model(), fraction=percent / 100)
    said = [*(f"^{n}$" for n in found.answer.extra["always"]), *map(module_of, found.answer.extra["chosen"])]
    assert said == wanted


def test_axolotl_unfreezes_exactly_the_chosen_ones(tmp_path: Path) -> None:
    given = members(save(llama(layers=12), tmp_path / "model.safetensors"))
    found = prescribe("trainable", given, fraction=0.3)
    patterns = yaml.safe_load(found.answer.files["unfrozen_parameters.yaml"])["unfrozen_parameters"]
    names = [info.name for info in given.checkpoints[0].tensors]
    trained = {name for name in names if any(axolotl_matches(pattern, name) for pattern in patterns)}
    assert trained == {*found.answer.extra["chosen"], *found.answer.extra["always"]}
    assert len(found.answer.extra["chosen"]) == 3 * len(PROJECTIONS)


def test_an_escaped_dot_would_match_nothing_in_axolotl() -> None:
    assert not axolotl_matches(r"^model\.layers\.1\.mlp\.gate_proj\.weight$", "model.layers.1.mlp.gate_proj.weight")


def test_a_router_does_not_take_the_gate_projection(tmp_path: Path) -> None:
    tensors = llama(layers=2)
    extra = {f"model.layers.{n}.mlp.gate.weight": torch.randn(8, 64, generator=torch.Generator().manual_seed(n))
             for n in range(2)}  # fmt: skip
    found = prescribe("trainable", members(save(tensors | extra, tmp_path / "m.safetensors")))
    types = {more["type"] for more in found.answer.details.values()}
    assert {"mlp.gate", "mlp.gate_proj"} <= types
    assert sum(more["trained"] is True for more in found.answer.details.values()) == len(types)


def test_the_plugins_file_has_module_names_and_types() -> None:
    found = prescribe("trainable", model(), model="some-org/A_model")
    told_ = json.loads(found.answer.files["model_snr_results/snr_results_some-org-A-model.json"])
    assert told_["model.layers.0.mlp.down_proj"]["type"] == "mlp.down_proj"
    assert slug("../..//x") == "-..-x"


def test_a_share_below_one_layer_says_so() -> None:
    assert count_of(3, 0.25) == 0
    with pytest.raises(UnreachableTarget, match=r"fraction of 0\.25 or more"):
        prescribe("trainable", model(), fraction=0.2)
    assert prescribe("trainable", model(), fraction=0.25).answer.extra["chosen"]


@pytest.mark.parametrize(("layers", "fraction", "count"), [(100, 0.29, 29), (4, 0.5, 2), (7, 1.0, 7), (10, 0.7, 7)])
def test_the_share_is_rounded_down_as_whole_percents_are(layers: int, fraction: float, count: int) -> None:
    assert count_of(layers, fraction) == count == int(layers * round(100 * fraction) / 100 + 1e-9)


def test_a_layer_with_nan_is_named(tmp_path: Path) -> None:
    tensors = llama()
    tensors["model.layers.1.mlp.up_proj.weight"][3, 3] = np.nan
    with pytest.raises(UnmeasuredLayer, match=r"layers\.1\.mlp\.up_proj"):
        prescribe("trainable", members(save(tensors, tmp_path / "m.safetensors")))


def test_a_model_without_blocks_is_refused(tmp_path: Path) -> None:
    path = save({"head.weight": torch.randn(20, 20)}, tmp_path / "m.safetensors")
    with pytest.raises(UnreachableTarget, match="no matrix lies in a numbered block"):
        prescribe("trainable", members(path))
