"""Directions among the leading ones of a tuned weight that its base did not have: intruder dimensions.

Low-rank adapters leave them, full fine-tuning hardly, and the more of them the more a model forgot (Shuttleworth et
al., NeurIPS 2025). What they are and how the count and its guard are made: docs/intruders.md.
"""

from collections.abc import Sequence

from analysis import figure as plots
from analysis.diagnostic import Curve, Diagnostic, Measurement, Option, Options, Scalar, Scope
from analysis.diagnostics.intruders.columns import COLUMNS
from analysis.diagnostics.intruders.leading import Leading, errors_of, leading
from analysis.diagnostics.intruders.rule import CAVEAT, Match, Side, ambiguity, chance, match, sweep
from analysis.diagnostics.intruders.summary import summarise
from analysis.diagnostics.options import single
from analysis.diagnostics.update.kinds import kind_of_change
from analysis.figure import ByDepth, Figure, Heatmap, Series, Sweep
from analysis.linalg.reduction import Reduction
from analysis.linalg.subspaces import extent
from analysis.linalg.triplets import Triplets
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float64
from analysis.weight import Weight

ZERO_BASE = "the base is zero and has no directions"
ZERO_TUNED = "the fine-tuned weight is zero and has no directions"
CERTAIN = 1e-4  # error of a cosine up to which it says the same as the exact one, to what the authors' float32 gives

OPTIONS = (
    Option("k", 10, "How many of the fine-tuned weight's leading directions are looked at.", minimum=1.0, maximum=64.0),
    Option("epsilon", 0.5, "Cosine below which a direction is new, 0 to 1.", minimum=0.0, maximum=1.0),
    Option(
        "side",
        "left",
        "Which singular vectors are compared: left (outputs, as the authors do), right (inputs), or both: then a "
        "direction is an intruder where it is one on either side's own terms, new among the outputs and the inputs.",
        choices=("left", "right", "both"),
    ),
    Option(
        "directions",
        24,
        "How many directions of base and tuned are kept for figures; at least k are.",
        minimum=1.0,
        maximum=64.0,
    ),
)


def compute(weights: Sequence[Weight], options: Options) -> Measurement:
    base, tuned = weights
    side: Side = options.text("side")  # type: ignore[assignment]  # one of its choices
    k, epsilon = options.integer("k"), options.number("epsilon")
    count = max(k, options.integer("directions"))  # else a count over the figures would be another than the row's
    directions = leading(tuned, count)
    ranks = extent(base.axes), extent(directions.triplets)
    if not all(ranks):
        return Measurement({"k": 0, "epsilon": epsilon}, note=ZERO_TUNED if ranks[0] else ZERO_BASE)
    axes, matches, values = _compare(base, directions, k, epsilon, side)
    values |= {"change": kind_of_change(base, tuned), "of_adapter": tuned.of_adapter}
    return Measurement(values, _curves(matches, k, count), _note(axes, matches, k, epsilon, values))


def _compare(
    base: Weight, directions: Leading, k: int, epsilon: float, side: Side
) -> tuple[Triplets | Reduction, Match, dict[str, Scalar]]:
    """How the directions lie among the base's: by its reduction where that decides all, else by its vectors."""
    for axes in (base.axes, None):
        known = base.triplets if axes is None else axes
        matches = match(known, directions.triplets, side)
        values = {**_counts(matches, k, epsilon), **_certainty(known, matches, directions, k, side)}
        if isinstance(known, Triplets) or is_decided(matches.best[:k], epsilon, float(values["error"] or 0.0)):
            break
    return known, matches, values


def is_decided(best: Float64[Tensor, " k"], epsilon: float, error: float) -> bool:
    """Whether no cosine is so near to ε that an error of this size could change its verdict, and the error is small."""
    return error <= CERTAIN and bool(((best - epsilon).abs() > error).all())


