"""What findings on several checkpoints are about: the causes, each with what to check, what confirms it, what to do.

The numbers in them are from docs/evidence.md and docs/experiment.md.
"""

from analysis.finding import Cause

MEASURED = "planted in models held back: benchmarks/truth/kinds.py; its table is docs/truth.md"
OWN_BASE = "the base model that its config names, and the revision"

SAME = Cause(
    "same",
    "whether the same file was given twice, and whether an adapter was merged before saving",
    "the SHA-256 of the two files",
    "give the checkpoint that was trained",
    "parts that were frozen on purpose",
    "bytes of the stored tensors",
)
FROZEN = Cause(
    "frozen",
    "which parameters the optimiser was given",
    "the gradients of these weights in one step",
    "nothing where they were frozen on purpose; otherwise add them to the optimiser",
    "frozen embeddings, and layers that an adapter does not target",
    "bytes of the stored tensors",
)
VECTORS_ONLY = Cause(
    "vectors-only",
    "which norms and biases changed, as listed",
    "load the base and put these vectors in",
    "read the list: matrices were left as they were, and the model still differs",
    "training of biases or norms alone, and calibration",
    "bytes of the stored tensors",
)
CAST = Cause(
    "cast",
    "which step of saving went through the narrower type",
    "cast the base to that type: the result equals this weight",
    "compare the file from before the cast; read nothing from directions or ranks of a rounding error",
    "a copy saved in half precision on purpose",
    MEASURED,
)
ROUNDED = Cause(
    "rounded",
    "the type in which the fine-tuned weight was saved",
    "the same numbers of a file in float32, or of the adapter itself",
    "compare that file; read nothing from ranks and directions of this one",
    "where only the size of the update matters",
    "unit roundoff of the type, IEEE 754",
)
SCALED = Cause(
    "scaled",
    "weight decay without a gradient, a merge that was applied with a factor, or a rescaled layer",
    "dividing the fine-tuned weight by the factor gives the base",
    "undo the factor if it was not meant",
    "a layer before a norm, where its scale cancels",
    MEASURED,
)
LINES = Cause(
    "rescaled-lines",
    "whether gains of norms were folded into layers, or scales moved between them, as before quantising",
    "the norm or the layer beside it has the inverse factors",
    "compare with the base treated in the same way",
    "a conversion that folds or moves scales leaves the function as it is",
    MEASURED,
)
PERMUTED = Cause(
    "permuted",
    "whether units were reordered: a conversion, a pruning tool or a merge by matching",
    "the same order applied to the layers before and after gives the base",
    "bring the units into the base's order, then compare again",
    "reordering hidden units in all layers that touch them leaves the function as it is",
    MEASURED,
)
NOISE = Cause(
    "noise",
    "whether noise was added, a seed was drawn anew, or the file is damaged",
    "the difference has no direction above what independent numbers of its size give",
    "take the layer from the checkpoint before",
    "noise that was added on purpose, and dithering",
    "Marchenko and Pastur 1967; " + MEASURED,
)
NEW = Cause(
    "new",
    "whether the layer was loaded: warnings of missing or mismatched keys",
    "its cosine with the base, and the log of loading",
    "load it from the base if it should have come from there, or train it",
    "a head for a new task",
    MEASURED,
)
PARTLY_NEW = Cause(
    "partly-new",
    "whether some units or heads were drawn anew, a layer was made wider, or loaded in part",
    "the cosine of each row and column with the base's: near 0 for these, near 1 for the others",
    "load these rows or columns from the base if they should have come from there, or train them",
    "tokens added to an embedding, classes to a head, and units that were reset on purpose",
    MEASURED,
)
WRONG_BASE = Cause(
    "wrong-base",
    OWN_BASE,
    "the cosine of each weight with that base is near 1",
    "compare with the checkpoint that it was trained from",
    "never for a comparison: its numbers mean nothing",
    "fine-tunes keep a cosine near 1 with their base; " + MEASURED,
)
ADAPTER_BASE = Cause(
    "adapter-base",
    "the base model and revision that the adapter's config names, and how long it was trained",
    "the same number beside the base that the config names: higher there",
    "compare it with the base that it was trained on",
    "an adapter of a few steps, or one that writes on purpose where the base does not",
    "benchmarks/truth/adapters.py: the bound set on one half of made pairs, its rates on the other; docs/truth.md",
)
LARGE_UPDATE = Cause(
    "large-update",
    "learning rate, the scaling of the adapter, and the number of steps",
    "what the base could do, measured before and after",
    "a lower learning rate or scaling makes it smaller",
    "training on the base's own data, or a new task where nothing of the base has to stay",
    "docs/experiment.md: forgetting against the size of the update, ρ = 0.92 over 18 LoRA, 0.70 with 4 full ones; what "
    "is called large beside what is not: benchmarks/truth/bounds/large.py; docs/truth.md",
)
UNUSED_RANK = Cause(
    "unused-rank",
    "rank r and scaling of the adapter",
    "train once with a smaller r and compare the loss",
    "try a smaller r; a low rank of the update is no evidence that it would have done as well",
    "where size does not matter",
    "Hu et al., ICLR 2022, section 7; docs/evidence.md; half the rank trained: benchmarks/truth/bounds/ranks.py; "
    "docs/truth.md",
)
TAIL_SHIFT = Cause(
    "tail-shift",
    "the shifts beside their errors",
    "the same in another seed",
    "nothing by itself: α is no measure of quality",
    "usual between checkpoints of one run",
    "two-sided sign test at 5 %, as if matrices were independent; docs/evidence.md; on models without a shift: "
    "benchmarks/truth/bounds/tails.py; docs/truth.md",
)
PLACE = Cause(
    "place",
    "the figure of the update by block and role",
    "the same in another seed",
    "nothing by itself: it says where the change lies",
    "adapters that target few layers",
    "share of the squared norm of all updates; how often few blocks are named: benchmarks/truth/bounds/places.py; "
    "docs/truth.md",
)
INTRUDERS = Cause(
    "intruders",
    "what the base could do, measured before and after, and the size of the update",
    "forgetting falls when these directions are scaled down (docs/mitigation.md)",
    "measure forgetting first; where it is high, a lower learning rate, or more rank with α growing with r",
    "where nothing of the base has to stay",
    "Shuttleworth et al., NeurIPS 2025 (arXiv 2410.21228); docs/experiment.md; docs/evidence.md",
)
SHARED = Cause(
    "shared-directions",
    "the overlap beside that of two tasks of yours that have nothing in common, and beside the cosine",
    "the same for two seeds of one task",
    "before merging, test the merge: an overlap alone tells neither that it works nor that it fails",
    "updates of one base always share more than chance",
    "what chance gives is exact; what tasks share was measured in one trial: docs/evidence.md",
)
OPPOSED = Cause(
    "opposed",
    "signs and scaling of the two adapters",
    "the accuracy of the merge on both tasks",
    "do not add them; use one at a time, or merge with a method that resolves signs",
    "an adapter that was negated on purpose",
    "cosine of the two updates",
)
MERGE = Cause(
    "merge",
    "how the file was made, and which of the files came first",
    "the same two merged again by the recipe that is suspected give this file",
    "read its directions as those of the two, and test the merge on both tasks",
    "a merge that was meant",
    "the share of a vector in the plane of two others; bounds chosen on few made merges, some seen before: "
    "benchmarks/truth/merges.py; docs/truth.md",
)
REPEATED_STEP = Cause(
    "repeated-step",
    "whether a step was saved twice, or training had stopped",
    "the SHA-256 of the two files",
    "replace the copy by the step that its name says",
    "a final checkpoint saved again under another name",
    "bytes of the stored tensors",
)

CHANGES = (
    SAME, FROZEN, VECTORS_ONLY, CAST, ROUNDED, SCALED, LINES, PERMUTED, NOISE, NEW, PARTLY_NEW, WRONG_BASE,
    ADAPTER_BASE, LARGE_UPDATE, UNUSED_RANK, TAIL_SHIFT, PLACE, INTRUDERS, SHARED, OPPOSED, MERGE, REPEATED_STEP,
)  # fmt: skip
