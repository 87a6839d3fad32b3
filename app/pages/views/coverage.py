"""How much of the checkpoint a report speaks of: what is done, what is still to come, what was left out and why."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from analysis.coverage import Coverage, Skipped
from app.runs.reports import NOT_YET
from frontend import numbers

LISTED = 300  # tensors that were left out, listed on the page; the export has all


@dataclass(frozen=True, slots=True)
class Part:
    """One checkpoint of several: what it has to do with the others, and what it lacks."""

    name: str
    words: str
    skipped: Sequence[Skipped]  # its own tensors that were left out
    missing: Sequence[Skipped]  # matrices of the base that it has no partner of
    more: int  # of both, in the export


@dataclass(frozen=True, slots=True)
class CoverageView:
    analysed: int
    tensors: int
    width: float  # percent
    share: str
    coming: int  # tensors that a running run has still to analyse
    reasons: str
    skipped: Sequence[Skipped]
    more: int
    parts: Sequence[Part] = ()  # of several checkpoints


def coverage_view(coverage: Coverage, moving: bool, names: Sequence[str] = ()) -> CoverageView:
    """In a run that moves, what is not analysed yet is not left out. `names` are those of several checkpoints."""
    coming = {NOT_YET} if moving else set()
    omissions = [item for item in coverage.skipped if item.reason not in coming]
    reasons = [f"{count} × {reason}" for reason, count in coverage.reasons() if reason not in coming]
    phrases = reasons if len(reasons) < 5 else [*reasons[:3], f"{len(reasons) - 3} other reasons"]
    return CoverageView(
        analysed=coverage.analysed,
        tensors=coverage.tensors,
        width=round(100 * coverage.analysed / max(1, coverage.tensors), 1),
        share=numbers.percent(coverage.analysed_parameters, coverage.parameters),
        coming=len(coverage.skipped) - len(omissions),
        reasons="; ".join(phrases),
        skipped=omissions[:LISTED],
        more=max(0, len(omissions) - LISTED),
        parts=[_part(name, part, coming) for name, part in zip(names, coverage.members, strict=False)],
    )


def _part(name: str, of: Coverage, coming: Collection[str]) -> Part:
    omissions = [one for one in of.skipped if one.reason not in coming]
    missing = [one for one in of.missing if one.reason not in coming]
    words = f"{of.analysed} of {numbers.plural(of.tensors, 'tensor')}"
    if missing:
        words += f"; {numbers.plural(len(missing), 'matrix', 'matrices')} of the base without a partner"
    extra = max(0, len(omissions) - LISTED) + max(0, len(missing) - LISTED)
    return Part(name, words, omissions[:LISTED], missing[:LISTED], extra)
