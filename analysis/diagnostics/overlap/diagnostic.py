"""What two updates of one base have in common: their directions, their entries, and how they would merge.

The subspaces of the leading singular vectors of ΔW₁ and ΔW₂ are compared as LoRA compares its ranks and seeds (Hu et
al., ICLR 2022, section 7.2), here a low-rank update with a full one, or task with task.
"""

from collections.abc import Sequence

from analysis.diagnostic import Column, Diagnostic, Measurement, Option, Options, Scalar, Scope
from analysis.diagnostics.options import single
from analysis.diagnostics.overlap.interference import interference
from analysis.diagnostics.overlap.summary import summarise
from analysis.diagnostics.update.directions import calm
from analysis.diagnostics.update.origin import cosine, is_unrelated
from analysis.figure import ByDepth, Distribution, Figure, Heatmap
from analysis.linalg import subspaces
from analysis.linalg.subspaces import extent
from analysis.linalg.triplets import Triplets
from analysis.runtime.pytorch import torch
from analysis.weight import Weight

ZERO = "one of the two updates is zero"

DIRECTIONS = Option(
    "directions",
    8,
    "How many of the leading directions of each update are compared; fewer where an update has fewer.",
    minimum=1.0,
    maximum=4096.0,
)
MERGED = Option(
    "share",
    0.5,
    "Share of the first update's singular values whose directions count as its own in the interference (OPCM's alpha).",
    minimum=0.0,
    maximum=1.0,
)

COLUMNS = (
    Column(
        "left_overlap",
        "Shared outputs",
        "Overlap of the leading output directions of the two updates, ‖U₁ᵀU₂‖² / min(i, j), 0 to 1. Near chance_left: "
        "they changed different things; high: the same.",
        absent=ZERO,
        shown=True,
    ),
    Column(
        "right_overlap",
        "Shared inputs",
        "The same of the leading input directions, 0 to 1. Near chance_right: they listen to different inputs; high: "
        "to the same.",
        absent=ZERO,
    ),
    Column(
        "chance_left",
        "… by chance, outputs",
        "Mean overlap of two random subspaces of those dimensions, max(i, j)/m. High where the matrix is small next to "
        "the directions, and then the overlap says little.",
        absent=ZERO,
        shown=True,
    ),
    Column(
        "chance_right",
        "… by chance, inputs",
        "Mean overlap of two random subspaces of those dimensions, max(i, j)/n. High where there are few inputs.",
        absent=ZERO,
    ),
    Column(
        "cosine",
        "cos(ΔW₁, ΔW₂)",
        "Cosine of the two updates as long vectors, -1 to 1. 0: unrelated; near 1 the same change, whatever its size; "
        "below 0 they undo each other.",
        absent=ZERO,
        shown=True,
    ),
    Column(
        "smallest_angle",
        "Smallest angle",
        "Smallest principal angle between the leading output directions. Near 0: one is shared; near 90 none.",
        unit="°",
        absent=ZERO,
    ),
    Column(
        "largest_angle",
        "Largest angle",
        "Largest principal angle between the leading output directions. Near 0: the smaller space lies in the larger.",
        unit="°",
        absent=ZERO,
    ),
    Column(
        "chordal_distance",
        "Chordal distance",
        "√Σ sin²θ of the principal angles of the outputs: 0 where the smaller space lies in the larger, high, at most "
        "√min(i, j), where nothing is shared. Its square is min(i, j) (1 - left_overlap).",
        absent=ZERO,
    ),
    Column(
        "interference_block",
        "Interference, leading",
        "Share of ‖ΔW₂‖² from the leading inputs to the leading outputs of ΔW₁, 0 to 1. High: merging the second would "
        "overwrite what the first does most (OPCM).",
        absent=ZERO,
    ),
    Column(
        "interference_diagonal",
        "Interference, direction by direction",
        "Share of ‖ΔW₂‖² along ΔW₁'s own directions, σ by σ, 0 to 1. High: the second strengthens or undoes the "
        "directions of the first.",
        absent=ZERO,
    ),
    Column(
        "interference_removed",
        "Removed by OPCM",
        "Share of ‖ΔW₂‖² that OPCM takes away before it adds the second to the first, 0 to 1. Low: they merge nearly "
        "whole; high: they compete.",
        absent=ZERO,
    ),
    Column(
        "signature",
        "Not along the first",
        "‖ΔW₂ less its part along ΔW₁‖ / ‖ΔW₂‖, 0 to 1, the second's robust weight signature. Near 1: all of it is its "
        "own; low: it is the first again. Known to 1e-7.",
        absent=ZERO,
    ),
    Column(
        "first_directions",
        "Directions of the first",
        "i: how many leading directions of the first update were compared. Fewer than asked where its rank is lower.",
        kind="integer",
    ),
    Column(
        "second_directions",
        "Directions of the second",
        "j: how many leading directions of the second update were compared. Fewer than asked where its rank is lower.",
        kind="integer",
    ),
    Column(
        "foreign",
        "Of another base",
        "True where one of the two tuned weights shares nothing with the base: its update is then mostly the "
        "base itself, and a high overlap means nothing.",
        kind="flag",
        usual_words="False.",
    ),
    Column("left_angles", "Angles, outputs", "Principal angles of the outputs in °, low to high.", kind="curve"),
    Column("right_angles", "Angles, inputs", "Principal angles of the inputs in °, low to high.", kind="curve"),
)


