"""What no diagnostic reads: biases, gains and other small tensors that hold NaN or infinity, and identity matrices."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from analysis.diagnostic import Finding, Severity, Summary
from analysis.errors import escape
from analysis.findings.causes import FLAT, NOT_FINITE
from analysis.findings.subjects import NAMED
from analysis.findings.wording import join_words, quantity

LISTED = 3  # tensors that a sentence names


def add_vectors(found: Mapping[str, Summary], broken: Iterable[str], whose: str = "") -> dict[str, Summary]:
    """The summaries by diagnostic, the first of them with what the broken tensors say, and that at its head.

    `whose`: the checkpoint that holds them, where there are several.
    """
    names = tuple(broken)
    if not names or not found:
        return dict(found)
    first = next(iter(found))
    summary = found[first]
    noun = quantity(len(names), "bias, norm or other parameter holds", "biases, norms or other parameters hold")
    headline = f"{_prefix(whose)}{noun} NaN or infinity"
    result = replace(
        summary, headline=f"{headline}. {summary.headline}", findings=(finding_of(names, whose), *summary.findings)
    )
    return {**found, first: result}


def add_identities(found: Mapping[str, Summary], identities: tuple[str, ...], whose: str = "") -> dict[str, Summary]:
    """The summaries, the first of them with a note on the tensors that are a multiple of the identity."""
    if not identities or not found:
        return dict(found)
    first, one = next(iter(found)), len(identities) == 1
    text = f"{_prefix(whose)}{_list_names(identities)} {'is a multiple' if one else 'are multiples'} of the identity"
    why = "Outputs are inputs times one factor. Nothing else is measured, and that alone tells nothing of training."
    note = Finding(Severity.NOTE, text, why, identities[:NAMED], {"identities": len(identities)}, FLAT)
    return {**found, first: replace(found[first], findings=(*found[first].findings, note))}


def _list_names(names: tuple[str, ...]) -> str:
    more = [f"{len(names) - LISTED} more"] if len(names) > LISTED else []
    return join_words([*map(escape, names[:LISTED]), *more])


def finding_of(names: tuple[str, ...], whose: str = "") -> Finding:
    text = f"{_prefix(whose)}{_list_names(names)} hold{'s' * (len(names) == 1)} values that are NaN or infinite"
    why = "It spreads to all that such a tensor is added to or multiplied with."
    return Finding(Severity.BAD, text, why, names[:NAMED], {"broken": len(names)}, NOT_FINITE)


def _prefix(whose: str) -> str:
    return f"{whose}: " if whose else ""
