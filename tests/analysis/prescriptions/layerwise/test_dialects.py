"""The groups as each trainer reads them: every parameter in the group that was meant for it, and no other."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import yaml
from torch import nn

from analysis.prescriptions.layerwise.dialects import grouped, learning_rate_files, pattern, weight_decay_files

NAMES = [f"model.layers.{n}.mlp.up_proj.weight" for n in range(12)]
VALUES = {name: 1e-3 * (1.0 + 0.01 * (n // 2)) for n, name in enumerate(NAMES)}
OTHERS = ["model.norm.weight", "model.layers.1.mlp.gate_up_proj.weight", "xmodel.layers.1.mlp.up_proj.weight"]
FILES = learning_rate_files(VALUES, 1e-3)


def rates(groups: list[dict[str, Any]], key: str, matches: Any) -> dict[str, float]:
    """The value of the first group that fits each name."""
    found = {}
    for name in [*NAMES, *OTHERS]:
        value = next((group[key] for group in groups if matches(group, name)), None)
        if value is not None:
            found[name] = value
    return found


def near(found: dict[str, float], wanted: dict[str, float]) -> bool:
    return found.keys() == wanted.keys() and all(abs(found[n] / wanted[n] - 1) < 1e-3 for n in wanted)


def test_values_that_agree_to_three_digits_share_a_group() -> None:
    assert [len(names) for _, names in grouped(VALUES, 1e-3)] == [2] * 6


def test_nemo_searches_and_the_first_pattern_wins() -> None:
    groups = yaml.safe_load(FILES["nemo_automodel.yaml"])["param_group_overrides"]
    found = rates(groups, "lr_mult", lambda group, name: re.search(group["pattern"], name))
    assert near(found, {name: value / 1e-3 for name, value in VALUES.items()})


def test_torchtitan_and_fairseq2_match_the_same() -> None:
    *titan, rest = json.loads(FILES["torchtitan.json"])
    assert rest == {"pattern": ".*", "optimizer_name": "AdamW", "optimizer_kwargs": {"lr": 1e-3}}
    flat = [{**group, **group["optimizer_kwargs"]} for group in titan]
    assert near(rates(flat, "lr", lambda g, n: re.search(g["pattern"], n)), VALUES)
    groups = yaml.safe_load(FILES["fairseq2.yaml"])["groups"]
    assert near(rates(groups, "lr", lambda g, n: any(re.match(p, n) for p in g["params"])), VALUES)


def test_axolotl_tests_for_substrings() -> None:
    groups = yaml.safe_load(FILES["axolotl.yaml"])["lr_groups"]
    found = rates(groups, "lr", lambda group, name: any(module in name for module in group["modules"]))
    assert near({name: rate for name, rate in found.items() if name in VALUES}, VALUES)
    assert "model.norm.weight" not in found


def test_axolotl_has_one_rate_for_embeddings_and_heads() -> None:
    values = VALUES | {"model.embed_tokens.weight": 5e-3, "lm_head.weight": 5e-3}
    files = learning_rate_files(values, 1e-3, ["model.embed_tokens.weight", "lm_head.weight"])
    told = yaml.safe_load(files["axolotl.yaml"])
    assert told["embedding_lr"] == 5e-3
    assert not any("embed" in name or "head" in name for group in told["lr_groups"] for name in group["modules"])
    assert "embedding_lr" not in yaml.safe_load(FILES["axolotl.yaml"])


def test_the_loader_gives_pytorch_every_parameter_once(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4, bias=False))
    (tmp_path / "g.json").write_bytes(weight_decay_files({"0.weight": 0.2}, 0.1)["optimizer_groups.json"])
    loader = SimpleNamespace()
    exec(FILES["optimizer_groups.py"], vars(loader))
    optimizer = torch.optim.AdamW(loader.parameter_groups(model, tmp_path / "g.json"), lr=1e-3, weight_decay=0.1)
    assert [(len(g["params"]), g["weight_decay"]) for g in optimizer.param_groups] == [(1, 0.2), (2, 0.1)]


def test_a_pattern_fits_its_names_alone() -> None:
    assert not re.search(pattern(["layers.1.w"]), "layers.11.w")
    assert not re.search(pattern(["layers.1.w"]), "layersx1.w")
