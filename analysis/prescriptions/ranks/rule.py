"""The rule `ranks`: ranks from the singular values of one checkpoint, before anything is trained."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, pstdev

from analysis.diagnostic import Option, Options, Scalar
from analysis.errors import OptionError, UnmeasuredLayer, UnreachableTarget
from analysis.findings.wording import percent, quantity
from analysis.prescriptions.lora_rank.patterns import ranks_as_settings
from analysis.prescriptions.members import Members
from analysis.prescriptions.naming import module_of
from analysis.prescriptions.prescription import Answer, Doubt, Output, Rule
from analysis.prescriptions.ranks.budget import experts_by_alpha, proportional_ranks
from analysis.prescriptions.ranks.energy import energy_rank, factored
from analysis.prescriptions.ranks.layers import Layer, read_layers
from analysis.prescriptions.ranks.welore import MIN_RATIO, Cut, cut_below, cut_share, is_low_rank
from analysis.prescriptions.writing import to_bytes
from analysis.statistics.power_law import hill

RULE = Option(
    "rule",
    "welore",
    "welore: one threshold on (s - s_K)/(s₁ - s_K) for all layers. energy: the least rank that holds `energy` of Σs². "
    "budget: LoRA ranks in proportion to the energy rank, for `budget` parameters in all. experts: experts per block "
    "in proportion to the mean Hill exponent to the power of `beta` (AlphaLoRA).",
    choices=("welore", "energy", "budget", "experts"),
)
TARGET = Option("target", 0.5, "Share of all directions that WeLore cuts.", minimum=0.0, maximum=1.0)
THRESHOLD = Option("threshold", 0.0, "WeLore's threshold itself; 0: found from the target.", minimum=0.0, maximum=1.0)
MIN_SHARE = Option(
    "min_ratio", MIN_RATIO, "Share of a layer's directions cut above which WeLore factors it.", minimum=0.0, maximum=1.0
)
ENERGY = Option("energy", 0.9, "Share of Σs² that the energy rank holds.", minimum=1e-6, maximum=1.0)
BUDGET = Option("budget", 0, "Trained parameters of all LoRA factors together.", minimum=0.0, maximum=1e15)
LEAST = Option("r_min", 4, "Least rank of a LoRA; all ranks are multiples of it.", minimum=1.0, maximum=1e6)
LARGEST = Option("r_max", 64, "Largest rank of a LoRA.", minimum=1.0, maximum=1e6)
EXPERTS = Option("experts", 0, "Experts of all blocks together.", minimum=0.0, maximum=1e9)
BETA = Option("beta", 2.5, "Power of the exponent that experts are given out by.", minimum=0.0, maximum=100.0)

LOSS = (
    "Error in W is not loss: removing the smallest singular values can hurt more than those in the middle, more so "
    "after fine-tuning (arXiv 2410.17770). SVD-LLM and ASVD need activations for usable perplexity."
)


def prescribe(members: Members, options: Options) -> Answer:
    layers = read_layers(members)
    match options.text("rule"):
        case "welore":
            return _welore(layers, options)
        case "energy":
            return _energy(layers, options)
        case "budget":
            return _budget(layers, options)
        case _:
            return _experts(layers, options)


def _welore(layers: Sequence[Layer], options: Options) -> Answer:
    cut = _threshold(layers, options)
    min_ratio = options.number("min_ratio")
    ranks = {layer.name: len(layer.values) - cut_count for layer, cut_count in zip(layers, cut.cuts, strict=True)}
    low = {
        layer.name: is_low_rank(len(layer.values) - ranks[layer.name], len(layer.values), min_ratio) for layer in layers
    }
    details = {layer.name: _facts(layer, ranks[layer.name], low_rank=low[layer.name]) for layer in layers}
    cuts = {name: rank for name, rank in ranks.items() if low[name] and details[name]["factored"]}
    notes = [
        f"The threshold {cut.threshold:.6g} cuts {percent(cut.reduction)} of all directions; "
        f"{sum(low.values())} of {quantity(len(layers), 'layer')} lose more than {percent(min_ratio)} of theirs.",
        "The normalisation hangs on one value, s₁: a single outlier makes a layer look low-rank.",
        LOSS,
    ]
    return Answer(
        entries=ranks,
        details=details,
        extra={"threshold": cut.threshold, "reduction": cut.reduction, "factored": list(cuts)},
        notes=(*notes, *_wasted(details, low), *_dequantised(layers)),
        files={"ranks.json": to_bytes({module_of(name): rank for name, rank in cuts.items()})},
    )


def _threshold(layers: Sequence[Layer], options: Options) -> Cut:
    """Raises UnreachableTarget where more would be cut than all directions but the strongest of each layer."""
    spectra = [layer.values for layer in layers]
    if options.number("threshold"):
        return cut_below(spectra, options.number("threshold"))
    try:
        return cut_share(spectra, options.number("target"))
    except OptionError as error:
        raise UnreachableTarget(error.message) from error


def _facts(layer: Layer, rank: int, low_rank: bool = True) -> dict[str, Scalar]:
    result = factored(layer.values, rank, layer.rows, layer.columns)
    return {
        "full_rank": len(layer.values), "cut": len(layer.values) - rank, "energy_kept": result.energy,
        "relative_error": result.error, "parameters": result.parameters, "saved": result.saved, "low_rank": low_rank,
        "factored": low_rank and result.pays,
    }  # fmt: skip


def _wasted(details: Mapping[str, Mapping[str, Scalar]], low: Mapping[str, bool]) -> list[str]:
    dense_names = [name for name, numbers in details.items() if low[name] and not numbers["factored"]]
    if not dense_names:
        return []
    return [f"{quantity(len(dense_names), 'layer')} would grow as two factors, k ≥ mn/(m + n): left dense."]


def _dequantised(layers: Sequence[Layer]) -> list[str]:
    grid_layers = [layer for layer in layers if layer.dequantised]
    count = quantity(len(grid_layers), "layer")
    return [f"{count} dequantised: the rounding of the grid is in the small singular values."] if grid_layers else []


def _energy(layers: Sequence[Layer], options: Options) -> Answer:
    share = options.number("energy")
    ranks = {layer.name: energy_rank(layer.values, share) for layer in layers}
    details = {layer.name: _facts(layer, ranks[layer.name]) for layer in layers}
    cuts = {name: rank for name, rank in ranks.items() if details[name]["factored"] and rank}
    total = sum(layer.rows * layer.columns - ranks[layer.name] * layer.sides for layer in layers if layer.name in cuts)
    notes = [
        f"{len(cuts)} of {quantity(len(layers), 'layer')} are smaller as two factors, {total:,} parameters in all; the "
        f"others hold less than {percent(share)} of Σs² at a rank that pays.",
        LOSS,
    ]
    return Answer(
        entries=ranks,
        details=details,
        extra={"factored": list(cuts), "saved": total},
        notes=(*notes, *_dequantised(layers)),
        files={"ranks.json": to_bytes({module_of(name): rank for name, rank in cuts.items()})},
    )


def _budget(layers: Sequence[Layer], options: Options) -> Answer:
    smallest, largest = options.integer("r_min"), options.integer("r_max")
    if smallest > largest:
        raise OptionError(f"option r_min: {smallest} is above r_max, {largest}")
    target = options.integer("budget") or 16 * sum(layer.sides for layer in layers)
    needs = [energy_rank(layer.values, options.number("energy")) for layer in layers]
    try:
        ranks = proportional_ranks(needs, [layer.sides for layer in layers], target, smallest, largest)
    except OptionError as error:
        raise UnreachableTarget(error.message) from error
    entries = {layer.name: rank for layer, rank in zip(layers, ranks, strict=True)}
    settings = ranks_as_settings({module_of(name): rank for name, rank in entries.items()})
    total = sum(layer.sides * rank for layer, rank in zip(layers, ranks, strict=True))
    uniform = max(smallest, smallest * (target // (smallest * sum(layer.sides for layer in layers))))
    doubt = Doubt("All layers have the same energy rank.", min(uniform, largest)) if len(set(needs)) == 1 else None
    return Answer(
        entries=entries,
        details={
            layer.name: {"energy_rank": need, "parameters": layer.sides * rank}
            for layer, need, rank in zip(layers, needs, ranks, strict=True)
        },
        extra={"trained_parameters": total, "budget": target},
        notes=("Ranks in proportion to the energy rank: unvalidated, no paper compares them with equal ranks.",),
        doubt=doubt,
        files={"rank_pattern.json": to_bytes({key: settings[key] for key in ("rank_pattern", "alpha_pattern")})},
    )


def _experts(layers: Sequence[Layer], options: Options) -> Answer:
    blocks: dict[int, list[float]] = {}
    for layer in layers:
        alpha = hill(layer.values[::-1] ** 2)
        if alpha is None:
            raise UnmeasuredLayer(f"{layer.name} has no Hill exponent: too few eigenvalues, or all are equal")
        blocks.setdefault(layer.info.depth or 0, []).append(alpha)
    means = {depth: fmean(alphas) for depth, alphas in sorted(blocks.items())}
    total = options.integer("experts") or 8 * len(means)
    try:
        counts = experts_by_alpha(list(means.values()), total, options.number("beta"))
    except OptionError as error:
        raise UnreachableTarget(error.message) from error
    by_block = dict(zip(means, counts, strict=True))
    return Answer(
        entries={layer.name: by_block[layer.info.depth or 0] for layer in layers},
        estimator="alpha_hill_median",
        details={layer.name: {"mean_alpha": means[layer.info.depth or 0]} for layer in layers},
        extra={"experts": {str(depth): count for depth, count in by_block.items()}},
        notes=("From the formula in AlphaLoRA's text: its code is not released.",),
        doubt=_doubt(layers, means, total),
        files={"experts.json": to_bytes(list(counts))},
    )


def _doubt(layers: Sequence[Layer], means: Mapping[int, float], total: int) -> Doubt | None:
    """Where the blocks' means differ by less than their errors: α has (α - 1)/√n of n values in the tail."""
    if len(means) < 2:
        return Doubt("There is one block only.", total)
    half = fmean(len(layer.values) / 2.0 for layer in layers)
    block_size = len(layers) / len(means)
    error = fmean((mean - 1.0) / math.sqrt(half * block_size) for mean in means.values())
    if pstdev(means.values()) >= error:
        return None
    spread = pstdev(means.values())
    return Doubt(
        f"The blocks' exponents spread by {spread:.2g}, less than their error {error:.2g}.", total // len(means)
    )


RANKS = Rule(
    name="ranks",
    title="Ranks from one checkpoint",
    reference="WeLore, arXiv 2407.11239, VITA-Group/WeLore 3f3dac6; LaMDA++, arXiv 2406.12832, section 3.3; AlphaLoRA, "
    "arXiv 2410.10054",
    description="Chooses the rank of each layer from its singular values, to factor it or to train a LoRA on it.",
    inputs="one checkpoint",
    value="rank",
    validated_on="WeLore's authors compressed two LLaMA-2 models; the LoRA budget is unvalidated, and nothing was "
    "compared here.",
    compute=prescribe,
    options=(RULE, TARGET, THRESHOLD, MIN_SHARE, ENERGY, BUDGET, LEAST, LARGEST, EXPERTS, BETA),
    outputs=(
        Output("ranks.json", "any that factors layers", "the rank of each module that is smaller as two factors"),
        Output("rank_pattern.json", "PEFT", "`rank_pattern` and `alpha_pattern`, with rule=budget"),
        Output("experts.json", "AlphaLoRA", "experts of each block in their order, with rule=experts"),
    ),
    weights=True,
)
