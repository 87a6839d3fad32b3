"""What a table of updates says in words: how much each tuned checkpoint changed, where, and what to doubt.

The bounds are ours where no source is named: they say what is worth a look, not what is wrong.
"""

import math
from collections.abc import Sequence

from analysis.diagnostic import Finding, Row, Scalar, Severity, Summary, Table
from analysis.diagnostics.update.adapter_base import adapter_base_findings
from analysis.diagnostics.update.kind_findings import SAID, is_untrained, kind_findings
from analysis.diagnostics.update.kinds import CAST
from analysis.diagnostics.update.origin import (
    describe_nothing,
    is_foreign,
    is_rotated,
    is_unrelated_row,
    replacement_findings,
    wrong_base,
)
from analysis.diagnostics.update.profile import name_far, place_findings, profile
from analysis.diagnostics.update.sameness import others_of, repeated_findings, same_finding, same_in_short
from analysis.findings import changes
from analysis.findings.grouping import group_rows, having, medians, middle
from analysis.findings.subjects import (
    evidence,
    group_alike,
    is_not_finite,
    names,
    number,
    subject,
    unmeasured_findings,
    worst_first,
)
from analysis.findings.wording import join_clauses, join_words, lower_first, percent, quantity, short

LARGE = 0.1  # of the base; smaller updates forget too: benchmarks/truth/bounds/large.py
ROUNDED = 3.0  # times the rounding of the type
UNUSED, WIDE = 0.5, 4  # share of an adapter's rank that is in use, and the least rank: benchmarks/truth/bounds/ranks.py
SHIFTED, ALIKE, ENOUGH = 0.05, 0.75, 8  # shift of α, share of matrices that shift one way, and how many they must be
CHANCE = 0.05  # up to which so many may shift one way where each may go either way: 6 of 8 do so in 29 % of cases
MANY = 1000  # matrices above which the normal law stands for the binomial one
COLUMNS = (
    "relative_norm",
    "effective_rank",
    "share_in_base",
    "share_chance",
    "alpha_shift",
    "rank_shift",
    "amplification",
    "delta_sigma",
    "delta_direction",
    "delta_direction_matched",
    "cosine",
    "unchanged",
    "rounding",
    "spectrum_distance",
)


def summarise(table: Table) -> Summary:
    pairs = group_rows(table.rows)
    findings = [finding for group, rows in pairs.items() for finding in _findings(table, group, rows)]
    numbers: dict[str, Scalar] = {
        "pairs": len(pairs),
        "matrices": len(having(table.rows, "norm")),
        "changed": len(_select_changes(table.rows)),
        **{f"median_{column}": value for column, value in medians(_select_changes(table.rows), COLUMNS[:5]).items()},
    }
    missing = unmeasured_findings(table.rows, "norm", "update to measure")
    return Summary(
        _headline(table, pairs),
        numbers,
        worst_first([*findings, *repeated_findings(table, pairs), *missing]),
        {group: _numbers(rows) for group, rows in pairs.items()},
    )


def _numbers(rows: Sequence[Row]) -> dict[str, Scalar]:
    """The model-level numbers of one pair: medians over what changed, so that an adapter and its merge say the same."""
    change_profile = profile(rows)
    return {
        "matrices": len(having(rows, "norm")),
        "changed": len(_select_changes(rows)),
        **medians(_select_changes(rows), COLUMNS),
        "zero": len(_zero(rows)),
        "foreign": is_foreign(rows),
        **(change_profile.numbers() if change_profile else {}),
    }


def _headline(table: Table, pairs: dict[tuple[int, ...], list[Row]]) -> str:
    """Checkpoints of another base first, then those that changed most: of many, the others are only counted."""
    clauses = [
        (_size_of_change(rows), _in_short(table, group, rows)) for group, rows in pairs.items() if having(rows, "norm")
    ]
    broken = len({row.weight.name for row in table.rows if is_not_finite(row)})
    first = f"{quantity(broken, 'matrix holds', 'matrices hold')} NaN or infinity. " if broken else ""
    return f"{first}{join_clauses(clauses) or 'No update could be measured.'}"


def _size_of_change(rows: Sequence[Row]) -> float:
    return math.inf if is_foreign(rows) else middle(_select_changes(rows), "relative_norm") or 0.0


