"""The updates of several checkpoints of one base, matrix by matrix: as differences, or as the products that they are.

Adapters need no base where they are plain LoRA: then nothing of the size of a weight is formed. With a base first, the
others may be adapters or whole models.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.adapters import open_adapter
from analysis.engine.comparison import Comparison, open_comparison
from analysis.engine.reading import read_matrices
from analysis.errors import TensorError, WrongBase, WrongMembers, escape
from analysis.linalg.triplets import Triplets
from analysis.prescriptions.interference.joint import compress
from analysis.prescriptions.lora_rank.updates import Update, of_adapter, why_not_plain
from analysis.prescriptions.members import Members
from analysis.runtime.shapes import Float64
from analysis.tensors.matching import check_base
from analysis.weight import Weight

Matrix = Float64[np.ndarray, "_ _"]
SAMPLED = 1 << 22  # entries of an update, beyond which a product is formed in evenly spaced rows only


@dataclass(frozen=True)
class Together:
    """The updates of one matrix: in joint coordinates, and some of their rows as they are, for signs."""

    name: str
    updates: tuple[Matrix, ...] | str  # or the reason why they cannot be compared
    rows: tuple[Matrix, ...] = ()
    side: int = 0  # K of the matrix
    entries: int = 0  # mn


def names_of(members: Members) -> tuple[str, ...]:
    """The names of the checkpoints whose updates are compared: without the base's."""
    return members.names if are_adapters(members) else members.names[1:]


def are_adapters(members: Members) -> bool:
    return all(checkpoint.kind == "adapter" for checkpoint in members.checkpoints)


def read_updates(members: Members) -> Iterator[Together]:
    """One matrix after the other. Raises WrongBase where they do not belong together, WrongMembers for one update."""
    if len(names_of(members)) < 2:
        raise WrongMembers("interference is between updates: give two or more after the base, or two or more adapters")
    if are_adapters(members):
        yield from _of_adapters(members)
        return
    run = open_comparison(members.checkpoints, members.names, ())
    check_base(run.alignment, members.names)
    yield from _of_comparison(run, members)


def _of_comparison(run: Comparison, members: Members) -> Iterator[Together]:
    positions = tuple(range(len(run.names)))
    for matrix in read_matrices(run, positions, members.progress):
        if isinstance(matrix.weights, str):
            yield Together(matrix.planned.name, matrix.weights)
            continue
        base, *tuned = matrix.weights
        try:
            yield _together(matrix.planned.name, base, tuned)
        except TensorError as error:
            yield Together(matrix.planned.name, error.message)


def _together(name: str, base: Weight, tuned: list[Weight]) -> Together:
    side, entries = min(base.matrix.shape), base.matrix.numel()
    if all(weight.factors is not None for weight in tuned):
        return _of_triplets(name, [weight.update for weight in tuned], side)
    start = base.matrix.double().cpu().numpy()
    updates = tuple(weight.matrix.double().cpu().numpy() - start for weight in tuned)
    return Together(name, updates, updates, side, entries)


def _of_triplets(name: str, parts: list[Triplets], side: int) -> Together:
    lefts = [(part.left * part.values).cpu().numpy() for part in parts]
    rights = [part.right.mT.cpu().numpy() for part in parts]
    rows, columns = len(lefts[0]), rights[0].shape[1]
    some = np.linspace(0, rows - 1, max(1, min(rows, SAMPLED // columns))).astype(int)
    samples = tuple(left[some] @ right for left, right in zip(lefts, rights, strict=True))
    return Together(name, tuple(compress(lefts, rights)), samples, side, rows * columns)


def _of_adapters(members: Members) -> Iterator[Together]:
    """Plain LoRA alone. Raises WrongBase ("adapter-alone") where an adapter's update hangs on its base."""
    all_updates: list[dict[str, Update]] = []
    for checkpoint, name in zip(members.checkpoints, members.names, strict=True):
        adapter = open_adapter(checkpoint)
        if (reason := why_not_plain(adapter)) is not None:
            text = f"{escape(name)}: {reason}, so that its update is known with its base only: give the base first"
            raise WrongBase(text, "adapter-alone")
        all_updates.append({update.module: update for update in of_adapter(adapter, None).updates})
    modules = [module for module in all_updates[0] if all(module in updates for updates in all_updates[1:])]
    if not modules:
        raise WrongBase(f"the adapters share no module of one name: {', '.join(map(escape, members.names))}")
    for module in dict.fromkeys(module for updates in all_updates for module in updates):
        partners = [updates.get(module) for updates in all_updates]
        yield _of_module(module, partners, members.names)


def _of_module(module: str, there: list[Update | None], names: tuple[str, ...]) -> Together:
    updates = [update for update in there if update is not None]
    if len(updates) < len(there):
        missing = [escape(name) for name, update in zip(names, there, strict=True) if update is None]
        return Together(updates[0].name, f"{', '.join(missing)} does not change it")
    shapes = {(update.rows, update.columns) for update in updates}
    if len(shapes) > 1:
        text = ", ".join(f"{rows} × {columns}" for rows, columns in sorted(shapes))
        return Together(updates[0].name, f"the shapes differ: {text}")
    try:
        parts = [update.read()[0] for update in updates]
    except TensorError as error:
        return Together(updates[0].name, error.message)
    return _of_triplets(updates[0].name, parts, min(updates[0].rows, updates[0].columns))
