"""What training changed in each weight: how large the update ΔW = W - W₀ is, in how many directions, and in which.

Low-rank adapters change few directions strongly, full fine-tuning many a little (Hu et al., ICLR 2022, section 7;
Shuttleworth et al., NeurIPS 2025). Lengths and angles are of the whole matrix, a convolution's kernel side by side.
"""

from collections.abc import Sequence

from analysis.diagnostic import Curve, Diagnostic, Measurement, Option, Options, Scope
from analysis.diagnostics.options import single
from analysis.diagnostics.update.adapter_base import outputs_over_chance
from analysis.diagnostics.update.columns import COLUMNS
from analysis.diagnostics.update.directions import calm
from analysis.diagnostics.update.kinds import kind_of_change
from analysis.diagnostics.update.numbers import drift, entries, shares, significant, sizes, tails, turns
from analysis.diagnostics.update.summary import summarise
from analysis.figure import ByDepth, Figure, Heatmap, Ranks, Series, Spectra
from analysis.linalg.subspaces import extent
from analysis.runtime.pytorch import Tensor
from analysis.weight import Weight

DIRECTIONS = Option(
    "directions",
    64,
    "How many of the leading directions of the base and of the update the shares and the amplification look at.",
    minimum=1.0,
    maximum=4096.0,
)

TURNS = Option(
    "turns",
    "yes",
    "Whether to say how far the directions turned (ΔD): that takes the whole decomposition of the fine-tuned "
    "weight, with vectors. "
    "no: ΔD is left out, and everything else is the same, found a little faster.",
    choices=("yes", "no"),
)


def compute(weights: Sequence[Weight], options: Options) -> Measurement:
    base, tuned = weights
    with calm(base):
        return _compute(base, tuned, options.integer("directions"), options.text("turns") == "yes")


def _compute(base: Weight, tuned: Weight, directions: int, turning: bool) -> Measurement:
    values = {
        **(turns(base.triplets, tuned.triplets) if turning else {}),  # first: the values come with the vectors
        **sizes(base, tuned),
        **shares(base, tuned, directions),
        **outputs_over_chance(base, tuned),
        **tails(base, tuned),
        **drift(base, tuned),
        **entries(base, tuned),
        "change": kind_of_change(base, tuned),
    }
    curves = {
        "update_singular_values": _curve(tuned.update_axes.values[: extent(tuned.update_axes)]),
        "base_singular_values": _curve(base.axes.values[: extent(base.axes)]),
        "tuned_singular_values": _curve(significant(tuned)),
    }
    return Measurement(values, curves, _note(base, tuned))


def _curve(values: Tensor) -> Curve:
    return single(values.cpu().numpy())


def _note(base: Weight, tuned: Weight) -> str | None:
    if not extent(base.axes):
        return "the base is zero" if len(significant(tuned)) else "the base and the fine-tuned weight are zero"
    return None if extent(tuned.update_axes) else "the update is zero: the fine-tuned weight is the base"


UPDATE = Diagnostic(
    name="update",
    title="Updates",
    scope=Scope.PAIR,
    reference="Hu et al., ICLR 2022, section 7; Shuttleworth et al., NeurIPS 2025; Cao and Song, arXiv 2409.00055",
    description="What training changed in each weight: how much, in how many directions, and in which.",
    columns=COLUMNS,
    compute=compute,
    summarise=summarise,
    options=(DIRECTIONS, TURNS),
    whole=True,
    figures=(
        Figure(
            "update-spectrum",
            "Spectrum of the update",
            "Singular values of the updates beside the base's. LoRA ends at its rank; full fine-tuning spreads a small "
            "change over hundreds of directions.",
            Ranks(y="update_singular_values", base="base_singular_values"),
        ),
        Figure(
            "spectra",
            "Eigenvalue spectrum before and after",
            "Density of the eigenvalues λ = σ² of the base and of the fine-tuned weight. What lies beyond the "
            "base's end is new.",
            Spectra(values="tuned_singular_values", base="base_singular_values"),
        ),
        Figure(
            "size-by-depth",
            "Size of the update by depth",
            "‖ΔW‖ / ‖W₀‖ of each matrix. Each line is one role.",
            ByDepth(y="relative_norm"),
        ),
        Figure(
            "size-by-role",
            "Size of the update by block and role",
            "‖ΔW‖ / ‖W₀‖ of each matrix: where training changed most.",
            Heatmap(color="relative_norm"),
        ),
        Figure(
            "size-over-checkpoints",
            "Size of the update over the checkpoints",
            "Median of ‖ΔW‖ / ‖W₀‖ over the matrices of each tuned checkpoint, in their order.",
            Series(y="relative_norm"),
        ),
        Figure(
            "rank-over-checkpoints",
            "Directions of the update over the checkpoints",
            "Median effective rank of the update of each tuned checkpoint, in their order.",
            Series(y="effective_rank"),
        ),
    ),
    caveat="Says how far and where weights moved, not whether the model became better. It needs the right base: "
    "see cos(W₀, W).",
)
