"""Width scaling on made families that keep the law and its rule: how often intervals cover, and what is said falsely.

Every family has σ₁ as the law predicts it but for noise, under the rule that keeps σ₁ the same at all widths. So every
finding that the law fails or that σ₁ drifts is false. `python -m benchmarks.widths` prints the tables of
docs/scaling.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.diagnostic import Measurement, Row, Scalar, Severity, Table
from analysis.diagnostics.top_singular_value.diagnostic import TOP_SINGULAR_VALUE
from analysis.findings.widths import WIDTH_DRIFT, WIDTH_EXPONENT
from analysis.weight import WeightInfo
from analysis.width_scaling.family import family, scaling
from analysis.width_scaling.law import WIDTH_EXPONENT as LAW
from analysis.width_scaling.law import Estimate, Pair, reject_by_holm
from analysis.width_scaling.summary import summarise

FAMILIES, BLOCKS = 400, 2
ROLES = ("q", "k", "v", "o", "gate", "up", "down")
MODELS, LAYERS = 0.04, 0.03  # scatter of ln σ₁: of all blocks of one kind in one model, and of each block
SIZES = {
    2: (64.0, 256.0),
    3: (64.0, 128.0, 256.0),
    4: (64.0, 96.0, 128.0, 256.0),
    6: (64.0, 96.0, 128.0, 192.0, 256.0, 384.0),
}


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of intervals that hold what is true, and of families with something false."""

    blocks: float  # intervals of an exponent over blocks alone that hold it; nan for two models, which make none
    shown: float  # the same of the interval shown
    of_pairs: float  # intervals of a pair's factor over blocks alone that hold the law's
    uncorrected: float  # families with an exponent outside its interval, of any kind
    corrected: float  # the same by the tests that findings use
    some_pair: float  # families in which the widest pair of some kind is warned of by itself
    warned: float  # families with a warning or worse that the law fails or σ₁ drifts
    noted: float  # families with a note of that


def made(
    widths: tuple[float, ...],
    random: np.random.Generator,
    exponent: float = 0.0,
    blocks: int = BLOCKS,
    common: float = 0.0,
) -> Table:
    """The measurements of one family that keeps the law but for noise.

    `exponent`: of d, by which it departs from the law all the same; `common`: scatter that all kinds of a model share.
    """
    rows = []
    trend = exponent * np.log(widths)
    if common > 0.0:
        trend = trend + common * random.standard_normal(len(widths))
    for role in ROLES:
        shared = trend + MODELS * random.standard_normal(len(widths))
        for depth in range(blocks):
            sigma = np.exp(shared + LAYERS * random.standard_normal(len(widths))).astype(np.float32)
            info = WeightInfo(f"{depth}.{role}", f"{depth}.{role}", 8, 8, 1, role, depth)
            curves = {"sigma": sigma, "widths": np.array(widths, dtype=np.float32)}
            rows.append(Row(info, tuple(range(len(widths))), Measurement({"kind_class": "matrix"}, curves)))
    facts: list[dict[str, Scalar]] = [
        {"learning_rate": 0.64 / d, "weight_decay": 0.5 * d**0.5, "step": 10_000.0, "width": d} for d in widths
    ]
    return Table(TOP_SINGULAR_VALUE, tuple(rows), tuple(f"d{d:g}" for d in widths), tuple(facts))


def holds(low: float | None, high: float | None, value: float) -> bool:
    return low is not None and high is not None and low <= value <= high


def worst(table: Table) -> Severity | None:
    """The worst of what is said of the law and of drift."""
    told = [
        finding.severity
        for finding in summarise(table).findings
        if finding.cause is not None and finding.cause.name in (WIDTH_DRIFT.name, WIDTH_EXPONENT.name)
    ]
    return min(told, key=list(Severity).index) if told else None


def judge(table: Table) -> tuple[list[Estimate], list[Pair]]:
    """Of one family, each kind's exponent, and its widest model by its narrowest."""
    models = family(table)
    assert models is not None
    kinds = scaling(models).matrices
    exponents = [kind.fit.exponent for kind in kinds if kind.fit.exponent is not None]
    return exponents, [max(kind.pairs, key=lambda pair: models.settings[pair.target].width) for kind in kinds]


def measure(widths: tuple[float, ...], families: int = FAMILIES, seed: int = 0) -> Rates:
    random = np.random.default_rng(seed)
    tables = [made(widths, random) for _ in range(families)]
    judged, said = [judge(table) for table in tables], [worst(table) for table in tables]
    every = [exponent for exponents, _ in judged for exponent in exponents]
    ends = [one.widest or (None, None) for one in every]
    outside = [[exponent.agrees(LAW) is False for exponent in exponents] for exponents, _ in judged]
    tests = [reject_by_holm([exponent.p_value(LAW) for exponent in exponents]) for exponents, _ in judged]
    both = [any(a and b for a, b in zip(*pair, strict=True)) for pair in zip(outside, tests, strict=True)]
    return Rates(
        _share([holds(one.low, one.high, LAW) for one in every]),
        _share([holds(low, high, LAW) for low, high in ends]),
        _share([holds(one.low, one.high, one.predicted or 1.0) for _, pairs in judged for one in pairs]),
        _share([any(one) for one in outside]),
        _share(both),
        _share([any(one.transfer != "pass" for one in pairs) for _, pairs in judged]),
        _share([one not in (None, Severity.NOTE) for one in said]),
        _share([one is Severity.NOTE for one in said]),
    )


def _share(flags: Sequence[bool]) -> float:
    return float(np.mean(flags)) if flags else float("nan")


def _line(*cells: object) -> None:
    print(f"| {' | '.join(str(cell) for cell in cells)} |", flush=True)


def main() -> None:
    found = {count: measure(widths) for count, widths in SIZES.items()}
    _line("models", "over blocks alone covers", "the interval shown covers", "a pair's over blocks covers")
    _line(*["---:"] * 4)
    for count, rates in found.items():
        _line(count, *("–" if x != x else f"{x:.1%}" for x in (rates.blocks, rates.shown, rates.of_pairs)))
    print()
    _line("models", "an exponent outside", "corrected", "some pair off", "warned of", "noted")
    _line(*["---:"] * 6)
    for count, rates in found.items():
        shares = (rates.uncorrected, rates.corrected, rates.some_pair, rates.warned, rates.noted)
        _line(count, *(f"{share:.1%}" for share in shares))


if __name__ == "__main__":
    main()