def _in_short(table: Table, group: tuple[int, ...], rows: Sequence[Row]) -> str:
    tuned, measured_rows = table.name_at(group[-1]), having(rows, "norm")
    if is_foreign(rows):
        base = table.name_at(0)
        if is_rotated(rows):
            return f"{tuned} is {base} rotated"
        where = describe_nothing(rows)
        return (
            f"{tuned} shares nothing with {base}"
            if where.startswith("its")
            else f"{tuned}: {where} nothing with {base}"
        )
    if len(_zero(rows)) == len(measured_rows):
        return same_in_short(rows, tuned, table.name_at(0), others_of(table, group[-1]))
    changed_rows = _select_changes(rows)
    matrices = quantity(len(changed_rows), "matrix", "matrices")
    kinds = {str(row.value("change")) for row in changed_rows}
    if len(kinds) == 1 and (only := next(iter(kinds))) in SAID:
        return f"{tuned}: {matrices} {'is' if len(changed_rows) == 1 else 'are'} {SAID[only][2]}"
    size, rank = middle(changed_rows, "relative_norm"), middle(changed_rows, "effective_rank")
    amount = f" by {percent(size)} (median{name_far(changed_rows, size)})" if size is not None else ""
    return f"{tuned} changed {matrices}{amount}, in {short(rank or 0.0).removesuffix('.0')} directions"


def _findings(table: Table, group: tuple[int, ...], rows: Sequence[Row]) -> list[Finding]:
    """What one pair says; of a wrong base nothing else is worth saying."""
    tuned, base = table.name_at(group[-1]), table.name_at(0)
    if is_foreign(rows):
        return [wrong_base(rows, tuned, base)]
    zero = _zero(rows)
    if zero and len(zero) == len(having(rows, "norm")):
        return [same_finding(rows, tuned, base, others_of(table, group[-1]))]
    changed_rows = _select_changes(rows)
    trained_rows = [row for row in changed_rows if not is_unrelated_row(row) and not is_untrained(row)]
    odd = [row for row in changed_rows if not is_lost(row)]  # of what rounding swallowed nothing more is known
    return [
        *kind_findings(odd, tuned),
        *_rounding_findings([row for row in changed_rows if not is_cast(row)], tuned),
        *_large(trained_rows, tuned),
        *_unused_rank_findings(trained_rows, tuned),
        *_tails(trained_rows, tuned),
        *place_findings([*trained_rows, *zero], tuned),
        *replacement_findings(changed_rows, tuned),
        *adapter_base_findings(rows, tuned, base),
        *_frozen_findings(zero, len(changed_rows) + len(zero), tuned),
    ]


def _zero(rows: Sequence[Row]) -> list[Row]:
    return [row for row in having(rows, "norm") if number(row, "norm") == 0.0]


def _select_changes(rows: Sequence[Row]) -> list[Row]:
    return [row for row in having(rows, "norm") if number(row, "norm") > 0.0]


def _large(rows: Sequence[Row], tuned: str) -> list[Finding]:
    large = [row for row in rows if number(row, "relative_norm") > LARGE]
    if not large:
        return []
    top = max(large, key=lambda row: number(row, "relative_norm"))
    place = (
        subject(large)
        if len(group_alike(large)) == 1
        else f"{len(large)} of {quantity(len(rows), 'matrix', 'matrices')}"
    )
    text = f"{tuned}: the update is larger than {percent(LARGE)} of the base in {lower_first(place)}"
    why = (
        f"Largest in {lower_first(top.weight.label)}: {percent(number(top, 'relative_norm'))}. Of small models "
        "trained on other data all 24 with such an update had forgotten, and 6 of 8 with a smaller one; of 3 trained "
        "on the base's own data none had (docs/truth.md). Larger updates went with more forgetting in our own runs "
        "(Spearman 0.92 over 18 of LoRA, 0.70 with 4 full ones); a lower learning rate or scaling makes them smaller."
    )
    return [
        Finding(
            Severity.WARN,
            text,
            why,
            names(large),
            {"large": len(large), **evidence([top], "relative_norm")},
            changes.LARGE_UPDATE,
        )
    ]


def is_lost(row: Row) -> bool:
    """Whether the update is hardly larger than the rounding of its type; a cast of the base is said elsewhere."""
    return number(row, "rounding") < ROUNDED and not is_cast(row)


def is_cast(row: Row) -> bool:
    return row.value("change") == CAST


def _rounding_findings(rows: Sequence[Row], tuned: str) -> list[Finding]:
    """Updates that the type in which they are stored has all but swallowed."""
    losses = [row for row in rows if is_lost(row)]
    if not losses:
        return []
    dtype = losses[0].value("stored_as")
    same = middle(losses, "unchanged") or 0.0
    matrices = f"{len(losses)} of {quantity(len(rows), 'matrix', 'matrices')}"
    text = f"{tuned}: in {matrices} the update is hardly larger than the rounding of {dtype}"
    why = (
        f"Median {short(middle(losses, 'rounding') or 0.0)} times the rounding; {percent(same)} of the entries did not "
        "change at all. Ranks, directions and shares of such an update are partly those of noise: compare a file in "
        "float32, or the adapter itself."
    )
    facts = {"rounded": len(losses), "rounding": middle(losses, "rounding"), "unchanged": same}
    return [Finding(Severity.WARN, text, why, names(losses), facts, changes.ROUNDED)]


