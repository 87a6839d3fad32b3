"""What the spectrum of a weight and the power law of its tail are told by."""

from analysis.diagnostic import Column
from analysis.diagnostics.esd.summary import OVER, UNDER, is_readable
from analysis.diagnostics.options import ALPHA_ERROR, SIGMA
from analysis.statistics.fit_range import NO_FIT

COLUMNS = (
    Column(
        "alpha",
        "α",
        "Exponent of the power law fitted to the tail of the eigenvalues, from the start with the least distance (KS). "
        "2 to 6: where most trained layers lie (Martin and Mahoney 2021). Above 6: a thin tail, as noise and long "
        "matrices have; below 2: a heavy one. Compare within one role, shape and recipe; see docs/evidence.md.",
        absent=NO_FIT,
        usual=(OVER, UNDER),
        usual_in="in published well-trained models (KS)",
        judges=is_readable,
        error="alpha_error",
        shown=True,
        source="Martin and Mahoney, JMLR 22, 2021; Clauset, Shalizi and Newman, SIAM Review 51, 2009",
    ),
    ALPHA_ERROR,
    SIGMA,
    Column(
        "D",
        "KS distance D",
        "Largest gap between the tail's distribution and the fitted law (Kolmogorov-Smirnov), 0 to 1. Low: the tail is "
        "a power law; above about 0.1 another shape may fit better.",
        absent=NO_FIT,
        shown=True,
        usual_words="0 to 0.1: above, another shape may fit better.",
        source="Clauset, Shalizi and Newman, SIAM Review 51, 2009, section 3",
    ),
    Column(
        "xmin",
        "xmin",
        "Eigenvalue where the fitted tail starts: the start with the least D. High means that only the largest few "
        "follow the law; low, that nearly all do.",
        absent=NO_FIT,
        scaled=True,
    ),
    Column(
        "xmax",
        "xmax",
        "Largest eigenvalue of the fit, where the tail ends. High means strong amplification. No upper cut is made.",
        absent=NO_FIT,
        scaled=True,
    ),
    Column(
        "num_evals",
        "Eigenvalues",
        "How many eigenvalues: the smaller side, times the slices of a convolution. Below 50 every fit is weak; many "
        "make it firm.",
        kind="integer",
        usual_words="50 or more, for a firm fit.",
    ),
    Column(
        "num_pl_spikes",
        "Eigenvalues in the tail",
        "Eigenvalues in the fitted tail. Below 20 α is a hint; high counts make it firm.",
        kind="integer",
        absent=NO_FIT,
        shown=True,
        usual_words="20 or more, for a firm fit.",
    ),
    Column(
        "lambda_max",
        "λ₁",
        "Largest eigenvalue, the spectral norm squared. High means that one direction is amplified strongly.",
        scaled=True,
    ),
    Column(
        "alpha_hill",
        "α Hill",
        "Hill's exponent of the upper half of the eigenvalues: no search, so it is steadier than α, but it depends on "
        "the shape of the matrix. Low means heavy tails, high thin ones (Zhou et al. 2023, TempBalance).",
        absent="fewer than eight eigenvalues, half of them zero, or the upper half all equal",
        caveat="Its level is not that of α (KS): the range 2 to 6 is not its own, and the aspect ratio alone moves "
        "it from 2.12 to 3.44 on noise (docs/evidence.md).",
        source="Hill 1975; Zhou et al., NeurIPS 2023 (TempBalance)",
    ),
    Column(
        "alpha_weighted",
        "α̂",
        "α · log₁₀ λ₁: tail and scale in one, WeightWatcher's α-hat. Lower was better across models of one "
        "architecture; negative where λ₁ is below 1, and then its order turns round.",
        absent=NO_FIT,
        scaled=True,
        caveat="Its order turns round where λ₁ is below 1. Compare only within one architecture (docs/evidence.md).",
    ),
    Column(
        "log_alpha_norm",
        "log Σλ^α",
        "Base-10 logarithm of the sum of λ^α, the α-norm. Lower was better across models of one architecture; high "
        "means large and thin-tailed.",
        absent=NO_FIT,
        scaled=True,
        caveat="Compare only within one architecture (docs/evidence.md).",
    ),
    Column(
        "small_n",
        "Very few",
        "True where fewer than 20 eigenvalues were fitted: α is corrected for bias then, and still uncertain. High "
        "uncertainty when true, nothing to note when false.",
        kind="flag",
        absent=NO_FIT,
        usual_words="False.",
    ),
    Column(
        "low_confidence",
        "Low-confidence fit",
        "True where the tail has fewer than 20 points or the fit fewer than 50 eigenvalues: high or low, α is a hint.",
        kind="flag",
        absent=NO_FIT,
        usual_words="False.",
    ),
    Column(
        "warning",
        "WeightWatcher's warning",
        "WeightWatcher's word: under-trained where α is high (above 6), over-trained where it is low (below 2), empty "
        "between. Kept for comparison: it is no verdict of ours (docs/evidence.md).",
        kind="text",
        absent=NO_FIT,
        caveat="Not a verdict: noise is called under-trained and many good small language models over-trained "
        "(docs/evidence.md).",
        source="WeightWatcher 0.7.7 (docs/weightwatcher.md)",
    ),
    Column(
        "kernel",
        "Kernel",
        "How the eigenvalues were found: gram or svd (where the matrix is close to losing rank). Both are float64; "
        "neither high nor low, it says how the smallest values were had.",
        kind="text",
    ),
    Column(
        "num_fingers",
        "Fingers",
        "Largest eigenvalues that the option clip_xmax left out, less one, as WeightWatcher counts them. 0: none; "
        "more: the raw α hung on them.",
        kind="integer",
        absent=f"{NO_FIT}, or fix_fingers is not clip_xmax",
        usual_words="0.",
    ),
    Column(
        "raw_alpha",
        "α with fingers",
        "Exponent before any was left out. Far above α: a few eigenvalues alone made it so high.",
        absent=f"{NO_FIT}, or fix_fingers is not clip_xmax",
    ),
    Column("eigenvalues", "λ", "All eigenvalues λ = σ², ascending; high ones are the tail.", kind="curve"),
    Column("candidate_xmin", "λ", "Possible starts of the tail, low to high.", kind="curve"),
    Column("candidate_D", "D", "KS distance of each possible start; low is a good fit, high a bad one.", kind="curve"),
    Column("candidate_alpha", "α", "Exponent from each possible start; level, high or low, where firm.", kind="curve"),
)
