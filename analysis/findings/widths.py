"""What findings on a family of widths are about: the causes, each with what to check, what confirms it, what to do."""

from analysis.finding import Cause

FACTS = "docs/scaling.md, “What it takes”"
LAW = "Fan et al., arXiv 2510.15262; docs/scaling.md"

WIDTH_EXPONENT = Cause(
    "width-exponent",
    "settings, steps · η · λ, and how many models and seeds there are",
    "another seed at each width",
    "measure more widths and seeds before changing a rule",
    "small models short of the steady state",
    "Fan et al., arXiv 2510.15262; t-tests corrected by Holm (1979); docs/scaling.md",
)
WIDTH_DRIFT = Cause(
    "width-drift",
    "learning rate and weight decay of both widths",
    "training once with the weight decay given here",
    "scale the weight decay as given, and test the loss: a steady σ₁ is not the lowest loss",
    "where settings are tuned at each width",
    "Fan et al., arXiv 2510.15262; docs/experiment-widths.md",
)

WIDTH_FACTS = Cause(
    "width-facts",
    "the facts of each checkpoint against the configuration that it was trained with",
    "the training's own log or arguments",
    "state the fact that is missing or wrong, or take back what was stated",
    "where only σ₁ itself is of interest, and no law",
    FACTS,
)
WIDTH_REGIME = Cause(
    "width-regime",
    "optimizer, schedule, weight decay and number of steps of each model",
    "steps · η · λ of 2 or more, AdamW with decoupled decay, and the rate that the matrices got",
    "train longer or with more decay before reading exponents, or read σ₁ alone",
    "where only σ₁ itself is of interest, and no law",
    LAW,
)
WIDTH_EVIDENCE = Cause(
    "width-evidence",
    "how many widths, blocks and values of η/λ there are",
    "the widths of the intervals",
    "measure more widths, more blocks, or another λ at one width",
    "where a check of one pair is all that is wanted",
    "simulated: `python -m benchmarks.widths`; its table is docs/scaling.md",
)
WIDTH_SHAPE = Cause(
    "width-shape",
    "the normalised spectra of that matrix at each width",
    "the figure of the spectra: they part by more than the bound",
    "read the whole spectrum there, not σ₁ alone",
    "matrices of a fixed rank or size",
    "the bound of 0.05 is ours; " + LAW,
)
WIDTH_PACE = Cause(
    "width-pace",
    "the norms over the steps, and whether a normalisation follows these weights",
    "η/‖W‖ over the steps",
    "decay the weights, or project them back to their norm",
    "where the rate was meant to fall",
    "Lyle et al. 2024, arXiv 2407.01800",
)

WIDTHS = (WIDTH_EXPONENT, WIDTH_DRIFT, WIDTH_FACTS, WIDTH_REGIME, WIDTH_EVIDENCE, WIDTH_SHAPE, WIDTH_PACE)
