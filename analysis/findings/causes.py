"""What findings on one model are about: the causes, each with what to check, what confirms it and what to do.

docs/findings.md is made of these. Bounds are those that benchmarks/truth was measured with (docs/truth.md).
"""

from analysis.finding import Cause

MEASURED = "planted and found by benchmarks/truth; its table is docs/truth.md"

NOT_FINITE = Cause(
    "not-finite",
    "the training log around the last checkpoint that is finite: a loss of NaN, an overflow in float16",
    "load the tensor and count torch.isfinite",
    "go back to the last finite checkpoint; lower the learning rate or the loss scale, or clip gradients",
    "never: one such value reaches every output",
    "IEEE 754: NaN and infinity spread through sums",
)
ZERO = Cause(
    "zero",
    "whether the layer is meant to start at zero and was trained at all",
    "its gradient in one step of training",
    "restore it from a checkpoint where it is not zero",
    "an output projection or an adapter's factor that starts at zero, before training",
    "a zero matrix has no outputs",
)
GAIN = Cause(
    "gain",
    "whether this norm was loaded, and whether the block is meant to start as the identity",
    "the same gain in an earlier checkpoint, and its gradient in one step of training",
    "restore it from a checkpoint that has it; if its branch does nothing by design, cut the branch out",
    "blocks added as the identity; gains pruned on purpose; norms that multiply by 1 + w, as in Gemma, before training",
    "a norm puts out its gain times what it normalised: of a gain of zero, its bias alone; "
    "the factor of 20: benchmarks/truth/gains.py; docs/truth.md",
)
DEAD_LINES = Cause(
    "dead-lines",
    "whether these outputs or inputs were pruned, masked, or never reached by a gradient",
    "activations of those units on real inputs: they are constant",
    "restore the rows or columns, or cut them out and save their cost",
    "padding and unused tokens of an embedding; pruning by design",
    MEASURED,
)
EQUAL_LINES = Cause(
    "equal-lines",
    "whether these units started equal and got equal gradients, or were copied",
    "the same rows in an earlier checkpoint",
    "initialise them at random, or cut the copies out",
    "tokens of an embedding that were never seen",
    MEASURED,
)
PRUNED = Cause(
    "pruned",
    "whether this layer was pruned on purpose, and the others as much",
    "the share of zeros in the checkpoint before",
    "fine-tune after pruning, or spread the zeros over all layers",
    "a model that was pruned by design",
    MEASURED,
)
QUANTISED = Cause(
    "quantised",
    "whether a quantised copy of this layer was saved back in a wide type",
    "round the original to that grid and compare",
    "take the layer from the unquantised checkpoint, or store it in the narrow type that it fits in",
    "weights that were trained on that grid",
    MEASURED,
)
PRECISION = Cause(
    "precision",
    "which step of saving or merging went through the narrower type",
    "casting the tensor to that type and back changes nothing",
    "store it in the narrower type at half the size, or take the layer from the original",
    "most released models are rounded to halves",
    MEASURED,
)
LOW_RANK = Cause(
    "low-rank",
    "whether the layer was factorised, or merged from an adapter without its base",
    "singular values beyond that rank are as small as rounding",
    "restore it from the original, or store the two factors instead",
    "a layer that was factorised on purpose",
    MEASURED,
)
COPY = Cause(
    "copy",
    "whether the two share one parameter by design, or one was overwritten when saving or merging",
    "compare them with an earlier checkpoint",
    "restore the one that was overwritten",
    "a tied output head; layers shared by design, or that started as copies; averages kept next to the weights",
    MEASURED,
)
RANDOM = Cause(
    "random",
    "whether the layer was loaded (warnings of missing keys), trained, or frozen",
    "redraw it at random: what the model does hardly changes",
    "load it from a checkpoint that has it, or train it",
    "a pooler with mean pooling, a head that another replaces, an embedding or features frozen on purpose",
    "Marchenko and Pastur 1967; Tracy and Widom 1996; " + MEASURED,
)
ORTHOGONAL = Cause(
    "orthogonal",
    "whether the layer is at an orthogonal initialisation, or kept orthogonal by a parametrisation",
    "WᵀW is a multiple of the identity",
    "load or train it, if it should have been trained",
    "layers that are orthogonal by design; before training",
    "equal singular values are no law of training that we know of; " + MEASURED,
)
FLAT = Cause(
    "flat",
    "how the layer was initialised, and whether its optimiser or a parametrisation evens out singular values",
    "its singular values, and those of an earlier checkpoint",
    "nothing by itself",
    "layers that start as the identity, orthogonal parametrisations, training with Muon",
    "definitions of the identity and of orthogonal matrices; noise of that shape: Marchenko and Pastur 1967",
)
OUTLIER = Cause(
    "outlier",
    "the entry itself, and the step at which it appeared",
    "set it to the median of its row: what the model does hardly changes, or improves",
    "restore the entry, lower the learning rate, or clip gradients; keep it out of quantisation",
    "models with known massive weights, where it belongs to a large row or column",
    "Martin and Mahoney, correlation traps (arXiv 2602.02859 has small networks only); " + MEASURED,
)
LINE = Cause(
    "line",
    "the row's output or the column's input, and the step at which it grew",
    "scale it to the length of the others: what the model does hardly changes, or improves",
    "restore it, lower the learning rate, or clip gradients; keep it out of quantisation",
    "an input that is a constant or of another unit, and models with known massive activations",
    MEASURED,
)
CLIPPED = Cause(
    "clipped",
    "whether weights were clipped on purpose, or overflowed a narrow type that saturates",
    "the largest entries in the checkpoint before",
    "take the layer from the checkpoint before, or widen the limit",
    "training that clips weights, as the critic of a Wasserstein GAN",
    MEASURED,
)
SCALE = Cause(
    "scale",
    "whether the layer was rescaled, merged twice, or decayed at another rate",
    "its norm in the checkpoint before, and the gain of the norm next to it",
    "undo the factor, or restore the layer",
    "a layer between norms, where its scale cancels; first and last blocks often differ",
    MEASURED,
)
NOISE_ADDED = Cause(
    "noise-added",
    "whether noise, dropout of weights or a broken merge touched this layer",
    "the difference to the checkpoint before has no structure",
    "restore the layer",
    "a layer that learned little because it has little to do",
    MEASURED,
)
EXPONENT = Cause(
    "exponent",
    "how many eigenvalues stand above random, and α of layers of the same role and shape",
    "another estimator of the exponent, and the interval of the diagnostic tail_models",
    "nothing by itself: an exponent is no evidence that a layer is good or bad",
    "usual in small matrices, long matrices, and where the tail is most of the spectrum",
    "docs/evidence.md",
)
SIBLINGS = Cause(
    "siblings",
    "the layer's other numbers against those of the same role and shape",
    "the same in another seed or an earlier checkpoint",
    "look at what the layer does before acting",
    "first and last blocks may differ from the others",
    "benchmarks/truth/apart.py; its table is docs/truth.md",
)
UNMEASURED = Cause(
    "unmeasured",
    "the reason given",
    "the shape and the values of the tensor",
    "nothing, unless the tensor should have been measurable",
    "small matrices have too few eigenvalues for most numbers",
    "the diagnostic's own page in docs/diagnostics.md",
)
RANK = Cause(
    "rank",
    "zero or repeated rows and columns, and the rank at the stored precision",
    "numpy.linalg.matrix_rank of the tensor",
    "nothing by itself; see what made it dependent",
    "centred rows, padding, small kernels",
    "numpy.linalg.matrix_rank",
)
FILE = Cause(
    "file",
    "how the file was written, and by which tool",
    "the same tensors, loaded with the tool that will use them",
    "save it again with that tool where something is missing or twice",
    "files that are only read here",
    "what each format's loaders do: docs/formats.md",
)
READING = Cause(
    "reading",
    "what the numbers are meant for, on the diagnostic's page",
    "the figures",
    "nothing: this says how to read the numbers",
    "always",
    "docs/diagnostics.md",
)

CAUSES = (
    NOT_FINITE, ZERO, GAIN, RANDOM, ORTHOGONAL, FLAT, LOW_RANK, COPY, DEAD_LINES, EQUAL_LINES, PRUNED, QUANTISED,
    PRECISION, CLIPPED, OUTLIER, LINE, SCALE, NOISE_ADDED, EXPONENT, SIBLINGS, RANK, UNMEASURED, FILE, READING,
)  # fmt: skip
