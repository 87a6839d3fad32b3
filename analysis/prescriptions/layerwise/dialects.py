"""The same value for each layer as parameter groups of several trainers.

Layers whose ratios to the base agree to three digits share a group: hundreds of groups slow an optimizer.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.prescriptions.writing import to_bytes, to_yaml

LOADER = '''"""Parameter groups for torch.optim: what optimizer_groups.json names, and the others with the defaults."""
import json


def parameter_groups(model, path="optimizer_groups.json"):
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    with open(path) as file:
        groups = json.load(file)
    for group in groups:
        group["params"] = [named.pop(name) for name in group["params"] if name in named]
    return [*(group for group in groups if group["params"]), {"params": list(named.values())}]
'''


def grouped(values: Mapping[str, float], base: float) -> list[tuple[float, list[str]]]:
    """The values, rounded to three digits of their ratio to the base, each with its parameters; low ones first.

    >>> grouped({"a": 0.1, "b": 0.10001, "c": 0.2}, 0.1)
    [(0.1, ['a', 'b']), (0.2, ['c'])]
    """
    groups: dict[float, list[str]] = {}
    for name, value in values.items():
        groups.setdefault(round(value / base, 3), []).append(name)
    return [(ratio * base, groups[ratio]) for ratio in sorted(groups)]


def pattern(names: Sequence[str]) -> str:
    r"""A regular expression that fits these names and no other, whether it is searched or matched.

    >>> pattern(["a.weight"])
    '^(?:a\\.weight)$'
    """
    return f"^(?:{'|'.join(map(re.escape, names))})$"


def learning_rate_files(values: Mapping[str, float], base: float) -> dict[str, bytes]:
    """Absolute rates for PyTorch, axolotl and fairseq2, multipliers for torchtitan and NeMo."""
    groups = grouped(values, base)
    axolotl = [{"name": f"group_{index}", "modules": names, "lr": lr} for index, (lr, names) in enumerate(groups)]
    return {
        "optimizer_groups.json": to_bytes([{"params": names, "lr": lr} for lr, names in groups]),
        "optimizer_groups.py": LOADER.encode(),
        "axolotl.yaml": to_yaml({"learning_rate": base, "lr_groups": axolotl}, "Not together with loraplus_lr_ratio."),
        "fairseq2.yaml": to_yaml({"groups": [{"params": [pattern(names)], "lr": lr} for lr, names in groups]}),
        **_multipliers(groups, base, "lr_multiplier", "lr_mult"),
    }


def weight_decay_files(values: Mapping[str, float], base: float) -> dict[str, bytes]:
    """Absolute decays for PyTorch, multipliers for torchtitan and NeMo; axolotl's groups take no decay."""
    groups = grouped(values, base)
    return {
        "optimizer_groups.json": to_bytes([{"params": names, "weight_decay": decay} for decay, names in groups]),
        "optimizer_groups.py": LOADER.encode(),
        **_multipliers(groups, base, "weight_decay_multiplier", "wd_mult"),
    }


def _multipliers(
    groups: Sequence[tuple[float, Sequence[str]]], base: float, torchtitan: str, nemo: str
) -> dict[str, bytes]:
    def rows(key: str) -> list[dict[str, Any]]:
        return [{"pattern": pattern(names), key: round(value / base, 3)} for value, names in groups]

    return {
        "torchtitan.json": to_bytes(rows(torchtitan)),
        "nemo_automodel.yaml": to_yaml({"param_group_overrides": rows(nemo)}),
    }
