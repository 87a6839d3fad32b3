"""What no diagnostic reads: biases, gains and other small tensors that hold NaN or infinity, gains that are apart from
their siblings, and identity matrices.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from analysis.diagnostic import Finding, Severity, Summary
from analysis.errors import escape
from analysis.findings.causes import FLAT, GAIN, NOT_FINITE
from analysis.findings.subjects import NAMED, worst_first
from analysis.findings.wording import join_words, quantity
from analysis.names.short import end_of
from analysis.tensors.gains import ALL_ZERO, OF_SIBLINGS

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


def add_gains(found: Mapping[str, Summary], odd: Mapping[str, str], whose: str = "") -> dict[str, Summary]:
    """The summaries, the first of them with a warning of norms' gains of zero, and notes on those of other sizes."""
    if not odd or not found:
        return dict(found)
    first = next(iter(found))
    zeros = tuple(name for name, text in odd.items() if text == ALL_ZERO)
    said = [_of_zeros(zeros, whose)] if zeros else []
    said += [_of_size(name, text, whose) for name, text in odd.items() if text != ALL_ZERO]
    headline = found[first].headline
    if zeros:
        headline = f"{_prefix(whose)}{quantity(len(zeros), 'norm has', 'norms have')} a gain of zero. {headline}"
    findings = worst_first([*found[first].findings, *said])
    return {**found, first: replace(found[first], headline=headline, findings=findings)}


def _of_zeros(names: tuple[str, ...], whose: str) -> Finding:
    one = len(names) == 1
    text = f"{_prefix(whose)}{_list_names(names)} {'is' if one else 'are'} all zeros, unlike that norm in other blocks"
    why = "A norm of gain zero puts out zero, or its bias; one that multiplies by 1 + w was then never trained."
    return Finding(Severity.WARN, text, why, names[:NAMED], {"zero_gains": len(names)}, GAIN)


def _of_size(name: str, how: str, whose: str) -> Finding:
    who = end_of(escape(name))
    text = f"{_prefix(whose)}{who} is {how.removesuffix(OF_SIBLINGS)} gain of the same norm in other blocks"
    why = "By its root mean square. By itself that is no fault."
    return Finding(Severity.NOTE, text, why, (name,), {"gain": how}, GAIN)


def _list_names(names: tuple[str, ...]) -> str:
    more = [f"{len(names) - LISTED} more"] if len(names) > LISTED else []
    return join_words([*(end_of(escape(name)) for name in names[:LISTED]), *more])


def finding_of(names: tuple[str, ...], whose: str = "") -> Finding:
    text = f"{_prefix(whose)}{_list_names(names)} hold{'s' * (len(names) == 1)} values that are NaN or infinite"
    why = "It spreads to all that such a tensor is added to or multiplied with."
    return Finding(Severity.BAD, text, why, names[:NAMED], {"broken": len(names)}, NOT_FINITE)


def _prefix(whose: str) -> str:
    return f"{whose}: " if whose else ""
