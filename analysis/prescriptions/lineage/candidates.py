"""A model against one candidate for its base: every matrix, every other tensor, and every digest."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from analysis.checkpoint import OpenCheckpoint
from analysis.engine.comparison import Comparison, open_comparison
from analysis.engine.reading import read_matrices
from analysis.errors import TensorError, WrongBase
from analysis.prescriptions.lineage.digests import compare_digests, digest_tensor
from analysis.prescriptions.lineage.invariants import Invariants, compare_invariants
from analysis.prescriptions.lineage.likeness import Likeness, measure_likeness
from analysis.prescriptions.lineage.verdict import Verdict, judge
from analysis.prescriptions.members import Members
from analysis.tensors.matching import check_base
from analysis.tensors.others import compare_others

UNSURE = ("unrelated", "part")  # relations that another basis of the heads would give too


@dataclass(frozen=True)
class Compared:
    """One candidate with its verdict and the likeness of each matrix, by the model's name of its tensor."""

    verdict: Verdict
    likenesses: Mapping[str, Likeness]
    left: tuple[str, ...] = ()  # matrices that could not be compared, with the reason
    invariants: Invariants | None = None  # of the attentions, where their matrices do not say enough


def compare_candidate(members: Members, position: int, digests: Mapping[str, str]) -> Compared:
    """The model, the last checkpoint, against the candidate at this position. `digests` are the model's."""
    candidate, model = members.checkpoints[position], members.checkpoints[-1]
    name = members.names[position]
    no_match = compare_digests({}, digests, sizes_of(model), {})
    if candidate.kind == "adapter":
        return Compared(Verdict(name, "unlike", None, None, 0, 0.0, {}), {}, ("it is an adapter, and no whole model",))
    try:
        run = open_comparison((candidate, model), (name, members.names[-1]), ())
        check_base(run.alignment, run.names)
    except WrongBase as error:
        return Compared(judge(name, (), no_match), {}, (error.message,))
    if model.kind == "adapter":
        modules = sum(row.partners[0] is not None for row in run.alignment.rows)
        return Compared(Verdict(name, "fits", None, None, modules, 0.0, {}), {})
    likenesses, reasons, is_quantised = _likenesses(run)
    overlap = compare_digests(digests_of(candidate), digests, sizes_of(model), _partners(run))
    verdict = judge(name, list(likenesses.values()), overlap, compare_others(candidate, model), is_quantised)
    invariants = None
    if verdict.relation in UNSURE:
        far = [matrix for matrix, like in likenesses.items() if not like.is_near]
        invariants = compare_invariants(candidate, model, far)
        if invariants is not None and invariants.are_equal:
            verdict = replace(verdict, relation="reparametrised")
    return Compared(verdict, likenesses, reasons, invariants)


def _likenesses(run: Comparison) -> tuple[dict[str, Likeness], tuple[str, ...], bool]:
    likenesses: dict[str, Likeness] = {}
    reasons: list[str] = []
    is_quantised = False
    for matrix in read_matrices(run, (0, 1)):
        try:
            if isinstance(matrix.weights, str):
                reasons.append(f"{matrix.planned.name}: {matrix.weights}")
                continue
            base, model = matrix.weights
            likenesses[matrix.planned.name] = measure_likeness(base, model)
            is_quantised |= base.grid is not None or model.grid is not None
        except TensorError as error:
            reasons.append(f"{matrix.planned.name}: {error.message}")
    return likenesses, tuple(reasons), is_quantised


def _partners(run: Comparison) -> dict[str, str]:
    """The model's tensors whose name differs from the candidate's by a prefix."""
    base_names = run.alignment.tensors_of(1)
    return {name: base for name, base in base_names.items() if name != base}


def digests_of(checkpoint: OpenCheckpoint) -> dict[str, str]:
    """Of every tensor that can be read and is no repetition, by name."""
    digests = {}
    for info in checkpoint.tensors:
        if info.same_as:
            continue
        try:
            digests[info.name] = digest_tensor(checkpoint.read(info.name))
        except (TensorError, KeyError):  # set aside, or not to be read
            continue
    return digests


def sizes_of(checkpoint: OpenCheckpoint) -> dict[str, int]:
    return {info.name: info.size for info in checkpoint.tensors}
