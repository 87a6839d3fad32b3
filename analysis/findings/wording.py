"""Numbers and places as a sentence says them."""

from collections.abc import Sequence
from itertools import pairwise


def join_words(words: Sequence[str]) -> str:
    """Words in a row.

    >>> join_words(["query", "key", "value"])
    'query, key and value'
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def quantity(count: int, noun: str, plural: str | None = None) -> str:
    """How many of something.

    >>> quantity(2, "matrix", "matrices")
    '2 matrices'
    """
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def short(value: float) -> str:
    """At most three digits: 12.4, 8.4, 0.135, 384, 1.2e+07.

    >>> short(0.99999), short(99.96)
    ('1.0', '100')
    """
    said = f"{value:.3g}"
    return f"{value:.1f}" if 1.0 <= abs(float(said)) < 100.0 else said


def size(count: int) -> str:
    """Bytes of memory or of a disk.

    >>> size(1_600_000_000), size(1200)
    ('1.6 GB', '1,200 bytes')
    """
    return f"{count / 1e9:,.1f} GB" if count >= 1e8 else f"{count:,} bytes"


def percent(share: float) -> str:
    """A share as a reader says it: one place after the point, two digits below 1 %.

    >>> percent(0.0413), percent(0.62), percent(0.00862)
    ('4.1 %', '62 %', '0.86 %')
    """
    hundred = 100.0 * share
    return f"{hundred:.2g} %" if abs(hundred) < 1.0 else f"{hundred:.1f}".removesuffix(".0") + " %"


def lower_first(words: str) -> str:
    """The words as they stand inside a sentence: without their capital, unless it is part of an acronym.

    >>> lower_first("Value"), lower_first("MLP up")
    ('value', 'MLP up')
    """
    return words if words[1:2].isupper() else words[:1].lower() + words[1:]


def blocks(depths: Sequence[int]) -> str:
    """Where in the network: runs of three or more are drawn together.

    >>> blocks([0, 1, 2, 5])
    'blocks 0–2 and 5'
    """
    wanted = sorted(set(depths))
    starts = [wanted[0], *(b for a, b in pairwise(wanted) if b != a + 1)]
    ends = [*(a for a, b in pairwise(wanted) if b != a + 1), wanted[-1]]
    spans = [_span(start, end) for start, end in zip(starts, ends, strict=True)]
    return f"{'block' if len(wanted) == 1 else 'blocks'} {join_words([word for span in spans for word in span])}"


def _span(start: int, end: int) -> list[str]:
    if end - start < 2:
        return [str(depth) for depth in range(start, end + 1)]
    return [f"{start}–{end}"]
