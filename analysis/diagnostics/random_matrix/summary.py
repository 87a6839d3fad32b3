"""What a comparison of weights with noise says in words: which are noise, which have traps, and which have no bulk."""

from collections.abc import Sequence
from statistics import median

from analysis.diagnostic import Finding, Row, Scalar, Severity, Summary, Table
from analysis.findings.apart import Compared, apart_findings
from analysis.findings.causes import OUTLIER, RANDOM, READING
from analysis.findings.subjects import (
    evidence,
    group_alike,
    names,
    number,
    subject,
    tell_unjudged,
    unmeasured_findings,
    worst_first,
)
from analysis.findings.wording import join_words, quantity, short
from analysis.statistics.marchenko_pastur import MOST_OUTSIDE, Bulk

EDGE = Compared("bulk_max", "has a larger bulk of noise", "has a smaller bulk of noise", False)
TRAPS = Compared("num_traps", "has more traps", "has fewer traps", True)


def why_no_bulk(bulk: Bulk) -> str:
    """What keeps the best bulk from being one."""
    share = bulk.spikes / (bulk.spikes + bulk.inside)
    if share > MOST_OUTSIDE:
        return f"no noise bulk: {share:.0%} of the eigenvalues, more than a quarter, are outside the best one"
    return f"no noise bulk: the best one misses the eigenvalues by D = {bulk.distance:.2f}"


def summarise(table: Table) -> Summary:
    rows = [row for row in table.rows if row.value("bulk_D") is not None]
    bulks = [row for row in rows if row.value("bulk_fits")]
    counts = table.numbers("num_above_random")
    trap_rows = [row for row in rows if number(row, "num_traps") >= 1.0]
    numbers: dict[str, Scalar] = {
        "measured": len(rows),
        "with_bulk": len(bulks),
        "without_bulk": len(rows) - len(bulks),
        "noise_only": sum(_is_noise(row) for row in rows),
        "trapped": len(trap_rows),
        "median_above_random": median(counts) if counts else None,
        "median_rand_distance": median(table.numbers("rand_distance")) if table.numbers("rand_distance") else None,
    }
    findings = [
        *map(_noise_finding, group_alike(filter(_is_noise, rows))),
        *map(_trap_finding, group_alike(trap_rows)),
        *_bulkless(rows),
        *apart_findings(rows, EDGE),
        *apart_findings(rows, TRAPS),
        *unmeasured_findings(table.rows, "bulk_D", "spectrum to compare with noise"),
    ]
    return Summary(_headline(numbers) + tell_unjudged(table.rows, "bulk_D"), numbers, worst_first(findings))


def _is_noise(row: Row) -> bool:
    """A bulk that fits, and nothing above it or above what shuffling leaves."""
    return row.value("bulk_fits") is True and row.value("num_spikes") == 0 and row.value("num_above_random") == 0


def _noise_finding(rows: Sequence[Row]) -> Finding:
    gaps = join_words([short(number(row, "bulk_D")) for row in rows[:5]])
    verb = "is" if len(rows) == 1 else "are"
    why = f"All eigenvalues lie in a noise bulk that fits to D {gaps}: never trained, drawn anew, or shuffled."
    columns = ("num_spikes", "num_above_random", "bulk_D", "rand_distance")
    severity = Severity.NOTE if rows[0].weight.role in ("pooler", "embedding", "position") else Severity.WARN
    text = f"{subject(rows)} {verb} indistinguishable from noise"
    return Finding(severity, text, why, names(rows), evidence(rows, *columns), RANDOM)


def _trap_finding(rows: Sequence[Row]) -> Finding:
    top = max(rows, key=lambda row: number(row, "num_traps"))
    traps, spread = number(top, "num_traps"), number(top, "num_traps_sd")
    times = number(top, "max_rand_eval") / number(top, "rand_bulk_max")
    has = "has" if len(rows) == 1 else "have"
    why = (
        f"Shuffled, {top.weight.label} keeps {short(traps)} ± {short(spread)} eigenvalues above noise, the largest "
        f"{short(times)} times the random edge: a few entries are far larger than the others."
    )
    columns = ("num_traps", "num_traps_sd", "max_rand_eval", "rand_bulk_max", "replicas")
    return Finding(Severity.NOTE, f"{subject(rows)} {has} traps", why, names(rows), evidence(rows, *columns), OUTLIER)


def _bulkless(rows: Sequence[Row]) -> list[Finding]:
    bulkless_rows = [row for row in rows if row.value("bulk_fits") is False and row.value("num_spikes") is None]
    if not bulkless_rows:
        return []
    counts = [number(row, "num_above_random") for row in bulkless_rows if row.value("num_above_random") is not None]
    text = f"{len(bulkless_rows)} of {quantity(len(rows), 'matrix has', 'matrices have')} no noise bulk"
    hint = f" Read instead how many are above random: {min(counts):.0f} to {max(counts):.0f}." if counts else ""
    why = f"Usual for trained layers: their eigenvalues go on beyond any edge of noise, so no spikes are counted.{hint}"
    return [Finding(Severity.NOTE, text, why, names(bulkless_rows), {"without_bulk": len(bulkless_rows)}, READING)]


def _headline(numbers: dict[str, Scalar]) -> str:
    count = int(numbers["measured"] or 0)
    if not count:
        return "No matrix could be compared with noise."
    noise, bulks = int(numbers["noise_only"] or 0), int(numbers["with_bulk"] or 0)
    first = (
        f"{noise} of {quantity(count, 'matrix', 'matrices')} cannot be told from noise."
        if noise
        else (f"All {quantity(count, 'matrix', 'matrices')} stand out of noise.")
    )
    trap_count = int(numbers["trapped"] or 0)
    last = f" {trap_count} {'has' if trap_count == 1 else 'have'} traps." if trap_count else ""
    return f"{first} {bulks} {'has' if bulks == 1 else 'have'} a noise bulk.{last}"
