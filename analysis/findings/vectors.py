"""Vectors of a checkpoint, such as biases and gains, that hold NaN or infinity, which no diagnostic reads."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from analysis.diagnostic import Finding, Severity, Summary
from analysis.errors import escape
from analysis.findings.causes import NOT_FINITE
from analysis.findings.subjects import NAMED
from analysis.findings.wording import join_words, quantity

LISTED = 3  # vectors that a sentence names


def add_vectors(found: Mapping[str, Summary], broken: Iterable[str]) -> dict[str, Summary]:
    """The summaries by diagnostic, the first of them with what the broken vectors say, and that at its head."""
    names = tuple(broken)
    if not names or not found:
        return dict(found)
    first = next(iter(found))
    summary = found[first]
    noun = quantity(len(names), "bias or norm holds", "biases or norms hold")
    headline = f"{noun} NaN or infinity"
    said = replace(summary, headline=f"{headline}. {summary.headline}", findings=(finding_of(names), *summary.findings))
    return {**found, first: said}


def finding_of(names: tuple[str, ...]) -> Finding:
    listed = [escape(name) for name in names[:LISTED]]
    more = [f"{len(names) - LISTED} more"] if len(names) > LISTED else []
    text = f"{join_words([*listed, *more])} hold{'s' * (len(names) == 1)} values that are NaN or infinite"
    why = "A bias, a gain or another vector reaches every output of its layer."
    return Finding(Severity.BAD, text, why, names[:NAMED], {"broken": len(names)}, NOT_FINITE)
