"""What a finding speaks of: rows that one sentence can name together, and the words for them."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from analysis.diagnostic import Finding, Row, Scalar, Severity
from analysis.errors import escape
from analysis.findings.causes import NOT_FINITE, UNMEASURED
from analysis.findings.wording import blocks, join_words, lower_first
from analysis.names import parts as components

ALONE = ("other", "conv")  # roles whose name says little: each is named by itself
PROJECTIONS = (
    "query", "key", "value", "query, key and value", "attention output", "MLP gate", "MLP up", "MLP down",
    "MLP gate and up",
)  # fmt: skip
VAGUE = ("dense", "proj", "projection", "lin", "linear", "fc")  # words of modules that hang on the one before
EXPERT = re.compile(r"expert (\d+) ", re.IGNORECASE)
LONGEST = 40  # letters of a tensor's name that a sentence has in full; of a longer one it has the label
MOST_NAMED = 4  # experts that a sentence names by their numbers
NAMED = 24  # weights of which a finding carries the numbers


def group_alike(rows: Iterable[Row], verdict: Callable[[Row], Scalar] = lambda _: "") -> list[list[Row]]:
    """Rows of the same checkpoints, module and verdict, in whichever blocks; in the order of their first."""
    groups: dict[tuple[Scalar, ...], list[Row]] = defaultdict(list)
    for row in rows:
        kind, _, called_so = parts(row)
        info = row.weight
        is_alone = info.depth is None or info.role in ALONE
        what = info.name if is_alone else f"{kind} · {EXPERT.sub('expert ', called_so)} · {module_of(info.name)}"
        groups[(*row.group, verdict(row), what)].append(row)
    return list(groups.values())


def parts(row: Row) -> tuple[str, str, str]:
    """("Block", "4", "value") of "Block 4 · value"; ("", "", "Pooler")."""
    place, _, what = row.weight.label.rpartition(" · ")
    kind, _, depth = place.rpartition(" ")
    return (kind, depth, what) if depth.isdigit() else (place, "", what)


def name_of(row: Row) -> str:
    """What people call a weight, without its block: "Value projection (v_proj)", "Layer 3.weight (256 × 64)"."""
    info = row.weight
    _, _, what = parts(row)
    if info.role in ALONE:
        kernel = f" × {info.slices}" if info.slices > 1 else ""
        kind = "Convolution" if info.role == "conv" else "Layer"
        called = escape(info.name) if len(info.name) <= LONGEST else lower_first(info.label)
        return f"{kind} {called} ({info.rows} × {info.columns}{kernel})"
    plain = what[:1].lower() + what[1:] if what[1:2].islower() else what
    if plain not in PROJECTIONS:
        return what[:1].upper() + what[1:]
    noun = f"{plain} projection"
    return f"{noun[:1].upper()}{noun[1:]} ({module_of(info.name)})"


def module_of(name: str) -> str:
    """The word for a weight's module in the file; with the one before it where it says too little by itself.

    >>> module_of("encoder.layer.4.attention.self.value.weight"), module_of("h.0.attention.output.dense.weight")
    ('value', 'output.dense')
    """
    words = [word for word in components(name) if not word.isdigit()] or [name]
    return escape(".".join(words[-2:] if words[-1] in VAGUE else words[-1:]))


def subject(rows: Sequence[Row]) -> str:
    """What the rows are and where they lie: "Value projection (v_proj) of blocks 4 and 5", "Pooler"."""
    kind, _, _ = parts(rows[0])
    if rows[0].weight.role in ALONE:
        return name_of(rows[0])
    depths = [int(depth) for _, depth, _ in map(parts, rows) if depth]
    side = kind.lower().removesuffix("block")
    place = f" of {side}{blocks(depths)}" if depths else f" of the {kind.lower()}" if kind else ""
    return (_experts(rows) or name_of(rows[0])) + place


def _experts(rows: Sequence[Row]) -> str | None:
    """The experts that rows are of, where they are of several: "Experts 1 and 3 down", "The gate of 6 experts"."""
    matches = [EXPERT.search(parts(row)[2]) for row in rows]
    numbers = sorted({int(match[1]) for match in matches if match})
    if len(numbers) < 2 or None in matches:
        return None
    prefix, what = (EXPERT.split(parts(rows[0])[2])[end] for end in (0, -1))
    several = f"the {what} of {len(numbers)} experts"
    phrase = several if len(numbers) > MOST_NAMED else f"experts {join_words(list(map(str, numbers)))} {what}"
    return f"{prefix}{phrase}"[:1].upper() + f"{prefix}{phrase}"[1:]


def places(rows: Sequence[Row]) -> str:
    """What the rows are, kind by kind, of many kinds the first four: "MLP up in blocks 0–3 and pooler"."""
    kinds = [subject(some) for some in group_alike(rows)]
    phrases = [kinds[0], *map(lower_first, kinds[1:4])]
    return join_words([*phrases, f"{len(kinds) - 4} more kinds"] if len(kinds) > 4 else phrases)


def number(row: Row, column: str) -> float:
    """The value in a numeric column; NaN where it has none."""
    value = row.value(column)
    return float(value) if isinstance(value, int | float) else math.nan


def evidence(rows: Sequence[Row], *columns: str) -> Mapping[str, Scalar]:
    """The values of one row by column, or of the first of several by weight and column."""
    if len(rows) == 1:
        return {column: rows[0].value(column) for column in columns}
    return {f"{row.weight.name}.{column}": row.value(column) for row in rows[:NAMED] for column in columns}


def names(rows: Iterable[Row]) -> tuple[str, ...]:
    return tuple(row.weight.name for row in rows)


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """In order of severity, otherwise as they are."""
    return tuple(sorted(findings, key=lambda finding: list(Severity).index(finding.severity)))


def is_not_finite(row: Row) -> bool:
    """Whether a row has no values because the weight holds NaN or infinity."""
    return row.is_not_finite


def not_finite_findings(rows: Iterable[Row]) -> list[Finding]:
    """What the rows say whose weight holds NaN or infinity: one finding for each module and checkpoint."""
    broken = [row for row in rows if is_not_finite(row)]
    return [_not_finite(some) for some in group_alike(broken, holder)]


def holder(row: Row) -> str:
    """The checkpoint that a note on NaN names, where the row is of several; "" where of one."""
    name, colon, _ = (row.measurement.note or "").rpartition(": ")
    return name if colon and len(row.group) > 1 and name not in (row.weight.name, row.weight.tensor) else ""


def _not_finite(rows: Sequence[Row]) -> Finding:
    whose, one = holder(rows[0]), len(rows) == 1
    text = (
        f"{f'{whose}: ' if whose else ''}{subject(rows)} {'holds' if one else 'hold'} values that are NaN or infinite"
    )
    count = (rows[0].measurement.note or "").rpartition(": ")[2]  # the sentence has the names before it
    first = "" if one else f"Of {lower_first(rows[0].weight.label)}, "
    why = f"{first}{count}. Any input that meets one makes every output NaN."
    return Finding(Severity.BAD, text, why, names(rows), {"broken": len(rows)}, NOT_FINITE)


def tell_unjudged(rows: Sequence[Row], column: str) -> str:
    """How many have no value beside those that a headline counts, and the usual reason: " 9 others could …"; or ""."""
    notes = [row.measurement.note or "no value" for row in rows if row.value(column) is None and not is_not_finite(row)]
    if len(notes) in (0, len(rows)):
        return ""
    reason, most = Counter(notes).most_common(1)[0]
    count = "1 other" if len(notes) == 1 else f"{len(notes)} others"
    which = "" if most == len(notes) else "most: " if 2 * most > len(notes) else "one: "
    return f" {count} could not be judged ({which}{reason.removesuffix('.')})."


def unmeasured_findings(rows: Sequence[Row], column: str, what: str) -> list[Finding]:
    """What is said of the rows without a value in a column: NaN first, then a note with the first reasons."""
    absent = [row for row in rows if row.value(column) is None]
    missing = [row for row in absent if not is_not_finite(row)]
    broken = not_finite_findings(absent)
    if not missing:
        return broken
    noun = "matrix has" if len(missing) == 1 else "matrices have"
    reasons = [f"{row.weight.label}: {(row.reason or 'no value').removesuffix('.')}." for row in missing[:3]]
    rest = [f"{len(missing) - 3} more."] if len(missing) > 3 else []
    text = f"{len(missing)} {noun} no {what}"
    why = " ".join(reasons + rest)
    return [*broken, Finding(Severity.NOTE, text, why, names(missing), {"missing": len(missing)}, UNMEASURED)]