def _unused_rank_findings(rows: Sequence[Row], tuned: str) -> list[Finding]:
    """Adapters of which the update uses less than half of the rank."""
    adapter_rows = having(rows, "available_rank")
    rank, used_rank = middle(adapter_rows, "available_rank"), middle(adapter_rows, "effective_rank")
    if rank is None or used_rank is None or rank < WIDE or used_rank > UNUSED * rank:
        return []
    text = f"{tuned} uses {short(used_rank)} of its {short(rank).removesuffix('.0')} directions"
    why = (
        f"Median effective rank of the update in {quantity(len(adapter_rows), 'matrix', 'matrices')}. The directions "
        "beyond it still hold a small part of the change: a smaller r may do, which only training with it shows. Of 5 "
        "such adapters of small models half of r did as well in 2, and in 5 of 19 others (docs/truth.md)."
    )
    if len(adapter_rows) < ENOUGH:
        why += f" Few matrices: {len(adapter_rows)}."
    return [
        Finding(
            Severity.NOTE,
            text,
            why,
            names(adapter_rows),
            {"effective_rank": used_rank, "available_rank": rank},
            changes.UNUSED_RANK,
        )
    ]


def _tails(rows: Sequence[Row], tuned: str) -> list[Finding]:
    """A shift of α that most matrices share; each by itself is seldom larger than its error."""
    fitted_rows = having(rows, "alpha_shift")
    shift = middle(fitted_rows, "alpha_shift")
    if shift is None or abs(shift) < SHIFTED or len(fitted_rows) < ENOUGH:
        return []
    same = [row for row in fitted_rows if number(row, "alpha_shift") * shift > 0.0]
    chance = chance_of_agreement(len(same), len(fitted_rows))
    if len(same) < ALIKE * len(fitted_rows) or chance > CHANCE:
        return []
    sure = [row for row in same if abs(number(row, "alpha_shift")) > 2.0 * number(row, "alpha_shift_error")]
    word = "heavier" if shift < 0.0 else "thinner"
    median = _format_signed(shift)
    text = f"{tuned}: tails became {word} in {len(same)} of {len(fitted_rows)} matrices (median shift of α {median})"
    why = (
        f"{len(sure) or 'None'} of the shifts {'is' if len(sure) == 1 else 'are'} larger than two standard errors by "
        f"{'itself' if len(sure) < 2 else 'themselves'}; so many of them point one way by chance in "
        f"{percent(chance) if chance >= 1e-3 else 'less than 0.1 %'} of cases, if they are independent."
    )
    facts = {"median_alpha_shift": shift, "same_way": len(same), "fitted": len(fitted_rows), "sure": len(sure)}
    return [Finding(Severity.NOTE, text, why, names(same), facts, changes.TAIL_SHIFT)]


def chance_of_agreement(same: int, count: int) -> float:
    """The probability that so many or more of a count go one way, or so many the other, where both are as likely.

    The two-sided sign test, for `same` from half of the count on.

    >>> chance_of_agreement(6, 8), chance_of_agreement(8, 8)
    (0.2890625, 0.0078125)
    """
    if count > MANY:
        return min(1.0, math.erfc((2.0 * same - 1.0 - count) / math.sqrt(2.0 * count)))
    return min(1.0, 2 * sum(math.comb(count, k) for k in range(same, count + 1)) / (1 << count))


def _format_signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _frozen_findings(zero: Sequence[Row], all_of_them: int, tuned: str) -> list[Finding]:
    if not zero:
        return []
    kinds = group_alike(zero)
    rest = [quantity(len(kinds) - 3, "more kind")] if len(kinds) > 3 else []
    which = join_words([*(lower_first(subject(rows)) for rows in kinds[:3]), *rest])
    some = f"{len(zero)} of {quantity(all_of_them, 'matrix', 'matrices')}"
    text = f"{tuned} left {some} exactly as {_subject_in_words(zero)}"
    why = f"{which[:1].upper()}{which[1:]}: frozen, or never reached by a gradient."
    return [Finding(Severity.NOTE, text, why, names(zero), {"zero": len(zero)}, changes.FROZEN)]


def _subject_in_words(rows: Sequence[Row]) -> str:
    return "it was" if len(rows) == 1 else "they were"
