"""The checkpoints of a run, one matrix after the other: sizes at each, and the steps between neighbours."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from analysis.engine.comparison import open_comparison
from analysis.engine.reading import read_matrices, read_weights
from analysis.errors import TensorError
from analysis.prescriptions.members import Members
from analysis.prescriptions.monitor.initial import looks_initial
from analysis.prescriptions.monitor.norms import norms_of
from analysis.prescriptions.monitor.steps import Step, measure_step
from analysis.runtime.shapes import Float64
from analysis.tensors.matching import check_base
from analysis.tensors.others import compare_others
from analysis.weight import Weight, WeightInfo

Matrix = Float64[np.ndarray, "m n"]


@dataclass(frozen=True)
class Track:
    """One matrix over the run: for each checkpoint its metrics, whether it looks untrained, whether nothing changed."""

    info: WeightInfo
    metrics: tuple[Mapping[str, float], ...]
    initial: tuple[bool | None, ...]
    same: tuple[bool, ...] = ()  # as at the checkpoint before, from the second on


@dataclass
class Run:
    """All of them, and what could not be read."""

    tracks: list[Track] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def follow(members: Members, gradients: bool = False) -> Run:
    """`gradients`: the files hold those, so that nothing is said of steps or of an initialisation."""
    run = Run()
    for info, weights in _matrices(members):
        try:
            if isinstance(weights, str):
                run.left.append(f"{info.name}: {weights}")
            else:
                run.tracks.append(_track(info, weights, gradients))
        except TensorError as error:
            run.left.append(error.message)
    return run


def _matrices(members: Members) -> Iterator[tuple[WeightInfo, Sequence[Weight] | str]]:
    members.check_whole()
    if len(members.checkpoints) == 1:
        yield from ((weight.info, (weight,)) for weight in read_weights(members.checkpoint(), members.progress))
        return
    run = open_comparison(members.checkpoints, members.names, ())
    check_base(run.alignment, members.names)
    for matrix in read_matrices(run, tuple(range(len(members.names))), members.progress):
        yield matrix.planned, matrix.weights


def _track(info: WeightInfo, weights: Sequence[Weight], gradients: bool) -> Track:
    spectra = [weight.singular_values.cpu().numpy() for weight in weights]
    matrices = [weight.matrix.double().cpu().numpy() for weight in weights]
    metrics: list[dict[str, float]] = []
    for index, (values, matrix) in enumerate(zip(spectra, matrices, strict=True)):
        norms = norms_of(values, matrix.shape[0], matrix.shape[1])
        numbers = {
            "operator_norm": norms.operator, "entry_rms": norms.entry_rms,
            "rms_singular_value": norms.rms_singular_value, "stable_rank": norms.stable_rank,
        }  # fmt: skip
        if index and not gradients:
            numbers |= step_metrics(
                measure_step(matrices[index - 1], matrix, matrices[index - 2] if index > 1 else None)
            )
        metrics.append(numbers)
    initial = [None if gradients else looks_initial(m, float(v[0])) for m, v in zip(matrices, spectra, strict=True)]
    same = [bool(np.array_equal(one, other)) for one, other in pairwise(matrices)]
    return Track(info, tuple(metrics), tuple(initial), tuple(same))


def step_metrics(step: Step) -> dict[str, float]:
    """What is known of a step, by the names of the table."""
    flat = step.flatness
    values: dict[str, float | None] = {
        "step_operator_norm": step.operator,
        "step_ratio": step.ratio,
        "step_stable_rank": step.stable_rank,
        "cosine_with_weight": step.cosine_weight,
        "cosine_with_step_before": step.cosine_before,
        "step_spread": flat.spread if flat else None,
        "step_share_near_median": flat.share if flat else None,
    }
    return {name: value for name, value in values.items() if value is not None}


def repeated_checkpoints(members: Members, run: Run) -> list[tuple[str, str]]:
    """Pairs of neighbours of which every matrix, and every other tensor, is the same to the last digit."""
    pairs = []
    for index in range(1, len(members.checkpoints)):
        is_same = bool(run.tracks) and all(track.same[index - 1] for track in run.tracks)
        other_tensors = compare_others(members.checkpoints[index - 1], members.checkpoints[index]) if is_same else None
        if is_same and other_tensors is not None and other_tensors.are_equal:
            pairs.append((members.names[index - 1], members.names[index]))
    return pairs
