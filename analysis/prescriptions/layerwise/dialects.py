"""The same value for each layer as parameter groups of several trainers.

Layers whose ratios to the base agree to three digits share a group: hundreds of groups slow an optimizer.
"""

import re
from collections.abc import Mapping, Sequence

from analysis.prescriptions.layerwise.own_names import names_in_fairseq2, names_in_torchtitan
from analysis.prescriptions.writing import to_bytes, to_yaml

Groups = Sequence[tuple[float, Sequence[str]]]  # a value, and the parameters that have it

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

TORCHTITAN_LOADER = '''"""Groups for torchtitan 0.3: OptimizersContainer.Config(param_groups=param_groups(eps=1e-8))."""
import json

from torchtitan.components.optimizer import ParamGroupConfig


def param_groups(path="torchtitan.json", **settings):
    """The settings are those that all groups share: torchtitan has no defaults of its own."""
    with open(path) as file:
        groups = json.load(file)
    for group in groups:
        group["optimizer_kwargs"] = {**settings, **group["optimizer_kwargs"]}
    return [ParamGroupConfig(**group) for group in groups]
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


def learning_rate_files(values: Mapping[str, float], base: float, embeddings: Sequence[str] = ()) -> dict[str, bytes]:
    """Absolute rates for PyTorch, axolotl, fairseq2 and torchtitan, multipliers for NeMo.

    `embeddings`: names whose rate axolotl takes from `embedding_lr`, whatever its groups say.
    """
    groups = grouped(values, base)
    fairseq2 = [{"params": [pattern(names_in_fairseq2(names))], "lr": lr} for lr, names in groups]
    return {
        "optimizer_groups.json": to_bytes([{"params": names, "lr": lr} for lr, names in groups]),
        "optimizer_groups.py": LOADER.encode(),
        "axolotl.yaml": _axolotl(values, base, embeddings),
        "fairseq2.yaml": to_yaml({"groups": fairseq2}),
        "nemo_automodel.yaml": _nemo(groups, base, "lr_mult"),
        **_torchtitan(groups, base, "lr"),
    }


def weight_decay_files(values: Mapping[str, float], base: float) -> dict[str, bytes]:
    """Absolute decays for PyTorch and torchtitan, multipliers for NeMo; axolotl's groups take no decay."""
    groups = grouped(values, base)
    return {
        "optimizer_groups.json": to_bytes([{"params": names, "weight_decay": decay} for decay, names in groups]),
        "optimizer_groups.py": LOADER.encode(),
        "nemo_automodel.yaml": _nemo(groups, base, "wd_mult"),
        **_torchtitan(groups, base, "weight_decay"),
    }


def _axolotl(values: Mapping[str, float], base: float, embeddings: Sequence[str]) -> bytes:
    """Groups of full names. Embeddings and heads are never in one: axolotl has one rate for both."""
    inner = {name: value for name, value in values.items() if name not in embeddings}
    groups = [
        {"name": f"group_{index}", "modules": names, "lr": lr} for index, (lr, names) in enumerate(grouped(inner, base))
    ]
    outer = next((values[name] for name in embeddings if name in values), None)
    settings = {"learning_rate": base, **({} if outer is None else {"embedding_lr": outer}), "lr_groups": groups}
    return to_yaml(settings, "Not together with loraplus_lr_ratio.")


def _nemo(groups: Groups, base: float, key: str) -> bytes:
    rows = [{"pattern": pattern(names), key: round(value / base, 3)} for value, names in groups]
    return to_yaml({"param_group_overrides": rows})


def _torchtitan(groups: Groups, base: float, key: str) -> dict[str, bytes]:
    """Fields of ParamGroupConfig as of 0.3: each pattern has to fit a parameter, and the last one takes the others."""
    rows = [(pattern(names_in_torchtitan(names)), value) for value, names in groups]
    told = [
        {"pattern": text, "optimizer_name": "AdamW", "optimizer_kwargs": {key: value}}
        for text, value in (*rows, (".*", base))
    ]
    return {"torchtitan.json": to_bytes(told), "torchtitan_groups.py": TORCHTITAN_LOADER.encode()}
