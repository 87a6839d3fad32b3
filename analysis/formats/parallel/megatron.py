"""Megatron's checkpoints: mp_rank_00/model_optim_rng.pt, mp_rank_01/…, a folder for each rank of tensor parallelism.

Megatron-LM, tools/checkpoint/loader_base.py, has how each layer is divided; megatron/training/checkpointing.py, the
folders. The arguments of the training in each file (`args`) say how many ranks there are, and whether layers have
gates, of whose two halves each rank has a part. Pipeline stages and ranks of experts are not put together.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.attention import attention_facts
from analysis.errors import DamagedFile, MissingShard, UnknownFormat, escape
from analysis.formats.parallel.rules import Rule, called, check_names, merge, one_of, refusal
from analysis.formats.parallel.zero_files import read_root
from analysis.formats.parts import set_aside
from analysis.formats.pytorch.objects import Foreign
from analysis.formats.stored import Array, Aside, Contents, Fact

NAMES = ("model_optim_rng.pt", "model_rng.pt")
RANK = re.compile(r"mp_rank_(\d+)(?:_\d+)*")
ROWS = {"word_embeddings", "output_layer", "linear_qkv", "query_key_value"}
COLUMNS = {"linear_proj", "linear_fc2", "dense_4h_to_h"}
GATED = {"linear_fc1", "dense_h_to_4h"}
GATES = ("swiglu", "quick_geglu", "gated_linear_unit")  # arguments that say so
STATE = "_extra_state"  # of Transformer Engine: scales of fp8
RANKS_OWN = "state of a layer that each rank has of its own, no weight"


def megatron_files(contents: Mapping[Path, Contents]) -> list[Path]:
    """The files among these that a rank of Megatron saved, by its rank."""
    return sorted((path for path in contents if path.name in NAMES), key=lambda path: (_rank(path), str(path)))


def _rank(path: Path) -> int:
    match = RANK.fullmatch(path.parent.name)
    return int(match[1]) if match else 0


def join_megatron(paths: Sequence[Path], contents: Mapping[Path, Contents]) -> Contents:
    """The model of these ranks. Raises MissingShard where some are missing, UnknownFormat where it cannot be known."""
    held = {path: contents[path] for path in paths}
    said = [_arguments(path) for path in paths]
    if said[0] is None:
        if len(paths) > 1:
            raise refusal(f"{called(paths[0])} holds no args of the training, which say how")
        return held[paths[0]]
    arguments = said[0]
    _check_layout(paths, said, arguments)
    facts: dict[str, Fact] = {**_facts(arguments)}
    if len(paths) == 1:
        return Contents(held[paths[0]].tensors, facts)
    check_names(held)
    tensors: dict[str, Array] = {}
    aside: dict[str, Aside] = {}
    for name in held[paths[0]].tensors:
        found = _merge(name, [held[path].tensors[name] for path in paths], arguments)
        if isinstance(found, Aside):
            aside[name] = found
        else:
            tensors[name] = found
    return Contents(tensors, {**facts, "parts": len(paths)}, aside)


def _arguments(path: Path) -> Mapping[Any, Any] | None:
    """The namespace of the training's arguments, with the iteration; None where the file has none."""
    try:
        root = read_root(path)[1]
    except UnknownFormat:  # as PyTorch before 1.6 saved
        return None
    told = root.get("args")
    if not isinstance(told, Foreign):
        return None
    return {**told.state, "iteration": root.get("iteration"), "chunks": "model0" in root or "model1" in root}


def _count(arguments: Mapping[Any, Any], *names: str) -> int:
    value = next((arguments[name] for name in names if arguments.get(name) is not None), 0)
    return value if type(value) is int and 0 < value < 2**31 else 0


