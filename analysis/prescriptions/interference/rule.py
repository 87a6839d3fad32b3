"""The rule `interference`: how N updates of one base would disturb each other in a merge, layer by layer."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from analysis.diagnostic import Option, Options, Scalar
from analysis.errors import UnmeasuredLayer
from analysis.findings.wording import percent, quantity
from analysis.prescriptions.interference.joint import (
    Directions,
    alignment_ratios,
    directions,
    joint_energy,
    leading_count,
    over_accumulation,
    singular_interference,
)
from analysis.prescriptions.interference.pairs import KEPT, cosines, norm_ratio, sign_conflicts
from analysis.prescriptions.interference.updates import Together, are_adapters, names_of, read_updates
from analysis.prescriptions.members import Members
from analysis.prescriptions.prescription import Answer, Output, Rule
from analysis.prescriptions.writing import to_bytes, to_yaml
from analysis.runtime.shapes import Float64

MOST = 0.9  # of ‖[Δ₁ … Δ_T]‖² that the joint directions hold

RANK = Option(
    "rank",
    0,
    "Leading directions of each update in the singular interference; 0: all. TSV-M itself cuts at ⌊K/T⌋: -1.",
    minimum=-1.0,
    maximum=1e6,
)
KEEP = Option("kept", KEPT, "Share of each update's entries whose signs are compared.", minimum=1e-6, maximum=1.0)
BASE = Option("base_model", "BASE", "What the base is called in the mergekit file: an id on the Hub, or a path.")


def prescribe(members: Members, options: Options) -> Answer:
    names = names_of(members)
    details: dict[str, dict[str, Scalar]] = {}
    layers: dict[str, dict[str, Any]] = {}
    skip_notes: list[str] = []
    for matrix in read_updates(members):
        if isinstance(matrix.updates, str):
            skip_notes.append(f"{matrix.name}: {matrix.updates}")
        else:
            details[matrix.name], layers[matrix.name] = _measure(matrix, matrix.updates, options)
    if not details:
        raise UnmeasuredLayer(
            f"no matrix could be compared: {skip_notes[0] if skip_notes else 'the checkpoints share none'}"
        )
    weights = merge_weights([layers[name]["norms"] for name in layers])
    return Answer(
        entries={name: numbers["sti_share"] for name, numbers in details.items()},
        details=details,
        extra={"updates": list(names), "layers": layers, "weights": dict(zip(names, weights, strict=True))},
        notes=_notes(details, skip_notes, names),
        files={
            "interference.json": to_bytes({"updates": list(names), "layers": layers}),
            **(
                {} if are_adapters(members) else {"mergekit.yaml": mergekit(options.text("base_model"), names, weights)}
            ),
        },
    )


def _proposal(options: Options, names: Sequence[str], weights: Sequence[float]) -> dict[str, bytes]:
    return {"mergekit.yaml": mergekit(options.text("base_model"), names, weights)}


def _measure(
    found: Together, updates: Sequence[Float64[np.ndarray, "m n"]], options: Options
) -> tuple[dict[str, Scalar], dict[str, Any]]:
    parts = [directions(update) for update in updates]
    total = np.sum(updates, axis=0)
    sum_directions = directions(total)
    norms = [float(np.linalg.norm(part.values)) for part in parts]
    rank = {0: None, -1: max(1, found.side // len(parts))}.get(options.integer("rank"), options.integer("rank"))
    interference, angles = singular_interference(parts, rank), cosines(updates)
    k = leading_count(sum_directions.values)
    ratios, signs = alignment_ratios(updates, sum_directions, k), sign_conflicts(found.rows, options.number("kept"))
    joint = joint_energy(updates)
    off = [
        float(angles[i, j])
        for i, j in zip(*np.triu_indices(len(parts), 1), strict=True)
        if angles[i, j] == angles[i, j]
    ]
    values = [ratio for ratio in ratios if ratio is not None]
    return {
        "sti_share": interference.share,
        "cosine": fmean(off) if off else None,
        "norm_ratio": norm_ratio(norms),
        "sign_conflicts": signs.conflicting,
        "least_sar": min(values) if values else None,
        "over_accumulation": next(iter(over_accumulation(parts, sum_directions)), None),
        "sum_over_norms": float(np.linalg.norm(sum_directions.values)) / math.fsum(norms) if any(norms) else None,
        "joint_directions": int(np.searchsorted(joint, MOST * (1 - 1e-12))) + 1 if len(joint) else 0,
    }, {
        "sti": interference.interference, "sum_of_singular_values": interference.total, "norms": norms,
        "cosines": _plain(angles), "sign_conflicts": _plain(signs.pairs), "sar": ratios, "sar_directions": k,
        "over_accumulation": over_accumulation(parts, sum_directions, 4), "ranks": [_extent(part) for part in parts],
        "joint_energy": [float(joint[size - 1]) for size in (1, 2, 4, 8, 16, 32, 64) if size <= len(joint)],
    }  # fmt: skip


def _extent(part: Directions) -> int:
    return len(part.values)


def _plain(matrix: Float64[np.ndarray, "t t"]) -> list[list[float | None]]:
    return [[float(value) if value == value else None for value in row] for row in matrix]


def merge_weights(norms: Sequence[Sequence[float]]) -> list[float]:
    """‖Δ‖_mean/‖Δ_t‖ of whole updates, for updates to have one size in a merge; 1 where one of them is zero."""
    totals = np.sqrt(np.sum(np.square(norms), axis=0))
    return [float(totals.mean() / norm) if norm > 0.0 else 1.0 for norm in totals]


def mergekit(base: str, names: Sequence[str], weights: Sequence[float]) -> bytes:
    """A configuration of mergekit that adds the updates with these weights."""
    models = [
        {"model": name, "parameters": {"weight": round(weight, 4)}} for name, weight in zip(names, weights, strict=True)
    ]
    comment = "A proposal: weights that give all updates one size. No evidence says that it beats equal weights.\n" + (
        "Replace the names by ids on the Hub or by paths."
    )
    return to_yaml(
        {"merge_method": "task_arithmetic", "base_model": base, "models": models, "dtype": "bfloat16"}, comment
    )


def _notes(details: Mapping[str, Mapping[str, Scalar]], left: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    count = len(names)
    top = max(details, key=lambda name: float(details[name]["sti_share"] or 0.0))
    conflicts = [
        float(numbers["sign_conflicts"]) for numbers in details.values() if isinstance(numbers["sign_conflicts"], float)
    ]
    mean = f" Where two keep an entry, {percent(fmean(conflicts))} pull it both ways." if conflicts else ""
    return (
        f"{quantity(count, 'update')} in {quantity(len(details), 'matrix', 'matrices')}; the singular directions of "
        f"{top} meet most, {float(details[top]['sti_share'] or 0.0):.3g} of Σs (0: orthogonal, {(count - 1) ** 2}: "
        f"{count} equal updates).{mean}",
        "Over-accumulation is confounded by the coefficient of the merge: read it with sum_over_norms, ‖ΣΔ‖/Σ‖Δ‖.",
        "How well a merge works was not measured: these numbers say where updates meet, not whether that hurts.",
        *(f"Not compared: {one}" for one in left),
    )


INTERFERENCE = Rule(
    name="interference",
    title="Interference of updates",
    reference="TSV, arXiv 2412.00081, section 3; Iso-C, arXiv 2502.04959, eq. 5 and 6; TIES, arXiv 2306.01708; "
    "SVC, arXiv 2602.05536",
    description="Measures how several updates of one base share directions, entries and signs, before they are merged.",
    inputs="a base and two or more models or adapters trained from it, or two or more LoRA adapters",
    value="STI / Σs",
    validated_on="The authors merged fine-tunes of ViTs; that these numbers predict a merge of language models was not "
    "shown, nor compared here.",
    compute=prescribe,
    options=(RANK, KEEP, BASE),
    outputs=(
        Output("interference.json", "any", "cosines and sign conflicts T × T of each layer, SAR of each update"),
        Output("mergekit.yaml", "mergekit", "task_arithmetic with weights of equal size, as a proposal"),
    ),
    fewest=2,
    most=None,
    weights=True,
)
