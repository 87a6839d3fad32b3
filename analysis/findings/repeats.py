"""What several diagnostics say of one run, without saying anything twice.

Two findings of one cause on the same weights are one, and what a fault explains is not said beside it: a layer of zeros
has no tail, and one of rank 16 loses rank. The diagnostic that looks at the entries speaks first, since what it finds
explains what the others measure; what it tested and did not find is no more than a note of theirs.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from analysis.diagnostic import Finding, Severity, Summary
from analysis.findings import causes, changes

FIRST = "entries"
ORDER = (FIRST, "update")  # who speaks first: what they find explains what the others measure
EXPLAINING = {
    cause.name
    for cause in (causes.NOT_FINITE, causes.ZERO, causes.DEAD_LINES, causes.EQUAL_LINES, causes.LOW_RANK, causes.RANDOM)
}
TESTED = {causes.RANDOM.name, causes.OUTLIER.name}  # by the entries, against the layer's siblings
EXPLAINED = {causes.UNMEASURED.name, causes.RANK.name, causes.EXPONENT.name}


def without_repeats(found: Mapping[str, Summary]) -> dict[str, Summary]:
    """The summaries by diagnostic, the entries first, each without what was said before it."""
    known_causes: dict[str, set[str]] = defaultdict(set)  # the causes that each weight was named for
    summaries: dict[str, Summary] = {}
    for name in sorted(found, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER)):
        findings = tuple(finding for finding in found[name].findings if not _is_known(finding, known_causes))
        if name != FIRST and FIRST in found:
            findings = tuple(map(_soften, findings))
        for finding in findings:
            if finding.cause is not None and (finding.severity is not Severity.NOTE or name in ORDER):
                for weight in finding.weights:
                    known_causes[weight].add(finding.cause.name)
        summaries[name] = replace(found[name], findings=findings)
    return summaries


def _soften(finding: Finding) -> Finding:
    """A note where the entries, which test the same by more, did not say it."""
    is_tested = finding.cause is not None and finding.cause.name in TESTED
    return replace(finding, severity=Severity.NOTE) if is_tested else finding


def _is_known(finding: Finding, said: Mapping[str, set[str]]) -> bool:
    """Whether all its weights were named for this cause before, or for one that explains it."""
    if finding.cause is None or not finding.weights:
        return False
    enough = {finding.cause.name} | (EXPLAINING if finding.cause.name in EXPLAINED else set())
    enough |= {changes.ROUNDED.name} if finding.cause.name == changes.NOISE.name else set()  # rounding is noise
    return all(enough & said.get(weight, set()) for weight in finding.weights)
