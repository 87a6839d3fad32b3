"""Files that the ranks of FSDP or of tensor parallelism saved, each its part of every tensor, with its place.

torch.save of a state dict of DTensor (FSDP2's fully_shard) or ShardedTensor (FSDP's SHARDED_STATE_DICT) on each rank.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from analysis.errors import DamagedFile, MissingShard, escape
from analysis.formats.arrays import Piece, join
from analysis.formats.parallel.rules import are_equal
from analysis.formats.parts import is_flat, set_aside
from analysis.formats.stored import Array, Aside, Contents, Fact, Share

OWN = "each rank has its own: none is chosen"


def join_ranks(ranks: Mapping[Path, Contents]) -> Contents:
    """The tensors that the ranks share, whole, and once what each has whole.

    Raises MissingShard where parts are missing, DamagedFile where they do not fit together.
    """
    tensors: dict[str, Array] = {}
    aside: dict[str, Aside] = {}
    for held in ranks.values():
        for name, array in held.tensors.items():
            if name not in tensors:
                tensors[name] = array
            elif name not in aside and not are_equal(tensors[name], array):
                aside[name] = set_aside(array, OWN)
    tensors = {name: array for name, array in tensors.items() if name not in aside}
    for name in dict.fromkeys(name for held in ranks.values() for name in held.shares):
        shares = {path: held.shares[name] for path, held in ranks.items() if name in held.shares}
        if name in tensors or name in aside:
            text = f"tensor {escape(name)} is whole in one file and a part in another: of different saves"
            raise DamagedFile(f"{text}. Give the files of one.", "bad-offsets")
        joined = _join(name, shares)
        if joined is not None:
            tensors[name] = joined
    facts: dict[str, Fact] = {"parts": len(ranks)} if len(ranks) > 1 else {}
    return Contents(tensors, facts, aside)


def _join(name: str, shares: Mapping[Path, Share]) -> Array | None:
    """The whole tensor; of FSDP's flattened ones a part, which is refused by its name; None of one without elements."""
    shapes = {share.shape for share in shares.values()}
    parts = [part for share in shares.values() for part in share.parts]
    if is_flat(name) and parts:
        return parts[0][1]
    if len(shapes) > 1:
        text = f"tensor {escape(name)} has different shapes in the files: {', '.join(map(str, sorted(shapes)[:3]))}"
        raise DamagedFile(f"{text}. They are of different models: give the files of one.", "bad-offsets")
    (shape,) = shapes
    pieces = _drop_copies(name, parts)
    if len(pieces) == 1 and pieces[0].array.shape == shape:
        return pieces[0].array
    there, whole = sum(math.prod(piece.array.shape) for piece in pieces), math.prod(shape)
    if there < whole:
        first = escape(next(iter(shares)).name)
        raise MissingShard(
            f"{first} holds one rank's part of each tensor: of {escape(name)} {there:,} of {whole:,} elements are "
            "here. Give the files of all ranks together."
        )
    if not pieces:
        return None
    try:
        return join(tuple(pieces), shape, pieces[0].array.dtype)
    except ValueError as error:
        raise DamagedFile(f"tensor {escape(name)}: {error}. Give the files of one save.", "bad-offsets") from None


def _drop_copies(name: str, parts: Sequence[tuple[tuple[int, ...], Array]]) -> list[Piece]:
    """The parts without those of no element; one that several ranks have is taken once, and must be equal."""
    found: dict[object, Piece] = {}
    for offsets, array in parts:
        if not array.size:
            continue
        known = found.setdefault((offsets, array.shape), Piece(offsets, array))
        if known.array is not array and not are_equal(known.array, array):
            text = f"tensor {escape(name)}: {escape(array.path.name)} and {escape(known.array.path.name)} hold one part"
            raise DamagedFile(f"{text} of it with different values. Give the files of one save.", "bad-offsets")
    return list(found.values())
