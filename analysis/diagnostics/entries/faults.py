"""Layers whose values were lost, repeated, rounded or cut: what each looks like, and the finding that says so.

Each function takes the rows of one checkpoint and gives findings. What most layers share is how the model was made, and
is one note; what a few have is a fault of theirs.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from analysis.diagnostic import Cause, Finding, Row, Severity
from analysis.findings import causes
from analysis.findings.subjects import evidence, group_alike, names, number, subject
from analysis.findings.wording import percent, quantity, short
from analysis.names import parts as components
from analysis.weight import STEP_OF_GRID

MOST = 0.5  # share of the layers from which on something is how the model was made
ZEROS = 0.05  # share of zeros outside dead lines: trained layers had none in benchmarks/truth
RANK = 0.9  # of the rows and columns that are not dead: real low ranks are far below, trained layers above 0.98
GAP = 8.0  # ratio of singular values that makes what is behind it a remainder: trained layers had up to 2.5
LIMIT = 0.02  # share of entries at the largest size: trained layers have one such entry, bfloat16 lets some be equal
LINE = 8.0  # length of a line over the next: trained layers had up to 4.1
STANDALONE, OUTLIER = 3.0, 10.0  # the largest entry over the next of its lines, and over the root mean square
TIES = 0.5  # share of different values among those of different lines from which on lines repeat, and not values
FEW_LEVELS = 16  # values up to which a weight was rounded rather than clipped
TABLES = ("embedding", "position")  # whose lines are tokens and places: unused ones are zero or equal by design
NAMED_TABLES = {"embed", "embeds", "embedding", "embeddings", "emb"}  # where a bare name is all that says so
EVEN = ("orthogonal", "identity", "flat")  # states that a grid does not tell from its own

Test = Callable[[Row], bool]


def is_table(row: Row) -> bool:
    """Whether the lines of a weight are tokens or places, by its role or by the name of its module."""
    return row.weight.role in TABLES or not NAMED_TABLES.isdisjoint(components(row.weight.name))


def zero(rows: Sequence[Row]) -> Iterator[Finding]:
    """All that are zero in one sentence where every matrix is; else one for each module."""
    chosen = [row for row in rows if row.value("state") == "zero"]
    together = len(chosen) == len(rows) > 1
    for some in [chosen] if together else group_alike(chosen):
        text = f"{subject(some)} {'is' if len(some) == 1 else 'are'} all zeros"
        if together:
            text = f"All {quantity(len(rows), 'matrix', 'matrices')} are all zeros"
        why = f"Nothing passes through {'it' if len(some) == 1 else 'them'}."
        yield Finding(Severity.BAD, text, why, names(some), {"zeros": 1.0}, causes.ZERO)


def constant(rows: Sequence[Row]) -> Iterator[Finding]:
    """Rows of which all entries are one value that is not zero."""
    for some in group_alike([row for row in rows if is_constant(row)]):
        value = short(number(some[0], "rms"))
        text = f"{subject(some)} {'has' if len(some) == 1 else 'have'} one value in all entries"
        why = f"Its size is {value}: every output is the same sum of the inputs, up to its sign."
        yield Finding(Severity.WARN, text, why, names(some), evidence(some, "rms", "levels"), causes.EQUAL_LINES)


def is_constant(row: Row) -> bool:
    """Whether the entries are all equal: one level, no zero, and no spread about the mean."""
    return row.value("levels") == 1 and row.value("zeros") == 0.0 and row.value("kurtosis") is None


def low_rank(rows: Sequence[Row]) -> Iterator[Finding]:
    """Ranks far below what dead and equal lines explain."""
    for row in rows:
        max_rank, rank = _possible_rank(row), number(row, "rank")
        if max_rank >= 8.0 and rank < RANK * max_rank:
            dtype = row.value("stored_as")
            text = f"{subject([row])} has rank {rank:.0f} of {max_rank:.0f}"
            why = (
                f"What lies beyond is no larger than rounding to {dtype}: a product of thinner factors stored in full."
            )
            severity = Severity.NOTE if row.weight.role == "position" else Severity.WARN
            yield Finding(severity, text, why, names([row]), evidence([row], "rank", "num_evals"), causes.LOW_RANK)
        elif number(row, "gap") >= GAP:
            yield _thin(row)


def _thin(row: Row) -> Finding:
    after, gap = number(row, "gap_after"), number(row, "gap")
    text = f"{subject([row])} is of rank {after:.0f} but for a small remainder"
    why = f"Singular value {after:.0f} is {short(gap)} times the next; in trained layers they fall off gradually."
    severity = Severity.NOTE if row.weight.role == "position" else Severity.WARN
    return Finding(severity, text, why, names([row]), evidence([row], "gap", "gap_after"), causes.LOW_RANK)


def _possible_rank(row: Row) -> float:
    """The singular values that the lines allow which are neither zero nor repeated; of one matrix or all slices."""
    info = row.weight
    side = min(
        info.rows - number(row, "zero_rows") - number(row, "equal_rows"),
        info.columns - number(row, "zero_columns") - number(row, "equal_columns"),
    )
    return side * info.slices


def dead_lines(rows: Sequence[Row]) -> Iterator[Finding]:
    for row in rows:
        dead = [(int(number(row, f"zero_{what}s")), what) for what in ("row", "column")]
        counts = [quantity(count, what) for count, what in dead if count > 0]
        if counts:
            text = f"{subject([row])} has {' and '.join(counts)} of zeros"
            why = "An output whose weights are all 0 is constant; an input whose weights are all 0 is not heard."
            severity = Severity.NOTE if is_table(row) else Severity.WARN
            columns = ("zero_rows", "zero_columns")
            yield Finding(severity, text, why, names([row]), evidence([row], *columns), causes.DEAD_LINES)


def equal_lines(rows: Sequence[Row]) -> Iterator[Finding]:
    for row in rows:
        alike_ones = [(int(number(row, f"equal_{what}s")), what) for what in ("row", "column")]
        counts = [quantity(count, what) for count, what in alike_ones if count > 0]
        if counts:
            text = f"{subject([row])} has {' and '.join(counts)} that repeat another"
            why = "They are equal bit by bit, so that they do the same work twice."
            severity = Severity.NOTE if is_table(row) else Severity.WARN
            columns = ("equal_rows", "equal_columns")
            yield Finding(severity, text, why, names([row]), evidence([row], *columns), causes.EQUAL_LINES)


def _sparse(row: Row) -> float:
    """The share of zeros among the entries of lines that are not dead."""
    info = row.weight
    live_entries = (info.rows - number(row, "zero_rows")) * (info.columns - number(row, "zero_columns"))
    return 1.0 - (1.0 - number(row, "zeros")) * info.rows * info.columns / live_entries if live_entries else 0.0


def pruning(rows: Sequence[Row]) -> Iterator[Finding]:
    def words(chosen: Sequence[Row]) -> tuple[str, str]:
        shares = sorted(_sparse(row) for row in chosen)
        share = percent(shares[0]) if len(shares) == 1 else f"{percent(shares[0])} to {percent(shares[-1])}"
        return f"is pruned: {share} of its entries are 0", "Training leaves no exact zeros by itself."

    def sparse(row: Row) -> bool:
        return _sparse(row) > ZEROS and (not row.value("grid") or row.value("excess_zeros") is True)

    yield from _few_or_most(rows, sparse, words, ("zeros",), causes.PRUNED)


def quantisation(rows: Sequence[Row]) -> Iterator[Finding]:
    def words(chosen: Sequence[Row]) -> tuple[str, str]:
        finest = max(chosen, key=lambda row: number(row, "grid_steps"))
        steps = number(finest, "grid_steps")
        bits = max(1, int(steps).bit_length())
        unit = str(finest.value("grid"))
        place = "of the whole tensor" if unit == "tensor" else f"of each {unit}"
        why = f"The values {place} lie on a grid of {steps:.0f} steps or fewer; trained values lie anywhere."
        return f"is quantised to about {quantity(bits, 'bit')}", why

    def on_grid(row: Row) -> bool:
        is_grid = bool(row.value("grid")) and row.value("state") not in EVEN and row.weight.role != "position"
        return is_grid and not _repeats_by_lines(row)

    stored = [row for row in rows if on_grid(row) and is_dequantised(row)]
    if stored:
        says, text = words(stored)[0], f"{len(stored)} of {quantity(len(rows), 'matrix', 'matrices')}: each"
        text = f"{subject(stored) if len(stored) == 1 else text} {says}, as the file says"
        why = "The file stores it so; the values looked at are those that it stands for."
        yield Finding(Severity.NOTE, text, why, names(stored), {}, causes.QUANTISED)
    others = [row for row in rows if not is_dequantised(row)]
    yield from _few_or_most(others, on_grid, words, ("grid", "grid_steps", "levels"), causes.QUANTISED)


def _repeats_by_lines(row: Row) -> bool:
    """Whether values come again because half of the lines or more repeat another, and are different in the rest."""
    info = row.weight
    rows, columns = info.rows - number(row, "equal_rows"), info.columns - number(row, "equal_columns")
    different = rows * columns * info.slices
    return 2.0 * different <= info.rows * info.columns * info.slices and number(row, "levels") > TIES * different


def is_dequantised(row: Row) -> bool:
    """Whether the file itself says that its values are quantised."""
    return STEP_OF_GRID in (row.measurement.note or "")


def precision(rows: Sequence[Row]) -> Iterator[Finding]:
    def words(chosen: Sequence[Row]) -> tuple[str, str]:
        narrow = str(chosen[0].value("stored_as"))
        return (
            f"holds {narrow} values in {chosen[0].value('dtype')}",
            "The rest of every number is empty: it was rounded once.",
        )

    def is_narrower(row: Row) -> bool:
        return row.value("stored_as") != row.value("dtype") and not row.value("state") and not row.value("grid")

    yield from _few_or_most(rows, is_narrower, words, ("stored_as",), causes.PRECISION)


def clipping(rows: Sequence[Row]) -> Iterator[Finding]:
    def words(chosen: Sequence[Row]) -> tuple[str, str]:
        share = percent(max(number(row, "at_limit") for row in chosen))
        return f"is clipped: {share} of its entries have the size of the largest", "Trained values seldom tie there."

    def is_clipped(row: Row) -> bool:
        return number(row, "at_limit") >= LIMIT and not row.value("grid") and number(row, "levels") > FEW_LEVELS

    yield from _few_or_most(rows, is_clipped, words, ("at_limit",), causes.CLIPPED)


def long_lines(rows: Sequence[Row]) -> Iterator[Finding]:
    """Rows and columns that alone are far longer than all others: notes where tables or other layers have them too."""
    chosen = [row for row in rows if number(row, "line_excess") >= LINE]
    counts = Counter(map(_line, chosen))
    for row in chosen:
        line = str(row.value("line"))
        text = (
            f"{subject([row])} has one {line.split()[0]} {short(number(row, 'line_excess'))} times as long as the next"
        )
        why = f"It is {line}. Outputs and inputs of trained layers differ by far less."
        severity = Severity.NOTE if is_table(row) or counts[_line(row)] > 1 else Severity.WARN
        yield Finding(severity, text, why, names([row]), evidence([row], "line", "line_excess"), causes.LINE)


def _line(row: Row) -> tuple[int, str]:
    """The place of the longest line, with how many there are of its kind: a feature that layers may share."""
    kind, _, place = str(row.value("line")).partition(" ")
    return row.weight.rows if kind == "row" else row.weight.columns, place


def outliers(rows: Sequence[Row]) -> Iterator[Finding]:
    counts = Counter(some for row in rows for some in _subsets(places(row)))
    for row in rows:
        isolation, size = row.value("isolation"), number(row, "largest")
        if isinstance(isolation, float) and isolation >= STANDALONE and size >= OUTLIER:
            place = f"row {number(row, 'largest_row'):.0f}, column {number(row, 'largest_column'):.0f}"
            text = f"{subject([row])} has an entry {short(size)} times the usual size ({place})"
            why = f"It is {short(isolation)} times the next largest of its row and column, so it stands alone."
            own = sorted(places(row))
            shared_count = sum(counts[place,] for place in own) - counts[tuple(own)] * (len(own) > 1) - 1
            if shared_count:
                phrase = quantity(shared_count, "other layer has", "other layers have")
                why += f" {phrase} theirs in the same feature: a habit of the model."
            columns = ("largest", "isolation", "largest_row", "largest_column")
            severity = Severity.NOTE if shared_count else Severity.WARN
            yield Finding(severity, text, why, names([row]), evidence([row], *columns), causes.OUTLIER)


def places(row: Row) -> set[tuple[int, int]]:
    """The output and the input of a large entry, each with how many there are: features that layers share."""
    if number(row, "largest") < OUTLIER:
        return set()
    info = row.weight
    return {(info.rows, int(number(row, "largest_row"))), (info.columns, int(number(row, "largest_column")))}


def _subsets(places: set[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], ...]]:
    """Each place by itself, and the two together: rows that share a place with these are counted from them."""
    yield from ((place,) for place in places)
    if len(places) > 1:
        yield tuple(sorted(places))


def _few_or_most(
    rows: Sequence[Row],
    test: Test,
    words: Callable[[Sequence[Row]], tuple[str, str]],
    columns: tuple[str, ...],
    cause: Cause,
) -> Iterator[Finding]:
    """One note where most rows are so; else a warning for those of each module."""
    matches = [row for row in rows if test(row)]
    if len(matches) > max(1.0, MOST * len(rows)):
        says, why = words(matches)
        text = f"{len(matches)} of {quantity(len(rows), 'matrix', 'matrices')}: each {says}"
        yield Finding(Severity.NOTE, text, f"{why} It is how this model was stored.", names(matches), {}, cause)
        return
    for some in group_alike(matches):
        says, why = words(some)
        text = f"{subject(some)}: each {says}" if len(some) > 1 else f"{subject(some)} {says}"
        yield Finding(Severity.WARN, text, why, names(some), evidence(some, *columns), cause)
