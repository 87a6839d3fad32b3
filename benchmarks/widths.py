"""Width scaling on made families that keep the law: how often intervals cover it, and how many get a false finding."""

import numpy as np

from analysis.width_scaling.law import WIDTH_EXPONENT, Estimate, Setting, fit, reject_by_holm

FAMILIES, KINDS, BLOCKS = 400, 7, 2
MODELS, LAYERS = 0.04, 0.03  # scatter of ln σ₁: of all blocks of one model, and of each block
SIZES = {3: (64.0, 128.0, 256.0), 4: (64.0, 96.0, 128.0, 256.0), 6: (64.0, 96.0, 128.0, 192.0, 256.0, 384.0)}


def family(widths: tuple[float, ...], random: np.random.Generator) -> list[Estimate]:
    """The exponent of each kind of one family that keeps the law, but for noise."""
    given = [Setting(d, 0.64 / d, 0.5 * d**0.5, 10_000.0) for d in widths]
    exact = np.array([[np.sqrt(s.ratio or 1.0) * s.width**WIDTH_EXPONENT for s in given]])
    found = []
    for _ in range(KINDS):
        shared = MODELS * random.standard_normal((1, len(widths)))
        own = LAYERS * random.standard_normal((BLOCKS, len(widths)))
        exponent = fit(given, exact * np.exp(shared + own), np.arange(BLOCKS)).exponent
        assert exponent is not None
        found.append(exponent)
    return found


def holds(ends: tuple[float | None, float | None] | None) -> bool:
    """Whether the interval has the law's exponent in it."""
    low, high = ends or (None, None)
    return low is not None and high is not None and low <= WIDTH_EXPONENT <= high


def measure(widths: tuple[float, ...], families: int = FAMILIES, seed: int = 0) -> tuple[float, float, float, float]:
    """Shares: coverage over blocks alone and of the interval shown; families with a finding without and with Holm."""
    random = np.random.default_rng(seed)
    made = [family(widths, random) for _ in range(families)]
    every = [exponent for exponents in made for exponent in exponents]
    outside = [[exponent.agrees(WIDTH_EXPONENT) is False for exponent in exponents] for exponents in made]
    tests = [reject_by_holm([exponent.p_value(WIDTH_EXPONENT) for exponent in exponents]) for exponents in made]
    both = [any(a and b for a, b in zip(*pair, strict=True)) for pair in zip(outside, tests, strict=True)]
    return (
        float(np.mean([holds((one.low, one.high)) for one in every])),
        float(np.mean([holds(one.widest) for one in every])),
        float(np.mean([any(one) for one in outside])),
        float(np.mean(both)),
    )


def main() -> None:
    print("| models | over blocks alone covers | the interval shown covers | false finding, uncorrected | corrected |")
    print("|---:|---:|---:|---:|---:|")
    for count, widths in SIZES.items():
        shares = " | ".join(f"{100.0 * share:.1f} %" for share in measure(widths))
        print(f"| {count} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
