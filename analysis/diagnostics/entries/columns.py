"""What the entries of a weight are told by: the declared columns."""

from analysis.diagnostic import Column

BAD = "a value is NaN or infinite"
ZERO = f"{BAD}, or the matrix is zero"
ALIKE = f"{ZERO}, or all entries are equal"

COLUMNS = (
    Column(
        "state",
        "State",
        "zero; identity: a multiple of it to 5 %; orthogonal: all singular values are equal to 5 %; flat: they differ "
        "far less than those of noise; random: nothing stands above what independent entries give, and rows and "
        "columns differ and resemble each other no more than chance lets them. Empty where there is more structure.",
        kind="text",
        absent=BAD,
        choices=("zero", "identity", "orthogonal", "flat", "random", ""),
        shown=True,
    ),
    Column(
        "num_above_random",
        "Above random",
        "Eigenvalues above the edge of independent entries with the variance of each kernel position, bar once in a "
        "thousand (Tracy and Widom 1996). 0: as noise; more: structure.",
        kind="integer",
        absent=ALIKE,
        usual_words="1 or more, once trained.",
    ),
    Column(
        "rms",
        "Scale",
        "Root mean square of the entries. High or low against layers of the same role and shape: rescaled, or decayed.",
        scaled=True,
        absent=BAD,
    ),
    Column(
        "kurtosis",
        "Kurtosis",
        "Fourth moment of the entries about their mean over the variance squared: 1.8 where they are uniform, 3 where "
        "normal; high where a few are large.",
        absent=ALIKE,
    ),
    Column(
        "largest",
        "Largest entry",
        "Largest |w| over the root mean square. High: an outlier, see isolation.",
        absent=ZERO,
    ),
    Column(
        "largest_row",
        "Its row",
        "Output of the largest entry; a place, neither high nor low.",
        kind="integer",
        absent=ZERO,
    ),
    Column(
        "largest_column",
        "Its column",
        "Input of the largest entry; a place, neither high nor low.",
        kind="integer",
        absent=ZERO,
    ),
    Column(
        "isolation",
        "Isolation",
        "The largest |w| over the next largest of its row and column. Near 1: it belongs to a large row or column, as "
        "training makes them; high: it stands alone.",
        absent=f"{ZERO}, or its row and column hold nothing else",
        usual_words="Near 1.",
    ),
    Column(
        "zero_rows",
        "Zero rows",
        "Outputs whose weights are all 0. More than 0: dead.",
        kind="integer",
        absent=ZERO,
        usual_words="0.",
    ),
    Column(
        "zero_columns",
        "Zero columns",
        "Inputs whose weights are all 0. More than 0: dead.",
        kind="integer",
        absent=ZERO,
        usual_words="0.",
    ),
    Column(
        "equal_rows",
        "Equal rows",
        "Outputs that repeat an earlier one bit by bit. More than 0: never told apart by training, or copied.",
        kind="integer",
        absent=ZERO,
        usual_words="0.",
    ),
    Column(
        "equal_columns",
        "Equal columns",
        "Inputs that repeat an earlier one bit by bit. More than 0: never told apart by training, or copied.",
        kind="integer",
        absent=ZERO,
        usual_words="0.",
    ),
    Column(
        "row_cosine",
        "Likeness of rows",
        "Root mean square cosine of two rows, times √n, of up to 256 rows. Near 1 as in noise; high: alike.",
        absent=f"{ZERO}, or there are less than two rows",
        usual_words="Near 1.",
    ),
    Column("zeros", "Zeros", "Share of the entries that are 0. High: pruned.", absent=BAD),
    Column(
        "commonest",
        "Commonest value",
        "Share of the commonest value, of up to 32 rows. High: pruned, or few values are left.",
        absent=ZERO,
    ),
    Column(
        "levels",
        "Values",
        "How many different values that are not 0, of up to 32 rows. Low, up to 256: quantised.",
        kind="integer",
        absent=ZERO,
    ),
    Column("levels_row", "Values in a row", "The same within a row, on average. Low: quantised by rows.", absent=ZERO),
    *(
        Column(
            f"levels_{size}",
            f"Values in {size}",
            f"The same within {size} entries of a row, on average. Near {size} in trained weights; low: quantised.",
            absent=f"{ZERO}, or rows are shorter",
            usual_words=f"Near {size}.",
        )
        for size in (128, 64, 32)
    ),
    Column(
        "grid",
        "Grid",
        "Where the values lie on a grid: tensor, row, column, or the group that shares one. Empty: none up to 8 bits, "
        "and neither high nor low.",
        kind="text",
        absent=ZERO,
    ),
    Column(
        "grid_steps",
        "Steps",
        "Steps of that grid from the least to the largest value: up to 15 in 4 bits, up to 255 in 8. Low: coarse.",
        kind="integer",
        absent=f"{ZERO}, or there is no grid",
    ),
    Column(
        "excess_zeros",
        "Zeros beyond the grid",
        "Whether a grid holds more zeros than its next values let one expect: then entries were set to 0 besides. "
        "Yes: pruned too, and more of it; no: as rounding leaves them, however low.",
        kind="flag",
        absent=f"{ZERO}, or there is no even grid",
        usual_words="False.",
    ),
    Column(
        "stored_as",
        "Precision",
        "The narrowest type that holds every value, whatever the file stores it in; below that of the file the rest of "
        "each number is empty.",
        kind="text",
        absent=ZERO,
    ),
    Column("dtype", "Type", "What the file stores each value in; neither high nor low.", kind="text", absent=BAD),
    Column(
        "rank",
        "Rank as stored",
        "Singular values above what rounding to that type can make. Far below the smaller side: a product of thin "
        "factors, or dead rows.",
        kind="integer",
        absent=ZERO,
    ),
    Column(
        "num_evals",
        "Eigenvalues",
        "How many singular values there are; few make every test weak, more make it firm.",
        kind="integer",
        absent=ZERO,
    ),
    Column(
        "at_limit",
        "At the limit",
        "Share of the entries that have exactly the size of the largest, of up to 32 rows. Near 0 in trained weights; "
        "high: clipped there.",
        absent=ZERO,
        usual_words="Near 0.",
    ),
    Column(
        "line",
        "Longest line",
        "The row or the column that is furthest from the others of its kind; a place, neither high nor low.",
        kind="text",
        absent=ZERO,
    ),
    Column(
        "line_excess",
        "Its length",
        "Over that of the next longest of its kind. Near 1: one of many; high: it stands alone.",
        absent=f"{ZERO}, or there are fewer than 16 rows and columns, or no other is left",
        usual_words="Near 1.",
    ),
    Column(
        "gap",
        "Widest gap",
        "The largest ratio of two singular values that follow each other, from the second to the middle one. Near 1 in "
        "trained weights; high: few directions, and a remainder that is far smaller.",
        absent=f"{ZERO}, or there are fewer than 16 singular values above rounding",
        usual_words="Near 1.",
    ),
    Column(
        "gap_after",
        "Before the gap",
        "How many singular values lie before it; where it is wide, low means few directions, and high many.",
        kind="integer",
        absent=f"{ZERO}, or there is no gap",
    ),
    Column(
        "condition",
        "Condition",
        "Largest over smallest singular value, of all kernel positions together. 1: orthogonal; near 1: a flat "
        "spectrum; high: some directions are all but lost.",
        absent=f"{ZERO}, or a singular value is 0",
    ),
    Column(
        "random_edge",
        "Random edge",
        "Upper edge of the spectrum of independent entries with this variance. High means large weights.",
        scaled=True,
        absent=ALIKE,
    ),
    Column(
        "random_D",
        "Gap to random",
        "Largest gap between the distribution of the eigenvalues below the cut and that law, 0 to 1. Low: as noise.",
        absent=ALIKE,
    ),
    Column(
        "line_spread",
        "Spread of lines",
        "By how many standard errors rows, columns or kernel positions differ in size or mean, or resemble each other, "
        "or entries side by side go together, more than independent entries let them. Below 4: as chance; high: "
        "structure.",
        absent=ALIKE,
    ),
    Column(
        "entries_law",
        "Law of the entries",
        "normal or uniform where the entries could be drawn from that law, as initialisations are; empty where not, "
        "neither high nor low.",
        kind="text",
        absent=ZERO,
    ),
    Column(
        "digest",
        "Digest",
        "Of the bytes and their type: equal in copies, and neither high nor low.",
        kind="text",
        scaled=True,
        absent=BAD,
    ),
    Column(
        "sample",
        "Sample",
        "Values at fixed places over the largest of them, low to high in place.",
        kind="curve",
        absent=BAD,
    ),
)
