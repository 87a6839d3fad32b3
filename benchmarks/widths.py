"""Width scaling on made families that keep the law: how often intervals cover it, and how many get a false finding."""

import numpy as np

from analysis.width_scaling.law import WIDTH_EXPONENT, Estimate, Pair, Setting, fit, pair, reject_by_holm

FAMILIES, KINDS, BLOCKS = 400, 7, 2
MODELS, LAYERS = 0.04, 0.03  # scatter of ln σ₁: of all blocks of one model, and of each block
SIZES = {3: (64.0, 128.0, 256.0), 4: (64.0, 96.0, 128.0, 256.0), 6: (64.0, 96.0, 128.0, 192.0, 256.0, 384.0)}


def family(widths: tuple[float, ...], random: np.random.Generator) -> tuple[list[Estimate], list[Pair]]:
    """Of one family that keeps the law but for noise: each kind's exponent, and its widest model by its narrowest."""
    given = [Setting(d, 0.64 / d, 0.5 * d**0.5, 10_000.0) for d in widths]
    exact = np.array([[np.sqrt(s.ratio or 1.0) * s.width**WIDTH_EXPONENT for s in given]])
    found, pairs = [], []
    for _ in range(KINDS):
        shared = MODELS * random.standard_normal((1, len(widths)))
        own = LAYERS * random.standard_normal((BLOCKS, len(widths)))
        sigma = exact * np.exp(shared + own)
        exponent = fit(given, sigma, np.arange(BLOCKS)).exponent
        assert exponent is not None
        found.append(exponent)
        pairs.append(pair(given, sigma, np.arange(BLOCKS), 0, len(widths) - 1))
    return found, pairs


def holds_pair(found: Pair) -> bool:
    """Whether the interval over blocks has the law's factor in it."""
    assert found.predicted is not None
    return found.low is not None and found.high is not None and found.low <= found.predicted <= found.high


def holds(ends: tuple[float | None, float | None] | None) -> bool:
    """Whether the interval has the law's exponent in it."""
    low, high = ends or (None, None)
    return low is not None and high is not None and low <= WIDTH_EXPONENT <= high


def measure(widths: tuple[float, ...], families: int = FAMILIES, seed: int = 0) -> tuple[float, ...]:
    """Shares: coverage over blocks alone and of the interval shown; families with a finding without and with Holm;
    and the coverage of the interval of a pair, which is over blocks alone.
    """
    random = np.random.default_rng(seed)
    both_of_each = [family(widths, random) for _ in range(families)]
    made = [exponents for exponents, _ in both_of_each]
    every = [exponent for exponents in made for exponent in exponents]
    outside = [[exponent.agrees(WIDTH_EXPONENT) is False for exponent in exponents] for exponents in made]
    tests = [reject_by_holm([exponent.p_value(WIDTH_EXPONENT) for exponent in exponents]) for exponents in made]
    both = [any(a and b for a, b in zip(*pair, strict=True)) for pair in zip(outside, tests, strict=True)]
    return (
        float(np.mean([holds((one.low, one.high)) for one in every])),
        float(np.mean([holds(one.widest) for one in every])),
        float(np.mean([any(one) for one in outside])),
        float(np.mean(both)),
        float(np.mean([holds_pair(one) for _, pairs in both_of_each for one in pairs])),
    )


def main() -> None:
    print(
        "| models | over blocks alone covers | the interval shown covers | false finding, uncorrected | corrected "
        "| that of a pair covers |"
    )
    print("|---:|---:|---:|---:|---:|---:|")
    for count, widths in SIZES.items():
        shares = " | ".join(f"{100.0 * share:.1f} %" for share in measure(widths))
        print(f"| {count} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
