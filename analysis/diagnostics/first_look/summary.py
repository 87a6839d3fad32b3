"""What a first look says in words: how much was looked at and how surely, and nothing that only an exact look can."""

from statistics import median

from analysis.diagnostic import Scalar, Summary, Table
from analysis.findings.subjects import unmeasured_findings, worst_first
from analysis.findings.wording import quantity, short


def summarise(table: Table) -> Summary:
    alphas, ranks = table.numbers("alpha_windows"), table.numbers("stable_rank_high")
    looks = [row.value("look") for row in table.rows]
    numbers: dict[str, Scalar] = {
        "measured": len(table.numbers("squared_norm")),
        "first": looks.count("first"),
        "median_alpha_windows": median(alphas) if alphas else None,
        "median_stable_rank_high": median(ranks) if ranks else None,
    }
    findings = unmeasured_findings(table.rows, "squared_norm", "A first look")
    return Summary(_headline(numbers), numbers, worst_first(list(findings)))


def _headline(numbers: dict[str, Scalar]) -> str:
    count, first = int(numbers["measured"] or 0), int(numbers["first"] or 0)
    if not count:
        return "No matrix could be measured."
    how = "all decomposed, as they are small" if not first else f"{first:,} of them estimated"
    alpha = numbers["median_alpha_windows"]
    tail = "" if alpha is None else f" The median α of their windows is {short(float(alpha))}."
    return f"A first look at {quantity(count, 'matrix', 'matrices')}, {how}.{tail}"
