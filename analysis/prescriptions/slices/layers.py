"""Experts of each layer, and layers of each type, compared with each other."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from analysis.checkpoint import OpenCheckpoint
from analysis.engine.reading import read_weights
from analysis.errors import TensorError, UnmeasuredLayer
from analysis.findings.wording import quantity
from analysis.linalg.triplets import finite
from analysis.prescriptions.naming import type_of
from analysis.prescriptions.slices.experts import cosines, expert_likeness, subspace_overlap
from analysis.prescriptions.slices.sharing import measure_sharing, sample_rows
from analysis.runtime.shapes import Float64
from analysis.tensors.matrices import matrices, weights
from analysis.weight import Weight

Matrix = Float64[np.ndarray, "_ _"]

EXPERT = re.compile(r"^(.*experts?)\.(\d+)\.(.+)$")
MOST = 1 << 25  # numbers of all experts of a layer; beyond, evenly spaced inputs stand for them
WIDEST = 2048  # smaller side from which on output directions are not compared
DIRECTIONS = 8


def expert_counts(checkpoint: OpenCheckpoint) -> dict[str, dict[str, int]]:
    """Of each layer with experts, how many each of its projections has. Raises UnmeasuredLayer where they differ."""
    by_layer: dict[str, dict[str, int]] = {}
    for info in checkpoint.tensors:
        for plan in matrices(info) if info.skip is None else ():
            if (place := EXPERT.match(plan.name)) is not None:
                layer = by_layer.setdefault(place[1], {})
                layer[place[3]] = layer.get(place[3], 0) + 1
    for path, counts in by_layer.items():
        if len(set(counts.values())) > 1:
            text = " and ".join(f"{quantity(count, 'expert')} of {name}" for name, count in counts.items())
            raise UnmeasuredLayer(f"{path} has {text}: give a checkpoint in which every expert is whole")
    return by_layer


def compare_experts(checkpoint: OpenCheckpoint, left: list[str]) -> dict[str, dict[str, Any]]:
    """The experts of each layer; what cannot be read is added to `left`."""
    by_layer = {}
    for layer, counts in expert_counts(checkpoint).items():
        if min(counts.values()) < 2:
            continue
        try:
            by_layer[layer] = _layer(checkpoint, layer)
        except TensorError as error:
            left.append(error.message)
    return by_layer


def _layer(checkpoint: OpenCheckpoint, layer: str) -> dict[str, Any]:
    by_number: dict[int, dict[str, Matrix]] = {}
    for info in checkpoint.tensors:
        if info.skip is None and any(plan.name.startswith(f"{layer}.") for plan in matrices(info)):
            for weight in weights(info, checkpoint.read(info.name)):
                if (place := EXPERT.match(weight.info.name)) is not None and place[1] == layer:
                    by_number.setdefault(int(place[2]), {})[weight.info.role] = _matrix(weight)
    experts = [by_number[number] for number in sorted(by_number)]
    units = [_units(expert) for expert in experts]
    step = max(1, -(-len(units) * units[0].size // MOST))
    likeness = expert_likeness([unit[:, ::step] for unit in units])
    result = {"experts": len(units), "cosines": likeness.raw.tolist(), "minus_mean": likeness.centred.tolist()}
    if likeness.permuted is not None:
        result["up_to_permutation"] = likeness.permuted.tolist()
    outputs = [expert["down"] for expert in experts if "down" in expert]
    if len(outputs) == len(experts) and min(outputs[0].shape) <= WIDEST:
        overlap, chance = subspace_overlap(outputs, DIRECTIONS)
        result |= {"output_overlap": overlap, "output_overlap_by_chance": chance}
    return result


def _matrix(weight: Weight) -> Matrix:
    with weight.name_errors():
        finite(weight.matrix)
    matrix: Matrix = weight.matrix.double().cpu().numpy()
    return matrix


def _units(expert: Mapping[str, Matrix]) -> Matrix:
    """An expert with a row for each hidden unit: its rows of gate and up, and its column of down."""
    sides = [matrix.T if role == "down" else matrix for role, matrix in sorted(expert.items())]
    return np.concatenate(sides, axis=1) if len({len(side) for side in sides}) == 1 else sides[0]


def router_cosines(checkpoint: OpenCheckpoint) -> dict[str, list[list[float]]]:
    """Of each router the cosines of its rows: experts that are chosen for the same inputs."""
    return {
        info.name: cosines(checkpoint.read(info.name).double().numpy()).tolist()
        for info in checkpoint.tensors
        if info.skip is None and info.role == "router" and len(info.shape) == 2
    }


def compare_layers(checkpoint: OpenCheckpoint, left: list[str]) -> dict[str, dict[str, Any]]:
    """Of each type of matrix that has one shape in two layers or more, what a few atoms keep of all of them."""
    types: dict[str, list[Matrix]] = {}
    for weight in read_weights(checkpoint):
        kind = type_of(weight.info.tensor)
        if weight.info.depth is None or kind is None or weight.info.name != weight.info.tensor or EXPERT.match(kind):
            continue
        try:
            types.setdefault(kind, []).append(sample_rows(_matrix(weight)))
        except TensorError as error:
            left.append(error.message)
    by_kind = {}
    for kind, layers in types.items():
        sharing = measure_sharing(layers) if len({layer.shape for layer in layers}) == 1 else None
        if sharing is not None:
            by_kind[kind] = {
                "layers": len(layers), "energy": list(sharing.energy), "above_chance": list(sharing.above_chance),
            }  # fmt: skip
    return by_kind