def compute(weights: Sequence[Weight], options: Options) -> Measurement:
    base, first, second = weights
    with calm(base):
        measurement = _compare(first.update, second.update, options.integer("directions"), options.number("share"))
        foreign = [
            not tuned.of_adapter and is_unrelated(cosine(base.matrix, tuned.matrix), base.matrix.numel())
            for tuned in weights[1:]
        ]
    return Measurement({**measurement.values, "foreign": any(foreign)}, measurement.curves, measurement.note)


def _compare(one: Triplets, other: Triplets, directions: int, share: float) -> Measurement:
    i, j = (min(directions, extent(update)) for update in (one, other))
    values: dict[str, Scalar] = {"first_directions": i, "second_directions": j}
    effect = interference(one, other, share)
    if not i or not j or effect is None:
        which = "both updates are" if i == j else "the first update is" if not i else "the second update is"
        return Measurement(values, note=f"{which} zero")
    left = torch.rad2deg(subspaces.angles(one.left[:, :i], other.left[:, :j]))
    right = torch.rad2deg(subspaces.angles(one.right[:, :i], other.right[:, :j]))
    values |= {
        "left_overlap": subspaces.overlap(one.left[:, :i], other.left[:, :j]),
        "right_overlap": subspaces.overlap(one.right[:, :i], other.right[:, :j]),
        "chance_left": subspaces.chance(i, j, len(one.left)),
        "chance_right": subspaces.chance(i, j, len(one.right)),
        "cosine": effect.cosine,
        "smallest_angle": float(left[0]),
        "largest_angle": float(left[-1]),
        "chordal_distance": subspaces.chordal_distance(torch.deg2rad(left)),
        "interference_block": effect.block,
        "interference_diagonal": effect.diagonal,
        "interference_removed": effect.removed,
        "signature": effect.signature,
    }
    curves = {f"{side}_angles": single(angles.cpu().numpy()) for side, angles in (("left", left), ("right", right))}
    return Measurement(values, curves)


OVERLAP = Diagnostic(
    name="overlap",
    title="Update overlap",
    scope=Scope.UPDATES,
    reference="Hu et al., ICLR 2022, section 7.2; Tang et al., arXiv 2501.09522 (OPCM); Cai et al., ICML 2023 (RWS)",
    description="What each two updates of one base have in common, compared with what chance would give.",
    columns=COLUMNS,
    compute=compute,
    summarise=summarise,
    options=(DIRECTIONS, MERGED),
    figures=(
        Figure(
            "overlap-by-depth",
            "Shared output directions by depth",
            "Overlap of the leading output directions of two updates. Near chance they changed different things.",
            ByDepth(y="left_overlap"),
        ),
        Figure(
            "overlap-by-role",
            "Shared output directions by block and role",
            "Overlap of the leading output directions of two updates: where they changed the same.",
            Heatmap(color="left_overlap"),
        ),
        Figure(
            "cosines",
            "Cosines of the updates",
            "Cosine of the two updates in each matrix. Above 0 they pull the same way, below it against each other.",
            Distribution(x="cosine"),
        ),
    ),
    caveat="Compare with unrelated tasks, not with chance alone: their updates share more than chance "
    "(docs/evidence.md).",
)
