"""The rule `sparsity`: AlphaPruning's allocation, as a recipe for llm-compressor and an array for their script."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.diagnostic import Option, Options
from analysis.errors import PrescriptionError
from analysis.findings.wording import quantity
from analysis.prescriptions.exponents import Exponent, estimator_option, exponents, rows_of, why_not_apart
from analysis.prescriptions.members import Members
from analysis.prescriptions.naming import block_of, in_module_order, module_of, numeric
from analysis.prescriptions.prescription import Answer, Doubt, Output, Rule
from analysis.prescriptions.sparsity.allocation import allocate
from analysis.prescriptions.writing import to_bytes, to_yaml

DENSE = ("embedding", "position", "head", "norm", "bias", "router")
TARGET = Option("target", 0.5, "Mean sparsity over the pruned parameters.", minimum=0.0, maximum=1.0)
EPSILON = Option(
    "epsilon", 0.3, "How far layers may differ: φ goes from 1 - ε to 1 + ε. They use 0.3 for magnitudes, 0.2 with "
    "Wanda and SparseGPT at 7B.", minimum=0.0, maximum=1.0,
)  # fmt: skip
PER = Option("per", "block", "block: one sparsity for a block, by its mean exponent. matrix: one for each.",
             choices=("block", "matrix"))  # fmt: skip
CAP = Option("cap", 0.99, "Largest sparsity of a layer.", minimum=0.0, maximum=1.0)


@dataclass(frozen=True)
class Unit:
    """What gets one sparsity: a block, or a tensor."""

    name: str
    members: tuple[Exponent, ...]

    @property
    def alpha(self) -> float:
        """The mean over its matrices, each counted once."""
        return sum(member.alpha for member in self.members) / len(self.members)

    @property
    def error(self) -> float:
        return float(sum(member.error**2 for member in self.members) ** 0.5) / len(self.members)

    @property
    def parameters(self) -> int:
        return sum(member.parameters for member in self.members)


def prescribe(members: Members, options: Options) -> Answer:
    estimator, unit_kind = options.text("estimator"), options.text("per")
    rows = [
        row for row in in_module_order(rows_of(members, estimator)) if _is_pruned(row.weight.tensor, row.weight.role)
    ]
    estimates = exponents(members, estimator, rows)
    if not estimates:
        raise PrescriptionError("no matrix lies in a numbered block: there is nothing to prune by blocks")
    units = units_of(estimates, unit_kind)
    target = options.number("target")
    alphas, parameters = [unit.alpha for unit in units], [unit.parameters for unit in units]
    values = allocate(alphas, parameters, target, options.number("epsilon"), options.number("cap"))
    sparsity = {unit.name: float(value) for unit, value in zip(units, values, strict=True)}
    of_tensor = {estimate.tensor: (unit, sparsity[unit.name]) for unit in units for estimate in unit.members}
    reason = why_not_apart(alphas, [unit.error for unit in units])
    cap_names = [name for name, value in sparsity.items() if value >= options.number("cap") > target]
    return Answer(
        entries={estimate.tensor: of_tensor[estimate.tensor][1] for estimate in estimates},
        estimator=estimator,
        details={
            estimate.tensor: {"alpha": estimate.alpha, "parameters": estimate.parameters} for estimate in estimates
        },
        extra={
            "blocks" if unit_kind == "block" else "matrices": sparsity,
            "mean": _mean(units, sparsity),
            "capped": cap_names,
        },
        notes=_notes(cap_names, estimator),
        doubt=None if reason is None else Doubt(reason, target),
        files={
            "sparsity.json": to_bytes({"sparsity": sparsity, "mean": _mean(units, sparsity)}),
            "llm_compressor.yaml": recipe(sparsity),
            f"{estimator}.npy": _array(estimates),
        },
    )


def _is_pruned(tensor: str, role: str) -> bool:
    return block_of(tensor) is not None and role not in DENSE


def units_of(found: Sequence[Exponent], per: str) -> list[Unit]:
    """Blocks by their names and in the order of their numbers, or the tensors as they come."""
    if per == "matrix":
        return [Unit(module_of(exponent.tensor), (exponent,)) for exponent in found]
    blocks: dict[str, list[Exponent]] = {}
    for exponent in found:
        blocks.setdefault(block_of(exponent.tensor) or "", []).append(exponent)
    return [Unit(name, tuple(blocks[name])) for name in sorted(blocks, key=numeric)]


def _mean(units: Sequence[Unit], sparsity: Mapping[str, float]) -> float:
    return sum(sparsity[unit.name] * unit.parameters for unit in units) / sum(unit.parameters for unit in units)


def recipe(sparsity: Mapping[str, float]) -> bytes:
    """For llm-compressor 0.14: it matches the list to the targets by the order of named_modules, so that is theirs.

    A recipe without its stage and group is read as one without any modifier, and `ignore: [lm_head]` misses the head.
    """
    modifier = {
        "sparsity": [round(value, 6) for value in sparsity.values()],
        "mask_structure": "0:0",
        "targets": list(sparsity),
        "ignore": ["re:.*lm_head"],
    }
    return to_yaml({"pruning_stage": {"pruning_modifiers": {"SparseGPTModifier": modifier}}})


def _array(found: Sequence[Exponent]) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([exponent.alpha for exponent in found]))
    return file.getvalue()


def _notes(capped: Sequence[str], estimator: str) -> tuple[str, ...]:
    notes = [
        f"Layers with a higher {estimator} are pruned more. Another estimator orders the layers otherwise.",
        "Embeddings, heads, routers, norms and biases stay dense.",
        "OWL and Wanda weigh by activations, which a checkpoint does not hold.",
    ]
    if capped:
        notes.append(
            f"{quantity(len(capped), 'layer')} at the cap; the others make up for it, so that the mean is kept."
        )
    return tuple(notes)


SPARSITY = Rule(
    name="sparsity",
    title="Sparsity per layer",
    reference="Lu et al., AlphaPruning, arXiv 2410.10912, section 3, eq. 2; haiquanlu/AlphaPruning 5f0e984; FARMS, "
    "arXiv 2506.06280, section 4",
    description="Prunes layers with a light tail more and those with a heavy tail less, at the same mean sparsity.",
    inputs="one checkpoint",
    value="sparsity",
    validated_on=(
        "The authors pruned LLaMA, LLaMA-2 and Vicuna models of 7 to 70 billion weights; AlphaPruning's "
        "sparsities against uniform ones, measured here with 3 seeds and 95 % intervals: LLaMA, 50% pruned: "
        "no clear difference, 0.036 (−0.011 to 0.084) in nats a byte; LLaMA, 70% pruned: no clear difference,"
        " 0.060 (−0.041 to 0.161) in nats a byte; MiniLM, 50% pruned: worse, 0.033 (0.004 to 0.061) in 1 − ρ;"
        " MiniLM, 70% pruned: no clear difference, −0.001 (−0.043 to 0.040) in 1 − ρ."
    ),
    compute=prescribe,
    options=(TARGET, EPSILON, estimator_option("alpha_peak"), PER, CAP),
    outputs=(
        Output(
            "llm_compressor.yaml", "llm-compressor", "a recipe with one SparseGPTModifier and a sparsity per target"
        ),
        Output("sparsity.json", "any", "the sparsity of each block or matrix, in the order of the modules"),
        Output("<estimator>.npy", "AlphaPruning", "the exponents for `main.py --ww_metric NAME --ww_metric_cache DIR`"),
    ),
)
