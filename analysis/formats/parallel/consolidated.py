"""Meta's checkpoints of Llama, and Mistral's: consolidated.00.pth, consolidated.01.pth, …, as fairscale splits layers.

https://github.com/meta-llama/llama-models, models/checkpoint.py: which layers are cut by rows, which by columns, and
that keys and values are repeated where there are more parts than heads of them. params.json and the shapes say whether
all parts are there, and along which axis the embedding is cut: Llama 1 and 2 by columns, Llama 3 by rows.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.errors import DamagedFile, MissingShard, escape
from analysis.formats.hostile_json import read_if_small
from analysis.formats.parallel.rules import Rule, check_names, merge, one_of, refusal
from analysis.formats.stored import Array, Aside, Contents, Fact

NAME = re.compile(r"consolidated[.-](\d{1,3})\.(pth|pt|safetensors)")
PARAMS = "params.json"
LARGEST_PARAMS = 2**20
ROWS = {"wq", "wk", "wv", "w1", "w3", "output", "c_fc", "_linear", "vision_projection"}
COLUMNS = {"wo", "w2", "c_proj"}
KEYS = {"wk", "wv"}
NORMS = {"norm", "attention_norm", "ffn_norm"}
EMBEDDING = "tok_embeddings"
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Sizes:
    """What params.json says, 0 where it says nothing; the width also from the norms, which are whole in every part."""

    width: int
    queries: int  # outputs of all heads together
    keys: int
    vocabulary: int


def parts_of(contents: Mapping[Path, Contents]) -> dict[int, Path]:
    """The files among these that are such parts, by their number. DamagedFile where a number is there twice."""
    found: dict[int, Path] = {}
    for path in contents:
        if (match := NAME.fullmatch(path.name)) is None:
            continue
        number = int(match[1])
        if number in found:
            raise DamagedFile(f"{escape(path.name)} is there twice. Give the parts of one model.", "duplicate-tensor")
        found[number] = path
    return dict(sorted(found.items()))


def join_consolidated(parts: Mapping[int, Path], contents: Mapping[Path, Contents]) -> Contents:
    """The model of these parts. Raises MissingShard where some are missing, and says which."""
    held = [contents[path] for path in parts.values()]
    if len(held) > 1 and _are_disjoint(held):  # Mixtral: whole tensors, each in one file
        return Contents({name: array for part in held for name, array in part.tensors.items()})
    shapes = {name: array.shape for name, array in held[0].tensors.items()}
    sizes = sizes_of(next(iter(parts.values())).parent, shapes)
    _check_numbers(parts, parts_needed(shapes, sizes))
    check_names({path: contents[path] for path in parts.values()})
    if len(held) == 1:
        return Contents(held[0].tensors)
    tensors: dict[str, Array] = {}
    aside: dict[str, Aside] = {}
    for name in shapes:
        found = _merge(name, [part.tensors[name] for part in held], shapes, sizes)
        if isinstance(found, Aside):
            aside[name] = found
        else:
            tensors[name] = found
    facts: dict[str, Fact] = {"parts": len(held)}
    return Contents(tensors, facts, aside)


def _are_disjoint(held: list[Contents]) -> bool:
    return sum(len(part.tensors) for part in held) == len({name for part in held for name in part.tensors})


def sizes_of(folder: Path, shapes: Shapes) -> Sizes:
    """The sizes of the model, from params.json and from the tensors that are whole in each part."""
    params = read_if_small(folder / PARAMS, LARGEST_PARAMS)
    norms = (shape[0] for name, shape in shapes.items() if _layer(name) in NORMS and len(shape) == 1)
    width, heads = _count(params, "dim") or next(norms, 0), _count(params, "n_heads")
    size = _count(params, "head_dim") or (width // heads if heads else 0)
    keys = (_count(params, "n_kv_heads") or heads) * size
    return Sizes(width, heads * size, keys, _count(params, "vocab_size"))


def _count(params: Mapping[str, Any], key: str) -> int:
    value = params.get(key)
    return value if type(value) is int and 0 < value < 2**40 else 0


def _layer(name: str) -> str:
    return name.split(".")[-2] if "." in name else ""


def parts_needed(shapes: Shapes, sizes: Sizes) -> int:
    """How many parts of these shapes make the model; 0 where nothing says it."""
    for name, shape in shapes.items():
        if name.startswith("vision_") or len(shape) != 2 or 0 in shape:
            continue
        rows, columns = shape
        if _layer(name) == EMBEDDING and columns < sizes.width:
            return sizes.width // columns if sizes.width % columns == 0 else 0
        whole = {EMBEDDING: sizes.vocabulary, "wq": sizes.queries or columns}.get(_layer(name), 0)
        if whole and whole % rows == 0:
            return whole // rows
    return 0


def _check_numbers(parts: Mapping[int, Path], needed: int) -> None:
    most = max(needed, max(parts) + 1)
    name = next(iter(parts.values())).name
    missing = [number for number in range(most) if number not in parts]
    if missing:
        listed = ", ".join(str(number) for number in missing[:8]) + (", …" if len(missing) > 8 else "")
        raise MissingShard(
            f"{escape(name)} is one of {most} parts, which each hold a part of every tensor (tensor parallel), and the "
            f"parts {listed} are not there. Give all of them, with {PARAMS}."
        )
    if needed and needed < len(parts):
        raise DamagedFile(
            f"{len(parts)} parts like {escape(name)} are here, but by their shapes and {PARAMS} {needed} make the "
            "model. Give the parts of one model.",
            "bad-offsets",
        )


def _merge(name: str, arrays: list[Array], shapes: Shapes, sizes: Sizes) -> Array | Aside:
    rule = rule_of(name, shapes, sizes, len(arrays))
    if rule is not None:
        return merge(name, arrays, rule)
    return one_of(name, arrays, _layer(name) in NORMS)


def rule_of(name: str, shapes: Shapes, sizes: Sizes, count: int) -> Rule | None:
    """How the parts of this tensor lie in the whole; None of one that each part should have whole."""
    layer, leaf, shape = _layer(name), name.rpartition(".")[2], shapes[name]
    if leaf == "bias":
        return Rule(0) if layer in ROWS and len(shape) == 1 else None
    if leaf != "weight" or len(shape) != 2:
        return None
    if layer in KEYS and not name.startswith("vision_"):
        return Rule(0, copies=_copies(name, shape[0] * count, sizes.keys, count))
    if layer == "wqkv":
        return Rule(0, blocks=_fused_blocks(name, shapes))
    if layer == EMBEDDING:
        return _embedding_rule(name, shape, sizes.width, count)
    return Rule(0) if layer in ROWS else Rule(1) if layer in COLUMNS else None


def _copies(name: str, rows: int, wanted: int, count: int) -> int:
    """How many consecutive parts share a head of keys and values."""
    if not wanted or rows == wanted:
        return 1
    copies, left = divmod(rows, wanted)
    if left or count % copies:
        text = f"tensor {escape(name)} has {rows:,} rows in all parts together, and {PARAMS} says {wanted:,}"
        raise DamagedFile(f"{text}. Give the {PARAMS} of the same model.", "bad-offsets")
    return copies


def _fused_blocks(name: str, shapes: Shapes) -> tuple[int, ...]:
    """Queries, keys and values in one: as many queries as the output projection takes."""
    output = shapes.get(name.replace("wqkv", "wo"), ())
    rows = shapes[name][0]
    left = rows - output[1] if len(output) == 2 else 0
    if left <= 0 or left % 2:
        raise refusal(f"how many rows of {escape(name)} are queries is not known")
    return rows - left, left // 2, left // 2


def _embedding_rule(name: str, shape: tuple[int, ...], width: int, count: int) -> Rule:
    if shape[1] * count == width:
        return Rule(1)
    if shape[1] == width:
        return Rule(0)
    raise refusal(f"whether {escape(name)} is divided by rows or by columns is not known: {PARAMS} has to say its dim")
