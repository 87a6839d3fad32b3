"""The heads of each attention of a checkpoint, with the maps that they make, and the heads of an update."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from analysis.attention import Attention, attention_of
from analysis.checkpoint import OpenCheckpoint, grid_of
from analysis.diagnostic import Scalar
from analysis.engine.comparison import open_comparison
from analysis.engine.reading import read_matrices
from analysis.errors import TensorError
from analysis.linalg.triplets import finite
from analysis.prescriptions.members import Members
from analysis.prescriptions.naming import module_of
from analysis.prescriptions.slices.maps import energy_shares, logit_bound, product_values, safe_bound, top_share
from analysis.runtime.pytorch import torch
from analysis.runtime.shapes import Float64
from analysis.tensors.heads import group_of, heads_of
from analysis.tensors.matching import check_base
from analysis.tensors.matrices import matrices, weights
from analysis.weight import TensorInfo, WeightInfo

Matrix = Float64[np.ndarray, "_ _"]
ROLES = ("q", "k", "v", "o")
NORM = "input_layernorm.weight"  # RMSNorm before the attention, in LLaMA's family
OWN_NORMS = ("q_norm.weight", "k_norm.weight")  # that norm queries and keys again


@dataclass(frozen=True)
class Slice:
    """One head's part of a projection, or of its update."""

    tensor: str  # the weight's name
    role: str
    head: int
    values: Mapping[str, Scalar]

    @property
    def name(self) -> str:
        return f"{self.tensor}[head {self.head}]"


def block_path(name: str) -> str:
    """The path of the attention that a projection lies in.

    >>> block_path("encoder.layer.0.attention.self.query.weight")
    'encoder.layer.0.attention'
    """
    path = module_of(name).rpartition(".")[0]
    return path.removesuffix(".self").removesuffix(".output")


def attentions(checkpoint: OpenCheckpoint) -> dict[str, list[TensorInfo]]:
    """The tensors with projections of attention, by the path of their attention."""
    by_path: dict[str, list[TensorInfo]] = {}
    for info in checkpoint.tensors:
        if info.skip is None and any(plan.role in ROLES for plan in matrices(info)):
            by_path.setdefault(block_path(info.name), []).append(info)
    return by_path


def read_heads(checkpoint: OpenCheckpoint, left: list[str]) -> Iterator[Slice]:
    """Every head of every projection; what cannot be read is added to `left`, with the reason."""
    for path, infos in attentions(checkpoint).items():
        try:
            yield from _heads_of_attention(checkpoint, path, infos)
        except TensorError as error:
            left.append(error.message)


@dataclass(frozen=True)
class Projections:
    """An attention's matrices by role, whole and cut into heads: none where their number is not known."""

    whole: Mapping[str, tuple[WeightInfo, Matrix]]
    heads: Mapping[str, list[Matrix]]
    attention: Attention | None


def read_projections(checkpoint: OpenCheckpoint, infos: list[TensorInfo]) -> Projections:
    """Raises TensorError where a matrix cannot be read or is not finite."""
    by_role: dict[str, tuple[WeightInfo, Matrix]] = {}
    for info in infos:
        for weight in weights(info, checkpoint.read(info.name), grid_of(checkpoint, info)):
            if weight.info.role in ROLES:
                with weight.name_errors():
                    finite(weight.matrix)
                by_role[weight.info.role] = weight.info, weight.matrix.double().cpu().numpy()
    attention = attention_of(checkpoint.facts, infos[0].name)
    parts = {role: _cut(plan, matrix, attention) for role, (plan, matrix) in by_role.items()}
    return Projections(by_role, parts, attention)


def _heads_of_attention(checkpoint: OpenCheckpoint, path: str, infos: list[TensorInfo]) -> Iterator[Slice]:
    found = read_projections(checkpoint, infos)
    by_role, parts = found.whole, found.heads
    maps = _maps(parts, found.attention, _gain(checkpoint, path, by_role))
    for role, slices in parts.items():
        for index, share in enumerate(energy_shares(slices)):
            numbers = maps.get(index, {}) if role == ("o" if "o" in parts else "q") else {}
            top = top_share(np.linalg.svd(slices[index], compute_uv=False))
            yield Slice(by_role[role][0].name, role, index, {"share": share, "top_share": top, **numbers})


def _cut(planned: WeightInfo, matrix: Matrix, attention: Attention | None) -> list[Matrix]:
    return [matrix[head.rows, head.columns] for head in heads_of(planned, attention)]


def _maps(
    parts: Mapping[str, list[Matrix]], attention: Attention | None, gain: tuple[bool, Float64[np.ndarray, " n"] | None]
) -> dict[int, dict[str, Scalar]]:
    """The QK and OV maps by head, where the projections are there."""
    maps: dict[int, dict[str, Scalar]] = {}
    if attention is None:
        return maps
    for head in range(attention.heads):
        group, values = group_of(head, attention), dict[str, Scalar]()
        if parts.get("q") and parts.get("k"):
            q, k = parts["q"][head], parts["k"][group]
            values |= {"qk_sigma1": float(product_values(q, k)[0]), "qk_safe_bound": safe_bound(q, k)}
            values["logit_bound"] = logit_bound(q, k, gain[1]) if gain[0] else None
        if parts.get("o") and parts.get("v"):
            singular = product_values(parts["o"][head].T, parts["v"][group])
            values |= {"ov_sigma1": float(singular[0]), "ov_top_share": top_share(singular)}
        if values:
            maps[head] = values
    return maps


def _gain(
    checkpoint: OpenCheckpoint, path: str, held: Mapping[str, tuple[WeightInfo, Matrix]]
) -> tuple[bool, Float64[np.ndarray, " n"] | None]:
    """Whether the inputs are known to be normed by RMSNorm and nothing is added after, and its γ."""
    names = {info.name for info in checkpoint.tensors}
    norm = f"{path.rpartition('.')[0]}.{NORM}"
    has_bias = any(f"{module_of(plan.tensor)}.bias" in names for plan, _ in held.values())
    has_own_norm = any(f"{path}.{name}" in names for name in OWN_NORMS)
    if norm not in names or has_bias or has_own_norm or norm.replace(".weight", ".bias") in names:
        return False, None
    gain = checkpoint.read(norm).double()
    if not torch.isfinite(gain).all() or ("q" in held and len(gain) != held["q"][1].shape[1]):
        return False, None
    is_shifted = str(checkpoint.facts.get("model_type", "")).startswith("gemma")
    return True, (gain + 1.0 if is_shifted else gain).numpy()


def read_updated_heads(members: Members, left: list[str]) -> Iterator[Slice]:
    """Every head's part of the update of each projection, with its share of ‖ΔW‖² and how near it is to rank one."""
    run = open_comparison(members.checkpoints, members.names, ())
    check_base(run.alignment, members.names)
    facts = members.checkpoints[0].facts
    for matrix in read_matrices(run, (0, 1), members.progress):
        heads = heads_of(matrix.planned, attention_of(facts, matrix.planned.tensor))
        if not heads:
            continue
        if isinstance(matrix.weights, str):
            left.append(f"{matrix.planned.name}: {matrix.weights}")
            continue
        base, tuned = matrix.weights
        change = (tuned.matrix.double() - base.matrix.double()).cpu().numpy()
        slices = [change[head.rows, head.columns] for head in heads]
        for head, share, part in zip(heads, energy_shares(slices), slices, strict=True):
            top = top_share(np.linalg.svd(part, compute_uv=False))
            yield Slice(matrix.planned.name, head.role, head.index, {"share": share, "top_share": top})