def _counts(matched: Match, k: int, epsilon: float) -> dict[str, Scalar]:
    best_match, new = matched.best[:k], matched.intruders(k, epsilon)
    ranks = new.nonzero().flatten()
    return {
        "count": int(new.sum()),
        "count_guarded": int(matched.guarded_intruders(k, epsilon).sum()),
        "k": len(best_match),
        "epsilon": epsilon,
        "first_rank": int(ranks[0]) + 1 if len(ranks) else None,
        "lowest_match": float(best_match.min()),
        "mean_match": float(best_match.mean()),
    }


def _certainty(base: Triplets | Reduction, matched: Match, found: Leading, k: int, side: Side) -> dict[str, Scalar]:
    both = {"left": (found.triplets.left, found.left_errors), "right": (found.triplets.right, found.right_errors)}
    sides = list(both) if side == "both" else [side]
    error = torch.stack([both[name][1] for name in sides]).amax(dim=0)
    if found.method != "same":
        loose = torch.stack([errors_of(base, left=name == "left") for name in sides]).amax(dim=0)
        error = error + ambiguity(matched.similarity, loose)
    return {
        "chance": chance(*[(len(both[name][0]), len(base.values)) for name in sides]),
        "method": found.method,
        "error": min(1.0, float(error[:k].max())),
    }


def _curves(matched: Match, k: int, kept: int) -> dict[str, Curve]:
    square = min(kept, *matched.similarity.shape)
    epsilon, count = sweep(matched.best[:k])
    return {
        "similarity": single(matched.similarity[:square, :square].flatten().cpu().numpy()),
        "best_match": single(matched.best[:square].cpu().numpy()),
        "captured": single(matched.captured[:square].cpu().numpy()),
        "sweep_epsilon": single(epsilon),
        "sweep_count": single(count),
    }


def _note(base: Triplets | Reduction, matched: Match, k: int, epsilon: float, values: dict[str, Scalar]) -> str | None:
    """What a reader should know before the count is believed."""
    rank, chance_level = extent(base), float(values["chance"] or 0.0)
    parts = []
    if rank < len(base.values):
        parts.append(f"the base has rank {rank} of {len(base.values)}: its other directions are arbitrary")
    if float(values["error"] or 0.0) > CERTAIN:
        parts.append("some singular values are equal: which vectors stand for them is arbitrary")
    if bool((matched.crowded[:k] & matched.intruders(k, epsilon)).any()):
        parts.append("too many of the base's singular values are nearly equal for the guard to be sure")
    if chance_level >= epsilon:
        parts.append(f"a random direction matches with {chance_level:.2f}: too small a matrix for ε = {epsilon:g}")
    return "; ".join(parts) or None


INTRUDERS = Diagnostic(
    name="intruders",
    title="Intruder dimensions",
    scope=Scope.PAIR,
    reference="Shuttleworth et al., NeurIPS 2025, arXiv 2410.21228, section 3",
    description="Whether the directions that lead in the fine-tuned weight were there in the base, or are new.",
    columns=COLUMNS,
    compute=compute,
    summarise=summarise,
    options=OPTIONS,
    figures=(
        Figure(
            "match",
            "Directions of base and tuned",
            "|cos| of each direction of the fine-tuned weight with each of the base. A diagonal is preserved; a "
            "blank column is an "
            "intruder, and shifts those behind it by one.",
            plots.Match(z="similarity", best="best_match", k="k", epsilon="epsilon"),
        ),
        Figure(
            "sweep",
            "Intruders by ε",
            "Intruders in all matrices as the threshold moves. Low-rank adapters have some at a low ε already; full "
            "fine-tuning hardly any until far to the right.",
            Sweep(x="sweep_epsilon", y="sweep_count", x0="epsilon"),
        ),
        Figure(
            "by-depth",
            "Intruders by depth",
            "Intruders among the first k directions of each matrix. Each line is one role.",
            ByDepth(y="count"),
        ),
        Figure(
            "by-role",
            "Intruders by block and role",
            "Intruders among the first k directions of each matrix: where the fine-tuned weight leads in new "
            "directions.",
            Heatmap(color="count"),
        ),
        Figure(
            "over-checkpoints",
            "Intruders over the checkpoints",
            "Intruders in all matrices of each tuned checkpoint, in their order.",
            Series(y="count"),
        ),
    ),
    caveat=CAVEAT,
)
