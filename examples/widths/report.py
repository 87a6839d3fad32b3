"""The numbers of the experiment as Markdown: exponents beside the law's, with intervals."""

from collections.abc import Mapping, Sequence

from analysis.findings.wording import two_places
from analysis.width_scaling.family import Kind
from analysis.width_scaling.law import RATIO_EXPONENT, WIDTH_EXPONENT, Estimate
from analysis.width_scaling.summary import name_kind
from examples.widths.measure import Measured
from examples.widths.recipes import DRIFTS, TITLES, Recipe, Rule
from examples.widths.train import Trained


def report(found: Mapping[Rule, Measured], together: Measured, results: Mapping[Recipe, Trained]) -> str:
    parts = [drifts(found), exponents(found), jointly(together), pairs(found), losses(results)]
    return "\n\n".join(parts) + "\n"


def drifts(found: Mapping[Rule, Measured]) -> str:
    """The exponent of d in σ₁ itself, of each kind of matrix under each rule."""
    head = " | ".join(f"{TITLES[rule]}" for rule in found)
    law = " | ".join(f"**{two_places(DRIFTS[rule])}**" for rule in found)
    lines = [f"| drift of σ₁ | {head} |", "|---" * (len(found) + 1) + "|", f"| the law | {law} |"]
    return "\n".join([*lines, *_lines(found, "drift")])


def exponents(found: Mapping[Rule, Measured]) -> str:
    """The exponent of d beside √(η/λ)."""
    head = " | ".join(f"{TITLES[rule]}" for rule in found)
    law = " | ".join(f"**{two_places(WIDTH_EXPONENT)}**" for _ in found)
    lines = [f"| exponent of d in σ₁ / √(η/λ) | {head} |", "|---" * (len(found) + 1) + "|", f"| the law | {law} |"]
    return "\n".join([*lines, *_lines(found, "exponent")])


def _lines(found: Mapping[Rule, Measured], name: str) -> list[str]:
    first = next(iter(found.values()))
    rows = []
    for at in range(len(first.fits.matrices) + 1):
        kinds = [([*each.fits.matrices, each.fits.overall])[at] for each in found.values()]
        title = "all matrices" if at == len(first.fits.matrices) else name_kind(first.fits.matrices[at])
        rows.append(f"| {title} | {' | '.join(estimate(_of(kind, name)) for kind in kinds)} |")
    return rows


def _of(kind: Kind | None, name: str) -> Estimate | None:
    found: Estimate | None = getattr(kind.fit, name) if kind else None
    return found


def estimate(found: Estimate | None) -> str:
    """A value with the interval that covers blocks and models."""
    if found is None:
        return "–"
    ends = found.widest
    return two_places(found.value) + (f" ({two_places(ends[0])} to {two_places(ends[1])})" if ends else "")


def jointly(together: Measured) -> str:
    """Both exponents at once, from all rules together: what no single rule can tell apart."""
    kinds = [*together.fits.matrices, *([together.fits.overall] if together.fits.overall else [])]
    lines = [
        "| fitted at once | exponent of d | exponent of η/λ |", "|---|---|---|",
        f"| the law | **{two_places(WIDTH_EXPONENT)}** | **{two_places(RATIO_EXPONENT)}** |",
    ]  # fmt: skip
    for kind in kinds:
        title = "all matrices" if kind is together.fits.overall else name_kind(kind)
        lines.append(f"| {title} | {estimate(kind.fit.joint)} | {estimate(kind.fit.ratio)} |")
    return "\n".join(lines)


def pairs(found: Mapping[Rule, Measured]) -> str:
    """σ₁ of the widest model over that of the narrowest, all matrices together, beside the law."""
    lines = ["| narrowest to widest | σ₁ changes by | the law | lowest steps · η · λ |", "|---|---|---|---|"]
    for rule, measured in found.items():
        overall, settings = measured.fits.overall, measured.fits.family.settings
        if overall is None:
            continue
        last = max(overall.pairs, key=lambda pair: settings[pair.target].width)
        widths = f"{settings[last.base].width:g} → {settings[last.target].width:g}"
        steady = min(setting.steps_eta_lambda or 0.0 for setting in settings)
        lines.append(
            f"| {TITLES[rule]}, {widths} | × {two_places(last.measured)} "
            f"| × {two_places(last.predicted or 0.0)} | {steady:.1f} |"
        )
    return "\n".join(lines)


def losses(results: Mapping[Recipe, Trained]) -> str:
    """Nats per byte on the test text."""
    widths = sorted({recipe.width for recipe in results})
    seeds: Sequence[int] = sorted({recipe.seed for recipe in results})
    lines = [f"| test loss | {' | '.join(f'd = {width}' for width in widths)} |", "|---" * (len(widths) + 1) + "|"]
    for rule, title in TITLES.items():
        for seed in seeds:
            of = {r.width: t for r, t in results.items() if r.seed == seed and (r.rule == rule or r.width == widths[0])}
            if len(of) > 1:
                cells = " | ".join(f"{of[width].test_loss:.3f}" if width in of else "–" for width in widths)
                lines.append(f"| {title}, seed {seed} | {cells} |")
    return "\n".join(lines)
