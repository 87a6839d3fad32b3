"""The words of reports and lists that are not columns of a diagnostic."""

from analysis.glossary.term import Term

EVIDENCE = "docs/evidence.md"
SCALING = "Fan, Liu, Zhao, Yuan and Gu, arXiv 2510.15262 (docs/scaling.md)"
RIGHT = "How often each kind is right was measured on planted faults and clean models (docs/truth.md)."
NO_QUALITY = "No measure of quality: noise has an α too (docs/evidence.md)."

REPORT = (
    Term("layer", "Layer", "A named weight of the checkpoint as a matrix that maps inputs to outputs."),
    Term("shape", "Shape", "Rows × columns: outputs × inputs. Of a convolution, times the positions of its kernel."),
    Term(
        "role",
        "Role",
        "What a weight does in its block: query, key, value, output, MLP up, MLP down and others, read from its name.",
        caveat="An unknown name has no role; it is analysed all the same.",
    ),
    Term("block", "Block", "A repeated part of the network, numbered from its input."),
    Term("spectrum", "Spectrum", "The singular values σ of a matrix; its eigenvalues are their squares, λ = σ²."),
    Term(
        "tail",
        "Tail",
        "The largest eigenvalues, from xmin on. Training makes them rarer slowly, as a power law does.",
        caveat="A tail that is more than half of the spectrum is no tail.",
        source="Martin and Mahoney, JMLR 22, 2021",
    ),
    Term(
        "finding",
        "Finding",
        "A sentence about what stands out, with the numbers behind it. Its severity is problem, warning or note.",
        caveat=RIGHT,
        source="docs/findings.md",
    ),
    Term(
        "worst_finding",
        "Worst finding",
        "The finding of the highest severity in the newest report.",
        caveat=RIGHT,
        source="docs/findings.md",
    ),
    Term(
        "firm_fit",
        "Firm fits in 2–6",
        "Of the fits that are firm, those with an α (KS) of 2 to 6. Firm: a smaller side of 128 or more, 20 or more "
        "eigenvalues in the tail, a tail of at most half of the spectrum, D of at most 0.1.",
        usual="Most of them, in published well-trained models.",
        caveat=NO_QUALITY,
        source=EVIDENCE,
    ),
    Term(
        "left_out",
        "Left out",
        "Fits that are not firm: on small matrices, few eigenvalues, a tail that is most of the spectrum, or no power "
        "law. No α is read from them.",
        source=EVIDENCE,
    ),
    Term(
        "median_alpha",
        "Median α",
        "Median exponent (KS) of the firm fits.",
        usual="2 to 6, in published well-trained models (KS).",
        caveat=f"{NO_QUALITY} Compare models of one architecture and recipe.",
        source="Martin and Mahoney, JMLR 22, 2021 (docs/evidence.md)",
    ),
    Term(
        "median_stable_rank",
        "Median stable rank",
        "Median over the layers of the sum of the squared singular values over the largest one squared: how many "
        "directions carry a weight.",
        usual="No usual range is known.",
        caveat="Compare models of one architecture (docs/evidence.md).",
        source="Rudelson and Vershynin 2007",
    ),
    Term(
        "alpha_picture",
        "Picture of α",
        "One cell for each block and role, by α. Blue: below 2. Pale: 2 to 6. Orange: above 6.",
        usual="Pale.",
        caveat=NO_QUALITY,
        source=EVIDENCE,
    ),
    Term(
        "intruder",
        "Intruder dimension",
        "A strong direction of the fine-tuned weight that resembles no direction of the base. A list counts those of "
        "the newest comparison.",
        usual="0.",
        caveat="Intruders go with forgetting, not significantly with the accuracy on the task. The size of the update "
        "says nearly as much (docs/evidence.md).",
        source="Shuttleworth et al., NeurIPS 2025, arXiv 2410.21228",
    ),
    Term("base", "Base", "The checkpoint that the others of a run are compared with: the one they were trained from."),
    Term("update", "Update", "ΔW: the fine-tuned weight less that of the base."),
)

WIDTHS = (
    Term(
        "width_exponent",
        "Exponent of d",
        "Slope of ln σ₁ / √(η/λ) against the logarithm of the width d.",
        usual="0.75, by the law.",
        caveat="Empirical, and of AdamW in its steady state. Two widths give no interval (docs/scaling.md).",
        source=SCALING,
    ),
    Term(
        "width_drift",
        "Drift of σ₁",
        "Slope of ln σ₁ itself against the logarithm of the width d. The rule λ ∝ √d makes it 0.",
        usual="Near 0, where settings transfer.",
        caveat="Says whether layers amplify as much, not whether the loss is as low.",
        source=SCALING,
    ),
    Term(
        "ratio_exponent",
        "Exponent of η/λ",
        "Slope of ln σ₁ against the logarithm of η/λ, fitted jointly with that of d.",
        usual="0.5, by the law.",
        caveat="Needs four models or more in which d and η/λ vary independently (docs/scaling.md).",
        source=SCALING,
    ),
    Term(
        "steady",
        "steps · η · λ",
        "How far the weight decay has taken effect: from 2 on training is in its steady state.",
        usual="2 or more.",
        caveat="Below it the law says nothing of σ₁.",
        source=SCALING,
    ),
    Term(
        "decay_repair",
        "λ R²",
        "The weight decay that would bring σ₁ back to that of the narrowest model, at the same η.",
        caveat="Follows from the law; it was not trained.",
        source=SCALING,
    ),
)
