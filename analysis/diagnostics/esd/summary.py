"""What the exponents of a table say in words: where they lie, and how little follows from it.

WeightWatcher's verdicts stay in the column `warning`, and nowhere else. α above 6 comes up on a quarter of small
matrices of noise and on nearly all long ones; α below 2, with a tail of more than half of the spectrum, is usual in
language models whose training loss equals their test loss (docs/evidence.md). So an exponent is a note, given where the
fit is firm, and whether a layer was trained is the diagnostic entries' to say.
"""

from collections.abc import Sequence
from statistics import fmean, median, stdev

from analysis.diagnostic import Finding, Row, Scalar, Severity, Summary, Table
from analysis.findings.causes import EXPONENT
from analysis.findings.subjects import evidence, names, number, unmeasured_findings
from analysis.findings.wording import join_words, lower_first, quantity, short
from analysis.statistics.power_law import SEARCH

OVER, UNDER = 2.0, 6.0  # WeightWatcher's OVER_TRAINED_THRESH and UNDER_TRAINED_THRESH
SURE = 2.0 * SEARCH  # σ outside 2 to 6 from which on an exponent is outside by more than chance: 95 % of power laws
TAIL, SHARE, POOR = 20, 0.5, 0.1  # points of a tail, its share of the spectrum, and D: up to which a fit is firm
LARGE = 128  # smaller side below which noise alone has exponents above 6 too often (22 % at 64, docs/evidence.md)
NAMED = 3
WEAK = "small matrices, few eigenvalues, tails that are most of the spectrum, or no power law"


def verdict(alpha: float) -> str:
    """WeightWatcher's warning: "over-trained" below 2, "under-trained" above 6, else ""."""
    if alpha < OVER:
        return "over-trained"
    return "under-trained" if alpha > UNDER else ""


def summarise(table: Table) -> Summary:
    """Where the exponents of a table with the columns alpha, sigma, D, num_pl_spikes and num_evals lie."""
    flagged_rows = [row for row in table.rows if row.value("warning")]
    numbers = _numbers(table, flagged_rows)
    firm = [row for row in flagged_rows if is_firm(row)]
    findings = [
        *_side_findings([row for row in firm if number(row, "alpha") > UNDER], "above 6", _THIN),
        *_side_findings([row for row in firm if number(row, "alpha") < OVER], "below 2", _HEAVY),
        *_reservations(table, len(table.numbers("alpha"))),
    ]
    return Summary(_headline(numbers), numbers, tuple(findings))


def _numbers(table: Table, flagged: Sequence[Row]) -> dict[str, Scalar]:
    """Of all fits, and of those that may be read: `usual` and its share, and `median_readable`, are of these alone."""
    alphas = table.numbers("alpha")
    readable = [number(row, "alpha") for row in table.rows if row.value("alpha") is not None and is_readable(row)]
    usual = sum(OVER <= alpha <= UNDER for alpha in readable)
    return {
        "fitted": len(alphas),
        "readable": len(readable),
        "left_out": len(alphas) - len(readable),
        "usual": usual,
        "share_usual": usual / len(readable) if readable else None,
        "median_readable": median(readable) if readable else None,
        "flagged": len(flagged),
        "under_trained": sum(row.value("warning") == "under-trained" for row in flagged),
        "over_trained": sum(row.value("warning") == "over-trained" for row in flagged),
        "median_alpha": median(alphas) if alphas else None,
        "mean_alpha": fmean(alphas) if alphas else None,
        "sd_alpha": stdev(alphas) if len(alphas) > 1 else None,
        "low_confidence": sum(row.value("low_confidence") is True for row in table.rows),
        "without_fit": len(table.rows) - len(alphas),
    }


def is_firm(row: Row) -> bool:
    """Whether an exponent may be read, and lies outside 2 to 6 by more than chance."""
    return is_readable(row) and _excess(row) > SURE * number(row, "sigma")


def is_readable(row: Row) -> bool:
    """Whether an exponent may be read: a large matrix, a tail of enough points that is a tail, and a good fit."""
    tail = number(row, "num_pl_spikes")
    return (
        min(row.weight.rows, row.weight.columns) >= LARGE
        and tail >= TAIL
        and tail <= SHARE * number(row, "num_evals")
        and number(row, "D") <= POOR
    )


def _excess(row: Row) -> float:
    """How far outside 2 to 6 an exponent lies."""
    alpha = number(row, "alpha")
    return max(alpha - UNDER, OVER - alpha)


_THIN = "A thin tail. Noise has one too, and so have long matrices: read how many eigenvalues are above random."
_HEAVY = "A heavy tail: a few directions carry much. It is no sign of memorising (docs/evidence.md)."


def _side_findings(rows: Sequence[Row], where: str, meaning: str) -> list[Finding]:
    """One note for all of one side, naming the furthest."""
    if not rows:
        return []
    furthest = sorted(rows, key=lambda row: -_excess(row))[:NAMED]
    words = join_words([f"{lower_first(row.weight.label)} {_alpha_text(number(row, 'alpha'))}" for row in furthest])
    rest = f", and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
    text = f"α (KS) is {where} in {quantity(len(rows), 'matrix', 'matrices')}"
    return [Finding(Severity.NOTE, text, f"{words}{rest}. {meaning}", names(rows), evidence(rows, "alpha"), EXPONENT)]


def _alpha_text(alpha: float) -> str:
    """An exponent outside 2 to 6, with as many digits as show that it is."""
    texts = (short(alpha), *(f"{alpha:.{digits}f}" for digits in range(2, 9)))
    return next((text for text in texts if not OVER <= float(text) <= UNDER), repr(alpha))


def _headline(numbers: dict[str, Scalar]) -> str:
    fitted, readable, usual, left = (int(numbers[key] or 0) for key in ("fitted", "readable", "usual", "left_out"))
    middle = numbers["median_readable"]
    if not fitted:
        return "No matrix has a tail to fit."
    if not isinstance(middle, float):
        which = "The one tail fit is not" if fitted == 1 else f"None of {fitted} tail fits is"
        return f"{which} firm enough to read an α from: {WEAK} (docs/evidence.md)."
    rest = f" {quantity(left, 'weak fit')} {'is' if left == 1 else 'are'} left out." if left else ""
    compare = "Compare α within one role, shape and recipe only (docs/evidence.md)."
    if readable == 1:
        one = "one tail that was fitted" if fitted == 1 else "one firm fit"
        return f"The {one} has α (KS) {short(middle) if usual else _alpha_text(middle)}.{rest} {compare}"
    share_text = f"{usual or 'None'} of {readable} firm fits {'has' if usual < 2 else 'have'} an α (KS) between 2 and 6"
    return f"{share_text}; the median is {short(middle)}.{rest} {compare}"


def _reservations(table: Table, fitted: int) -> list[Finding]:
    """What to bear in mind about the fits that are weak, and those that are missing."""
    findings = []
    weak = tuple(row.weight.name for row in table.rows if row.value("low_confidence"))
    if weak:
        of = f"{len(weak)} of {fitted} fits" if fitted > 1 else "The only fit"
        text = f"{of} {'rests' if len(weak) == 1 else 'rest'} on little"
        why = "Fewer than 20 eigenvalues in the tail, or fewer than 50 in all: such an α is a hint, not a number."
        findings.append(Finding(Severity.NOTE, text, why, weak, {"low_confidence": len(weak)}, EXPONENT))
    return [*findings, *unmeasured_findings(table.rows, "alpha", "tail fit")]
