"""Layers that are as random, orthogonal, or apart from their siblings, and the findings that say so."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from analysis.diagnostic import Finding, Row, Severity
from analysis.diagnostics.entries.faults import is_table
from analysis.findings import causes
from analysis.findings.apart import Compared, apart_findings
from analysis.findings.siblings import Apart, families, families_by_row, find_apart
from analysis.findings.subjects import evidence, group_alike, names, number, subject
from analysis.findings.wording import quantity, short

FEW = 1 / 3  # share of the layers up to which being as random is a fault of theirs and no choice
WIDTH, RATIO = 5.0, 2.0  # robust spreads, and the factor on the scale, from which on a layer is apart
# standard errors of the line tests of siblings from which on a layer as random is a fault: their least, their median,
# and their least where a third of them are as random. A clean layer of benchmarks/truth had siblings of 5 to 9
LEAST_LEARNED, LEARNED, MANY_LEARNED = 8.0, 12.0, 20.0
LIKELY = 3.0  # of its own line tests, up to which being as random is a fault: those drawn anew are above once in 100
PEAKED, RESCALED = 0.2, 0.25  # logarithms of kurtosis and scale by which a layer drawn anew differs from its siblings
SMALLEST = 16  # smaller side below which being as random could not be seen
LARGER, LESS = 1.1, 0.6  # of scale and of the line tests of all siblings: from, and up to, which noise was added


def is_harmless(row: Row) -> bool:
    """Tables and poolers: often frozen, barely moved from a wide start, or not used at all."""
    return is_table(row) or row.weight.role == "pooler"


def testable(row: Row) -> bool:
    """Whether being as random could have been seen: large enough, and no table that may rest at a wide start."""
    info = row.weight
    return row.value("random_D") is not None and min(info.rows, info.columns) >= SMALLEST and not is_harmless(row)


def random(rows: Sequence[Row]) -> Iterator[Finding]:
    """Rows as random in a model that is not."""
    able = [row for row in rows if testable(row)]
    random_rows = [row for row in rows if row.value("state") == "random"]
    peers_of = _find_peers(rows)
    usual, faulty = list[Row](), list[Row]()
    for row in random_rows:
        (usual if is_harmless(row) or _is_of_its_kind(row, peers_of) else faulty).append(row)
    yield from (_as_random(some, Severity.NOTE) for some in group_alike(usual))
    if len(faulty) > max(1.0, FEW * len(able)):
        text = f"{len(faulty)} of the {len(able)} matrices that can be told look like a random initialisation"
        yield Finding(Severity.WARN, text, WHY, names(faulty), {"random": len(faulty)}, causes.RANDOM)
        return
    yield from (_as_random(some, Severity.BAD) for some in group_alike(faulty))


@dataclass(frozen=True, slots=True)
class Peers:
    """The layers that a random one is held against: its siblings that are not random, else all that are trained.

    `extremes`: the least and the largest logarithm of kurtosis and scale among the siblings; none without them.
    """

    few_are_random: bool
    siblings: int  # that are not random
    held: int  # layers whose line tests `least` and `middle` are of
    least: float
    middle: float
    extremes: Mapping[str, tuple[float, float]]


def _find_peers(rows: Sequence[Row]) -> Callable[[Row], Peers]:
    """For each row as random those that it is held against: found once for all of a family."""
    family_of, alone = families_by_row(rows), list[Row]()
    known: dict[int, Peers] = {}

    def peers_of(row: Row) -> Peers:
        family = family_of.get(id(row), alone)
        if id(family) not in known:
            known[id(family)] = _peers_in(family, rows)
        return known[id(family)]

    return peers_of


def _peers_in(family: Sequence[Row], rows: Sequence[Row]) -> Peers:
    """Of a family with a random row, which is not its own peer."""
    rest = [one for one in family if one.value("state") != "random"]
    others = max(0, len(family) - 1)
    held = rest or [one for one in rows if testable(one) and one.value("state") == ""]
    logs = {column: [math.log(number(one, column)) for one in rest] for column in ("kurtosis", "rms")} if rest else {}
    spreads = [number(one, "line_spread") for one in held] or [math.nan]
    return Peers(
        few_are_random=others - len(rest) <= FEW * others,
        siblings=len(rest),
        held=len(held),
        least=min(spreads),
        middle=median(spreads),
        extremes={column: (min(found), max(found)) for column, found in logs.items()},
    )


def _is_of_its_kind(row: Row, peers_of: Callable[[Row], Peers]) -> bool:
    """Whether layers like it are as random, or hardly less: frozen, or moved too little to show; no fault of its own.

    Lightly trained layers pass the tests of randomness now and then, but seldom by far. Entries that are uniform to
    their ends are no such layer, nor are those of another law or scale than their siblings', nor those whose siblings
    are far from random. Where many are random, or the entries follow no law of initialisations, the others have to be
    farther still.
    """
    if number(row, "line_spread") > LIKELY:
        return True
    peers = peers_of(row)
    if not peers.few_are_random:
        return not peers.siblings or peers.least < MANY_LEARNED
    if row.value("entries_law") == "uniform" or not peers.held:
        return False
    least = LEAST_LEARNED if row.value("entries_law") else MANY_LEARNED
    has_structure = peers.middle >= LEARNED and (not peers.siblings or peers.least >= least)
    is_unlike = bool(peers.siblings) and (
        _differs(row, peers, "kurtosis", PEAKED) or _differs(row, peers, "rms", RESCALED)
    )
    return not (has_structure or is_unlike)


def _differs(row: Row, peers: Peers, column: str, far: float) -> bool:
    """Whether the logarithm of a column lies outside those of all siblings, by more than `far`."""
    own, (least, largest) = math.log(number(row, column)), peers.extremes[column]
    return own - largest > far or least - own > far


NOISE = (
    "Nothing stands above what independent entries of the same variance give, and rows and columns differ and resemble "
    "each other no more than chance lets them"
)
WHY = f"{NOISE}: never trained, drawn anew, or shuffled."
USUAL = f"{NOISE}. That is usual here: training may have moved it too little to show, or left it as it was."


def _as_random(rows: Sequence[Row], severity: Severity) -> Finding:
    laws = {str(row.value("entries_law")) for row in rows}
    law_note = (
        f" The entries follow a {laws.pop()} law, as initialisations do." if len(laws) == 1 and "" not in laws else ""
    )
    text = f"{subject(rows)} look{'s' if len(rows) == 1 else ''} like a random initialisation"
    columns = ("num_above_random", "random_D", "line_spread", "entries_law")
    why = USUAL if severity is Severity.NOTE else WHY
    return Finding(severity, text, why + law_note, names(rows), evidence(rows, *columns), causes.RANDOM)


def orthogonal(rows: Sequence[Row]) -> Iterator[Finding]:
    """Rows with equal singular values, a warning where few have them; and notes on those that are nearly so."""
    matches = [row for row in rows if row.value("state") == "orthogonal"]
    severity = Severity.NOTE if len(matches) > max(1.0, FEW * len(rows)) else Severity.WARN
    for some in group_alike(matches):
        text = f"{subject(some)} {'is' if len(some) == 1 else 'are'} orthogonal: all singular values are equal"
        why = "To 5 %, as an orthogonal initialisation leaves them or a parametrisation keeps them."
        yield Finding(severity, text, why, names(some), evidence(some, "condition"), causes.ORTHOGONAL)
    yield from flat([row for row in rows if row.value("state") == "flat"], len(rows))


def flat(chosen: Sequence[Row], measured: int) -> Iterator[Finding]:
    """Rows whose singular values are nearly equal: all in one note where they are most."""
    together = len(chosen) > max(1.0, FEW * measured)
    for some in [list(chosen)] if together else group_alike(chosen):
        most = max(number(row, "condition") for row in some)
        who = f"{len(some)} of {quantity(measured, 'matrix', 'matrices')}" if together else subject(some)
        verb = "has a nearly flat spectrum" if len(some) == 1 else "have nearly flat spectra"
        text = f"{who} {verb}: the largest singular value is at most {short(most)} times the smallest"
        why = (
            "Noise of their shape has far more between the two. Optimisers that even out their steps, such as Muon, "
            "and layers that are kept near orthogonal have such spectra; that alone tells neither that they were "
            "trained nor that they were not."
        )
        yield Finding(Severity.NOTE, text, why, names(some), evidence(some, "condition"), causes.FLAT)


def identity(rows: Sequence[Row]) -> Iterator[Finding]:
    """Rows that are a multiple of the identity, to 5 %."""
    for some in group_alike(rows):
        text = f"{subject(some)} {'is' if len(some) == 1 else 'are'} a multiple of the identity, or nearly"
        why = "To 5 % of the norm: outputs are inputs times one factor. That alone tells nothing of training."
        yield Finding(Severity.NOTE, text, why, names(some), evidence(some, "rms", "condition"), causes.FLAT)


def scale(rows: Sequence[Row]) -> Iterator[Finding]:
    """Rows whose scale is apart from that of their siblings."""
    for outlier in find_apart(rows, _log_scale, WIDTH, math.log(RATIO)):
        yield _scale_finding(outlier)


ABOVE = Compared("num_above_random", "has more eigenvalues above random", "has fewer eigenvalues above random", True)
KURTOSIS = Compared("kurtosis", "has entries with heavier tails", "has entries with lighter tails", False)


def structure(rows: Sequence[Row]) -> Iterator[Finding]:
    """Rows apart from their siblings in what stands above noise, or in the law of their entries: notes."""
    able = [row for row in rows if testable(row)]
    yield from apart_findings(able, ABOVE)
    yield from apart_findings(able, KURTOSIS)


def noise_added(rows: Sequence[Row]) -> Iterator[Finding]:
    """Rows larger than all their siblings, and of less structure: training makes the larger ones less random."""
    for family in families(rows):
        row = max(family, key=lambda one: number(one, "rms"))
        siblings = [one for one in family if one is not row]
        ratio = number(row, "rms") / max(number(one, "rms") for one in siblings)
        if ratio >= LARGER and all(_has_less(row, other) for other in siblings):
            yield _noise_finding(row, ratio, len(siblings))


def _noise_finding(row: Row, ratio: float, siblings: int) -> Finding:
    text = f"{subject([row])} looks as if noise had been added"
    why = (
        f"It is {short(ratio)} times as large as the largest of its {siblings} siblings, and nearer to random than "
        f"any: {number(row, 'num_above_random'):.0f} eigenvalues above random."
    )
    columns = ("rms", "num_above_random", "random_D", "line_spread")
    return Finding(Severity.WARN, text, why, names([row]), evidence([row], *columns), causes.NOISE_ADDED)


def _has_less(row: Row, other: Row) -> bool:
    """Whether a row is nearer to random than another, by its eigenvalues and by its lines."""
    has_fewer = number(row, "num_above_random") <= number(other, "num_above_random")
    return has_fewer and number(row, "line_spread") < LESS * number(other, "line_spread")


def _log_scale(row: Row) -> float | None:
    value = number(row, "rms")
    return math.log(value) if value > 0.0 else None


def _scale_finding(found: Apart) -> Finding:
    ratio = math.exp(found.value - found.middle)
    times = f"{short(ratio)} times as large as" if ratio > 1.0 else f"{short(1.0 / ratio)} times smaller than"
    text = f"{subject([found.row])} is {times} its siblings"
    why = f"Against the median of {found.siblings} others of its role and shape, far beyond their spread."
    numbers = {**evidence([found.row], "rms"), "times": ratio}
    return Finding(Severity.WARN, text, why, names([found.row]), numbers, causes.SCALE)
