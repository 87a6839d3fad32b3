"""Numbers and places as a sentence says them."""

from collections.abc import Sequence
from itertools import pairwise


def join_words(words: Sequence[str]) -> str:
    """Words in a row.

    >>> join_words(["query", "key", "value"])
    'query, key and value'
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def join_clauses(clauses: Sequence[tuple[float, str]], most: int = 4) -> str:
    """One sentence of clauses, each with its weight: the heaviest first, and how many more there are; "" of none.

    >>> join_clauses([(0, "a: none"), (32, "b: 32 intruders")], most=1)
    'b: 32 intruders; 1 more.'
    """
    texts = [text for _, text in sorted(clauses, key=lambda clause: -clause[0])]
    rest = [f"{len(texts) - most} more"] if len(texts) > most else []
    return f"{'; '.join([*texts[:most], *rest])}." if texts else ""


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
    text = f"{value:.3g}"
    return f"{value:.1f}" if 1.0 <= abs(float(text)) < 100.0 else text


def two_places(value: float, sign: bool = False) -> str:
    """An exponent, a ratio or a cosine: two places and a true minus; with a sign, a plus in front of what is above 0.

    >>> two_places(-0.25), two_places(-0.001), two_places(0.25, sign=True)
    ('−0.25', '0.00', '+0.25')
    """
    text = f"{round(value, 2) + 0.0:.2f}".replace("-", "−")
    return f"+{text}" if sign and round(value, 2) > 0 else text


def format_value(value: object, digits: int | None = None) -> str:
    """A value of any type: a whole number in full, others with so many digits or as `short` does, text as it is.

    >>> format_value(20_000.0), format_value(0.123456), format_value(0.123456, 4), format_value(True)
    ('20000', '0.123', '0.1235', 'true')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, float):
        return str(value)
    if value.is_integer() and abs(value) < 1e9:
        return f"{value:.0f}"
    return short(value) if digits is None else f"{value:.{digits}g}"


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
    percentage = 100.0 * share
    return f"{percentage:.2g} %" if abs(percentage) < 1.0 else f"{percentage:.1f}".removesuffix(".0") + " %"


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
    numbers = sorted(set(depths))
    starts = [numbers[0], *(b for a, b in pairwise(numbers) if b != a + 1)]
    ends = [*(a for a, b in pairwise(numbers) if b != a + 1), numbers[-1]]
    spans = [_span(start, end) for start, end in zip(starts, ends, strict=True)]
    return f"{'block' if len(numbers) == 1 else 'blocks'} {join_words([word for span in spans for word in span])}"


def _span(start: int, end: int) -> list[str]:
    if end - start < 2:
        return [str(depth) for depth in range(start, end + 1)]
    return [f"{start}–{end}"]
