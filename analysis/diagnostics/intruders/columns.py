"""What the leading directions of a fine-tuned weight are told by, compared with those of its base."""

from analysis.diagnostic import Column

NONE = "no direction can be compared"

COLUMNS = (
    Column(
        "count",
        "Intruders",
        "How many of the first k directions have a cosine below ε with every direction of the base, as the authors "
        "count. 0: the base's leading directions still lead; high: new ones outrank them, which goes with forgetting.",
        kind="integer",
        absent=NONE,
        usual=(0.0, 0.0),
        shown=True,
    ),
    Column(
        "count_guarded",
        "Intruders, guarded",
        "The same without those that lie among a few base directions of nearly equal singular value: these only "
        "turned. Never above count; far below it where the base's singular values are close together.",
        kind="integer",
        absent=NONE,
        shown=True,
        usual_words="0.",
    ),
    Column(
        "k",
        "k",
        "How many directions were looked at: the option k, or fewer in a small matrix or one of low rank.",
        kind="integer",
    ),
    Column("epsilon", "ε", "Cosine below which a direction is an intruder, the option; a higher one finds more."),
    Column(
        "first_rank",
        "First intruder",
        "Place of the strongest intruder among the fine-tuned weight's directions, from 1. Low: it is among the "
        "strongest of all.",
        kind="integer",
        absent="there is no intruder",
    ),
    Column(
        "lowest_match",
        "Lowest match",
        "Least of the best cosines of the first k directions, 0 to 1. Near chance: a wholly new one; near 1: none new.",
        absent=NONE,
        shown=True,
    ),
    Column(
        "mean_match",
        "Mean match",
        "Mean of the best cosines of the first k directions, 0 to 1. Near 1: the fine-tuned weight leads where the "
        "base led; low: "
        "many directions are new or turned.",
        absent=NONE,
    ),
    Column(
        "chance",
        "Match by chance",
        "Mean best cosine of a random direction with the base's. Where it is near ε or above, the matrix is too small "
        "for the count to mean anything.",
        absent=NONE,
        usual_words="Well below ε.",
    ),
    Column(
        "method",
        "Method",
        "How the fine-tuned weight's directions were found: leading (only those, with a proof that none was "
        "missed), full (all "
        "of them), or same (the fine-tuned weight equals the base).",
        kind="text",
        absent=NONE,
    ),
    Column(
        "error",
        "Error bound",
        "Bound on what computing adds to the best matches of the first k directions. High, up to 1, where singular "
        "values are equal: then which vectors stand for them is arbitrary.",
        absent=NONE,
    ),
    Column(
        "change",
        "Kind of change",
        "As in update: none, trained, or what says nothing of training (cast, scaled, permuted, noise, new). Such rows "
        "are left out of the counts over the model.",
        kind="text",
        absent=NONE,
    ),
    Column(
        "of_adapter",
        "Of an adapter",
        "True where the fine-tuned weight is the base plus an adapter's change: it is of this base, however many of "
        "its directions are new.",
        kind="flag",
        absent=NONE,
    ),
    Column(
        "similarity",
        "Similarity",
        "|cos| of the leading directions, row by row: a row per base direction, a column per tuned one. High on the "
        "diagonal: preserved; a column low throughout: an intruder.",
        kind="curve",
        absent=NONE,
    ),
    Column(
        "best_match",
        "Best match",
        "Highest |cos| of each kept tuned direction with any direction of the base. Below ε: an intruder.",
        kind="curve",
        absent=NONE,
    ),
    Column(
        "captured",
        "Captured",
        "Length of each within the window of base directions of nearly the same singular value around its best match, "
        "0 to 1. High with a low best match: it only rotated.",
        kind="curve",
        absent=NONE,
    ),
    Column("sweep_epsilon", "ε", "Cosines from 0.05, low, to 0.95, high.", kind="curve", absent=NONE),
    Column(
        "sweep_count",
        "Intruders",
        "How many of the first k directions are intruders at each ε. High already at a low ε: they are wholly new.",
        kind="curve",
        absent=NONE,
    ),
)