def _check_layout(
    paths: Sequence[Path], said: Sequence[Mapping[Any, Any] | None], arguments: Mapping[Any, Any]
) -> None:
    """All ranks are there, of one save, and divided along tensors only."""
    ranks = _count(arguments, "tensor_model_parallel_size", "model_parallel_size") or 1
    stages, experts = (_count(arguments, f"{kind}_model_parallel_size") for kind in ("pipeline", "expert"))
    if stages > 1 or experts > 1 or arguments["chunks"]:
        what = f"{stages} stages of a pipeline" if stages > 1 else f"{max(experts, 1)} ranks of experts, or chunks"
        raise refusal(f"{called(paths[0])} says that layers lie in {what}, whose names and numbers start anew in each")
    if _count(arguments, "expert_tensor_parallel_size") not in (0, ranks):
        raise refusal(f"{called(paths[0])} says that experts are divided among other ranks than the rest")
    there = [_rank(path) for path in paths]
    missing = [rank for rank in range(min(ranks, len(paths) + 8)) if rank not in there]
    if missing:
        raise MissingShard(
            f"{called(paths[0])} is one of {ranks:,} parts of each tensor (tensor parallel), and that of rank "
            f"{', '.join(map(str, missing[:8]))} is not there. Give the folder that holds all mp_rank_… folders."
        )
    if len(there) != ranks or any(_key(one) != _key(arguments) for one in said):
        raise DamagedFile(
            f"{called(paths[0])} and the others are of different saves: it says that there are {ranks:,} ranks, "
            f"{len(there):,} files are there, and all should say the same. Give the files of one save.",
            "bad-header",
        )


def _key(arguments: Mapping[Any, Any] | None) -> tuple[object, ...]:
    names = ("tensor_model_parallel_size", "model_parallel_size", "iteration", "hidden_size", "num_layers", "swiglu")
    return tuple(str((arguments or {}).get(name)) for name in names)


def _facts(arguments: Mapping[Any, Any]) -> dict[str, Fact]:
    """The heads of its attention, whose projection holds one group after the other."""
    heads = _count(arguments, "num_attention_heads")
    groups = _count(arguments, "num_query_groups") if arguments.get("group_query_attention") is True else heads
    told = {"num_attention_heads": heads, "num_key_value_heads": groups, "model_type": "megatron"}
    width, size = _count(arguments, "hidden_size"), _count(arguments, "kv_channels")
    return attention_facts({**told, "hidden_size": width, "head_dim": size}) if heads else {}


def _merge(name: str, arrays: list[Array], arguments: Mapping[Any, Any]) -> Array | Aside:
    if name.endswith(STATE):
        return set_aside(arrays[0], RANKS_OWN)
    rule = rule_of(name, arrays, arguments)
    layer, leaf = _ends(name)
    return merge(name, arrays, rule) if rule is not None else one_of(name, arrays, "norm" in layer or "norm" in leaf)


def _ends(name: str) -> tuple[str, str]:
    above, _, leaf = name.rpartition(".")
    return above.rpartition(".")[2], leaf


def rule_of(name: str, arrays: Sequence[Array], arguments: Mapping[Any, Any]) -> Rule | None:
    """How the parts of this tensor lie in the whole; None of one that each rank should have whole."""
    layer, leaf = _ends(name)
    if leaf not in ("weight", "bias") or not arrays[0].shape:
        return None
    if layer in GATED:
        return _gated_rule(name, arrays[0].shape[0], len(arrays), arguments)
    if layer in ROWS:
        groups = _count(arguments, "num_query_groups") if arguments.get("group_query_attention") is True else 0
        if groups % len(arrays) and layer in ("linear_qkv", "query_key_value"):
            raise refusal(f"there are more ranks than groups of keys and values ({groups:,})")
        return Rule(0)
    is_output = layer in COLUMNS or (layer == "dense" and "attention" in name)
    return Rule(1) if is_output and leaf == "weight" and len(arrays[0].shape) == 2 else None


def _gated_rule(name: str, rows: int, ranks: int, arguments: Mapping[Any, Any]) -> Rule:
    """Where layers have gates, each rank has a part of the gate, and below it a part of the rest."""
    gated = any(arguments.get(flag) is True for flag in GATES) or bool(arguments.get("glu_activation"))
    if not gated and not any(flag in arguments for flag in (*GATES, "glu_activation")):
        inner = _count(arguments, "ffn_hidden_size")
        if rows * ranks not in (inner, 2 * inner):
            raise refusal(f"the args do not say whether {escape(name)} has a gate")
        gated = rows * ranks == 2 * inner
    if gated and rows % 2:
        raise DamagedFile(f"tensor {escape(name)} has {rows:,} rows, which do not make two halves", "bad-offsets")
    return Rule(0, blocks=(rows // 2, rows // 2)) if gated else Rule(0)
