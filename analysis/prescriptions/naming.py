"""Names of layers as other tools write them, and the order in which a model's modules come."""

import re
from collections.abc import Sequence
from itertools import pairwise

from analysis.diagnostic import Row
from analysis.names.table import ROLES

NUMBER = re.compile(r"\.\d+\.")
ENDINGS = (".weight", ".kernel")
FIRST, LAST = ("embedding", "position"), ("pooler", "head")


def module_of(tensor: str) -> str:
    """The module whose parameter a tensor is.

    >>> module_of("model.layers.3.mlp.up_proj.weight")
    'model.layers.3.mlp.up_proj'
    """
    for ending in ENDINGS:
        if tensor.endswith(ending):
            return tensor.removesuffix(ending)
    return tensor


def type_of(tensor: str) -> str | None:
    """The kind of a layer, as Spectrum has it: its module's path after the first number. None where there is none.

    >>> type_of("model.layers.3.mlp.up_proj.weight")
    'mlp.up_proj'
    """
    parts = NUMBER.split(module_of(tensor), maxsplit=1)
    return parts[1] if len(parts) > 1 else None


def block_of(tensor: str) -> str | None:
    """The path of the block that a tensor lies in: its name up to the first number. None outside the blocks.

    >>> block_of("model.layers.3.mlp.up_proj.weight")
    'model.layers.3'
    """
    match = NUMBER.search(tensor)
    return tensor[: match.end() - 1] if match else None


def numeric(name: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts layers.2 before layers.10."""
    return tuple((0, int(word), "") if word.isdigit() else (1, 0, word) for word in name.split("."))


def in_module_order(rows: Sequence[Row]) -> list[Row]:
    """The rows as a model's `named_modules` has them: embeddings, blocks by number, poolers and heads.

    Files in the format safetensors are sorted by name, so that the order of modules is lost: within a block it is
    taken from the roles (query, key, value, output, gate, up, down). Files that keep an order are left in it.
    """
    names = [row.weight.tensor for row in rows]
    return sorted(rows, key=_key) if names == sorted(names) or _is_by_size(names) else list(rows)


def _is_by_size(names: Sequence[str]) -> bool:
    """Whether the names are of a file sorted by dtype and then by name: they fall back at most twice."""
    falls = sum(one > two for one, two in pairwise(names))
    return falls <= 2


def _key(row: Row) -> tuple[int, tuple[tuple[int, int, str], ...], int, tuple[tuple[int, int, str], ...]]:
    role, block = row.weight.role, block_of(row.weight.tensor)
    place = 0 if role in FIRST else 2 if role in LAST and block is None else 1
    rank = ROLES.index(role) if role in ROLES else len(ROLES)
    return place, numeric(block or ""), rank, numeric(row.weight.name)
