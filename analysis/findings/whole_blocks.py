"""Findings on nearly all matrices of a block, for one cause, as one finding of that block.

A block that was never loaded, drawn anew or rescaled gives a finding for each of its matrices, which hide what else
there is. The findings that are joined stay in the new one (`Finding.parts`), for the pages of the layers.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from analysis.diagnostic import Finding, Row, Scalar, Severity
from analysis.findings import causes
from analysis.findings.subjects import NAMED, name_of, parts
from analysis.findings.wording import blocks, join_words, lower_first, short

FEWEST = 2  # findings that are joined
SHARE = 0.75  # of the matrices of a block, from which on it is bad as a whole: a router may be too small to tell
LISTED = 8  # matrices that a sentence names
Block = tuple[str, int]  # what it is called, and its number


def join_blocks(findings: Sequence[Finding], rows: Sequence[Row]) -> list[Finding]:
    """The findings on the rows of one checkpoint, those of a whole block in place of the first of its parts."""
    block_of = {row.weight.name: block for row in rows if (block := _block(row)) is not None}
    alike: dict[tuple[str, Severity, bool], list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.cause is not None and finding.cause.name in PREDICATES and finding.severity is not Severity.NOTE:
            alike[finding.cause.name, finding.severity, _times(finding) > 1.0].append(finding)
    new: dict[int, Finding] = {}  # by the first of its parts
    gone: set[int] = set()
    for some in alike.values():
        joined, block_rows = _whole(some, rows, block_of)
        if len(joined) >= FEWEST:
            new[id(joined[0])] = _join(joined, block_rows)
            gone |= {id(finding) for finding in joined}
    return [new.get(id(finding), finding) for finding in findings if id(finding) not in gone or id(finding) in new]


def _block(row: Row) -> Block | None:
    kind, depth, _ = parts(row)
    return (kind, int(depth)) if depth else None


def _whole(
    findings: Sequence[Finding], rows: Sequence[Row], block_of: Mapping[str, Block]
) -> tuple[list[Finding], list[Row]]:
    """Of findings of one cause those that speak of whole blocks alone, with all rows of these blocks of one kind."""
    named = {weight for finding in findings for weight in finding.weights}
    members: dict[Block, list[Row]] = defaultdict(list)
    for row in rows:
        if row.weight.name in block_of:
            members[block_of[row.weight.name]].append(row)
    whole = {at for at, some in members.items() if sum(row.weight.name in named for row in some) >= SHARE * len(some)}
    kinds = {kind for kind, _ in whole}
    inside = [finding for finding in findings if all(block_of.get(weight) in whole for weight in finding.weights)]
    covered = {weight for finding in inside for weight in finding.weights}
    if len(kinds) != 1 or covered != {name for name in named if block_of.get(name) in whole}:
        return [], []
    return inside, [row for block in sorted(whole) for row in members[block]]


def _join(findings: Sequence[Finding], rows: Sequence[Row]) -> Finding:
    first = findings[0]
    assert first.cause is not None
    named = {weight for finding in findings for weight in finding.weights}
    bad = [row for row in rows if row.weight.name in named]
    kind = parts(rows[0])[0].lower().removesuffix("block")
    where = f"{kind}{blocks([int(parts(row)[1]) for row in rows])}"
    count = f"{len(bad)} of {len(rows)}" if len(bad) < len(rows) else f"All {len(rows)}" if len(rows) > 2 else "Both"
    text = f"{count} matrices of {where} {PREDICATES[first.cause.name](findings)}"
    weights = tuple(row.weight.name for row in bad)
    numbers: dict[str, Scalar] = {key: value for finding in findings for key, value in _numbers(finding).items()}
    why = f"{_list(bad)}. Of the first: {lower_first(first.why)}"
    return Finding(
        first.severity, text, why, weights, dict(list(numbers.items())[:NAMED]), first.cause, tuple(findings)
    )


def _numbers(finding: Finding) -> Mapping[str, Scalar]:
    """What is known of each weight, by its name."""
    if len(finding.weights) != 1:
        return finding.evidence
    return {f"{finding.weights[0]}.{key}": value for key, value in finding.evidence.items()}


def _list(rows: Sequence[Row]) -> str:
    words = list(dict.fromkeys(lower_first(name_of(row)) for row in rows))
    rest = [f"{len(words) - LISTED} more"] if len(words) > LISTED else []
    listed = join_words([*words[:LISTED], *rest])
    return listed[:1].upper() + listed[1:]


def _times(finding: Finding) -> float:
    """The ratio to the siblings, in a finding on a scale."""
    value = finding.evidence.get("times")
    return float(value) if isinstance(value, int | float) else 0.0


def _compare_copies(findings: Iterable[Finding]) -> str:
    are_exact = all(finding.evidence.get("cosine") == 1.0 for finding in findings)
    return "are copies of each other" if are_exact else "are copies of each other, or nearly"


def _compare_scales(findings: Iterable[Finding]) -> str:
    found = [_times(finding) for finding in findings]
    ratios = sorted(ratio if ratio > 1.0 else 1.0 / ratio for ratio in found)
    span = short(ratios[0]) if short(ratios[0]) == short(ratios[-1]) else f"{short(ratios[0])} to {short(ratios[-1])}"
    return f"are {span} times {'as large as' if found[0] > 1.0 else 'smaller than'} their siblings"


PREDICATES: Mapping[str, Callable[[Iterable[Finding]], str]] = {
    causes.NOT_FINITE.name: lambda _: "hold values that are NaN or infinite",
    causes.ZERO.name: lambda _: "are all zeros",
    causes.RANDOM.name: lambda _: "look like a random initialisation",
    causes.ORTHOGONAL.name: lambda _: "are orthogonal: all singular values are equal",
    causes.PRUNED.name: lambda _: "are pruned",
    causes.QUANTISED.name: lambda _: "are quantised",
    causes.CLIPPED.name: lambda _: "are clipped",
    causes.COPY.name: _compare_copies,
    causes.SCALE.name: _compare_scales,
}
