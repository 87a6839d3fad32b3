"""What Eigenscope finds in the trained runs: the same analysis as `eigenscope compare`, one base and all its tuned."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np

from analysis.diagnostic import Row
from analysis.diagnostics import requests
from analysis.engine.comparison import compare
from analysis.formats import open_checkpoint
from analysis.report import Report
from examples.model import folder as base_folder
from examples.recipes import Recipe

K, EPSILON = 10, 0.5
ADAPTED = "encoder.layer."  # what every run trains: the paper too leaves embeddings and head aside
MEASURED = "measured.json"


@dataclass(frozen=True, slots=True)
class Found:
    """A run's numbers over its 36 matrices: sums of counts, medians of the rest."""

    intruders: int
    guarded: int
    matrices: int
    matrices_with: int
    relative_norm: float
    effective_rank: float
    sweep_epsilon: list[float]
    sweep_count: list[float]
    by_depth: dict[int, int]


def files(recipe: Recipe, folder: Path) -> list[Path]:
    """What the run has saved, as one gives it to Eigenscope."""
    place = folder / recipe.name
    if recipe.full:
        return [place / "model.safetensors"]
    return [place / "adapter_model.safetensors", place / "adapter_config.json"]


def measure(recipes: Sequence[Recipe], folder: Path) -> dict[str, Found]:
    """The numbers of every run by its name, computed together unless they are there already."""
    path = folder / MEASURED
    if path.exists():
        kept = {name: _restored(values) for name, values in json.loads(path.read_text()).items()}
        if set(kept) == {recipe.name for recipe in recipes}:
            return kept
    found = fresh(recipes, folder)
    path.write_text(json.dumps({name: asdict(each) for name, each in found.items()}, indent=1))
    return found


def _restored(values: Mapping[str, object]) -> Found:
    found = Found(**values)  # type: ignore[arg-type]  # as written by asdict
    return Found(**{**asdict(found), "by_depth": {int(depth): count for depth, count in found.by_depth.items()}})


def fresh(recipes: Sequence[Recipe], folder: Path) -> dict[str, Found]:
    names = [recipe.name for recipe in recipes]
    base = open_checkpoint([base_folder() / "model.safetensors"])
    adapted = replace(base, stored={name: where for name, where in base.stored.items() if name.startswith(ADAPTED)})
    tuned = [open_checkpoint(files(recipe, folder)) for recipe in recipes]
    asked = requests({"intruders": {"k": K, "epsilon": EPSILON}, "update": {}})
    report = compare([adapted, *tuned], asked, ["base", *names])
    return {name: summed(report, position) for position, name in enumerate(names, 1)}


def summed(report: Report, position: int) -> Found:
    """What the report says of one tuned checkpoint. Every one of its matrices must have been measured."""
    intruders, update = (_rows(table.rows, position) for table in report.tables)
    counts = [_number(row, "count") for row in intruders]
    depths = sorted({row.weight.depth for row in intruders if row.weight.depth is not None})
    return Found(
        intruders=int(sum(counts)),
        guarded=int(sum(_number(row, "count_guarded") for row in intruders)),
        matrices=len(counts),
        matrices_with=sum(count > 0 for count in counts),
        relative_norm=median(_number(row, "relative_norm") for row in update),
        effective_rank=median(_number(row, "effective_rank") for row in update),
        sweep_epsilon=_curve(intruders[0], "sweep_epsilon").round(4).tolist(),
        sweep_count=np.sum([_curve(row, "sweep_count") for row in intruders], axis=0).tolist(),
        by_depth={
            depth: int(sum(_number(row, "count") for row in intruders if row.weight.depth == depth)) for depth in depths
        },
    )


def _rows(rows: Sequence[Row], position: int) -> list[Row]:
    """Those of one pair whose weight is a matrix: biases and norms have no row."""
    return [row for row in rows if row.group == (0, position)]


def _number(row: Row, column: str) -> float:
    value = row.measurement.values[column]
    if not isinstance(value, int | float):
        raise SystemExit(f"{row.weight.name} has no {column}: {row.measurement.note}")
    return float(value)


def _curve(row: Row, name: str) -> np.ndarray:
    return np.asarray(row.measurement.curves[name], dtype=np.float64)
