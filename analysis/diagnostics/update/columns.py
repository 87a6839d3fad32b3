"""The columns of the diagnostic `update`: what each number about a change means."""

from analysis.diagnostic import Column
from analysis.diagnostics.update.numbers import WINDOW

ZERO = "the base or the update is zero"
ZERO_BASE = "the base is zero"
NO_FIT = "one of the two has fewer than eight eigenvalues, or all are equal up to rounding"
FACTORS = "the update comes from an adapter, and was not rounded to the type of the weights"
NO_TURNS = "the option turns is no"

COLUMNS = (
    Column(
        "relative_norm",
        "‖ΔW‖ / ‖W₀‖",
        "Size of the update: its Frobenius norm over that of the base. 0: nothing changed. Full fine-tuning usually "
        "stays at a few percent; high means that much of what the base knew may be overwritten, and about 1.4 that the "
        "two have nothing in common.",
        absent=ZERO_BASE,
        usual=(0.0, 0.1),
        shown=True,
    ),
    Column(
        "norm",
        "‖ΔW‖",
        "Frobenius norm of the update, in the unit of the weights. Compare it within one model: high where training "
        "changed most.",
        scaled=True,
    ),
    Column(
        "spectral_ratio",
        "σ₁(ΔW) / σ₁(W₀)",
        "Largest singular value of the update over the base's. Above 1 the update's first direction is stronger than "
        "anything in the base; near 0 no direction stands out.",
        absent=ZERO_BASE,
    ),
    Column(
        "rank",
        "Rank of ΔW",
        "Singular values of the update above the rounding of the stored numbers, or of float64 where an adapter's "
        "factors are known. At most r for LoRA; low means few directions, 0 that no direction stands above rounding.",
        kind="integer",
    ),
    Column(
        "available_rank",
        "Rank offered",
        "Rank that the adapter's factors could have, at most the smaller side. Far above the effective rank: a smaller "
        "r would do.",
        kind="integer",
        absent="the update comes from two stored matrices, not from factors",
    ),
    Column(
        "effective_rank",
        "Effective rank of ΔW",
        "exp of the entropy of the shares σ/Σσ of the update: how many directions it really uses, from 1 to its rank. "
        "Low for LoRA, high (hundreds) for full fine-tuning; rounding to half precision makes it higher (Roy and "
        "Vetterli 2007). 0 for an update of zero.",
        shown=True,
        caveat="Rounding to half precision makes it higher: read ΔW / rounding first.",
        source="Roy and Vetterli, EUSIPCO 2007",
    ),
    Column(
        "stable_rank",
        "Stable rank of ΔW",
        "‖ΔW‖² / σ₁², 1 to the rank: how many directions carry the update's energy. Near 1 a single one does; high "
        "where it is spread. 0 for an update of zero.",
    ),
    Column(
        "share_in_base",
        "Inside the base",
        "Share of ‖ΔW‖² inside the base's leading directions (option directions), 0 to 1: the mean of share_left and "
        "share_right. Above share_chance the update strengthens what the base had; below, it avoids it.",
        absent=ZERO,
        shown=True,
    ),
    Column(
        "share_chance",
        "… by chance",
        "What share_in_base is on average for an update without any preference: (k/m + k/n)/2. High where the matrix "
        "is small beside k directions, and then the share says little.",
        absent=ZERO,
    ),
    Column(
        "share_left",
        "Inside the base, outputs",
        "‖UₖᵀΔW‖²/‖ΔW‖²: share of the update among the base's k leading output directions, 0 to 1. Chance is k/m; "
        "higher means that it writes where the base writes.",
        absent=ZERO,
    ),
    Column(
        "share_right",
        "Inside the base, inputs",
        "‖ΔW Vₖ‖²/‖ΔW‖²: share of the update among the base's k leading input directions, 0 to 1. Chance is k/n; "
        "higher means that it reads what the base reads.",
        absent=ZERO,
    ),
    Column(
        "share_both",
        "Inside the base, both",
        "‖UₖᵀΔW Vₖ‖²/‖ΔW‖²: share that goes from those inputs to those outputs, 0 to 1. Chance is k²/(mn); higher "
        "means that the update re-weights the base's own map.",
        absent=ZERO,
    ),
    Column(
        "outputs_over_chance",
        "Outputs / chance",
        "Share of an adapter's output directions, each counted alike, within the base's leading eighth, over what "
        "chance gives. Near 1 on a base that was trained apart; higher on its own (docs/truth.md).",
        absent="the update is zero, does not come from factors, or fills more than a quarter of the outputs; or the "
        "base has fewer than 32 directions",
    ),
    Column(
        "output_directions",
        "Output directions",
        "How many output directions of the update that counts: few make the share rough, more make it firm.",
        kind="integer",
        absent="as outputs_over_chance",
    ),
    Column(
        "amplification",
        "Amplification",
        "‖ΔW‖ / ‖UᵀW₀V‖ within the update's leading directions, LoRA's amplification factor. Above 1 the update is "
        "stronger there than the base was: it lifts what the base hardly used; low means that it follows the base.",
        absent=f"{ZERO}, or the base is zero in the update's directions",
    ),
    Column("alpha_base", "α of the base", "Tail exponent of the base, as esd fits it: low is heavy.", absent=NO_FIT),
    Column(
        "alpha_tuned",
        "α, fine-tuned",
        "Tail exponent of the fine-tuned weight, as esd fits it: low is heavy.",
        absent=NO_FIT,
    ),
    Column(
        "alpha_shift",
        "Shift of α",
        "α of the fine-tuned weight less α of the base. Below 0 the tail became heavier, as learning makes it; "
        "above 0 thinner.",
        absent=NO_FIT,
        error="alpha_shift_error",
        shown=True,
        caveat="A shift below its error may be another choice of xmin.",
    ),
    Column(
        "alpha_shift_error",
        "± shift of α",
        "√(σ² + σ²) of the two fits, as if they were independent. They share most eigenvalues, so this is on the high "
        "side; a shift below it may be another choice of xmin.",
        absent=NO_FIT,
    ),
    Column(
        "rank_shift",
        "Shift of effective rank",
        "Effective rank of the fine-tuned weight less that of the base. Below 0 the weight leans on fewer "
        "directions, above 0 on "
        "more.",
        absent=ZERO_BASE,
        caveat="Rounding to half precision raises the effective rank.",
    ),
    Column(
        "delta_sigma",
        "Δσ",
        "Mean of |σᵢ - σᵢ⁰|, in the unit of the weights: how far the singular values moved. 0: not at all; high: the "
        "strengths changed, whatever the directions did.",
        scaled=True,
    ),
    Column(
        "delta_direction",
        "ΔD",
        "1 - mean of (|uᵢ·uᵢ⁰| + |vᵢ·vᵢ⁰|)/2 over all directions of singular value above 0, the i-th with the i-th. 0: "
        "none turned; near 1 all did. High also where two singular values only changed places.",
        absent=f"{ZERO_BASE}, or {NO_TURNS}",
        caveat="Also high where two singular values only changed places: read ΔD, matched.",
    ),
    Column(
        "delta_direction_matched",
        "ΔD, matched",
        f"The same with the best match within {WINDOW} places. Far below delta_direction: the directions changed "
        "places and did not turn; as high: they turned.",
        absent=f"{ZERO_BASE}, or {NO_TURNS}",
    ),
    Column(
        "cosine",
        "cos(W₀, W)",
        "Cosine of base and tuned as long vectors, -1 to 1. Near 1 for any fine-tune, near 0 (± 1/√(mn)) for unrelated "
        "weights; low means that this base is not where the fine-tuned weight began.",
        absent="the base or the fine-tuned weight is zero",
        usual_words="Near 1, for a fine-tune of this base.",
    ),
    Column(
        "unchanged",
        "Unchanged entries",
        "Share of the entries that equal the base's, rounded to the fine-tuned weight's type, 0 to 1. 1: frozen. "
        "High in half "
        "precision: the steps were too small to be stored.",
    ),
    Column(
        "rounding",
        "ΔW / rounding",
        "‖ΔW‖ over the rounding of the fine-tuned weight's type, 2^-9 ‖W₀‖ in bfloat16, 2^-12 in float16, 2^-25 in "
        "float32. Below "
        "about 3 the update is hardly more than rounding, and so are the numbers on its directions; high is safe.",
        absent=f"{ZERO_BASE}, or {FACTORS}",
        usual_words="3 or more: below, the update is hardly more than rounding.",
    ),
    Column(
        "stored_as",
        "Stored as",
        "Where the update comes from: factors (an adapter's, exact), adapter (one whose change is no product of two), "
        "or the type in which the fine-tuned weight is stored.",
        kind="text",
    ),
    Column(
        "base_stored_as",
        "Base stored as",
        "The type in which the base is stored. Where it is another than the fine-tuned weight's, files of equal values "
        "differ in their bytes.",
        kind="text",
    ),
    Column(
        "spectrum_distance",
        "Distance of spectra",
        "√Σ(σᵢ - σᵢ⁰)² / √Σσᵢ⁰²: 0 for equal spectra, never more than relative_norm. Far below it: the update turned "
        "directions and left their strengths; as high: it changed strengths.",
        absent=ZERO_BASE,
    ),
    Column(
        "change",
        "Kind of change",
        "none, trained, or what says nothing of training: cast (the base rounded to half precision), quantised (to a "
        "grid), pruned (entries set to 0), zeroed (all), scaled (the base times a factor), lines (each row or column "
        "times its own), permuted (its rows or columns in another order), reordered (so, and changed), transposed, "
        "noise (no direction above that of independent numbers), new (nothing in common), partly-new (in some rows or "
        "columns).",
        kind="text",
    ),
    Column("update_singular_values", "σ of ΔW", "Singular values of the update, high to low.", kind="curve"),
    Column("base_singular_values", "σ of W₀", "Singular values of the base, high to low.", kind="curve"),
    Column("tuned_singular_values", "σ of W", "Singular values of the fine-tuned weight, high to low.", kind="curve"),
)
