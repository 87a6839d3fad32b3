"""Numbers and times as people read them: three digits in tables, "–" where there is no value."""

from datetime import UTC, datetime

ABSENT = "–"
DAY = 86_400  # seconds
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def short(value: object, digits: int = 3) -> str:
    """A value with at most three significant digits; a count in full; text as it is.

    >>> short(2.4789), short(35.48), short(0.000123), short(30522), short(True), short(None)
    ('2.48', '35.5', '1.23 × 10⁻⁴', '30,522', 'yes', '–')
    """
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return _short(value, digits)
    return str(value)


def setting(value: float | None, digits: int = 3) -> str:
    """A number that somebody chose, as a learning rate or a count of steps: in full where it is whole.

    >>> setting(20_000.0), setting(0.00012345), setting(None)
    ('20,000', '0.000123', '–')
    """
    return ABSENT if value is None else f"{value:,.0f}" if value == int(value) else f"{value:.{digits}g}"


def tight(value: float) -> str:
    """A value for a small cell: two digits, or one where those take more than five letters.

    >>> tight(2.48), tight(0.0025), tight(0.00077), tight(-12345.6)
    ('2.5', '0.003', '8e−4', '−1e4')
    """
    for digits in (2, 1):
        if len(text := short(value, digits)) <= 5:
            return text
    mantissa, exponent = f"{value:.0e}".split("e")
    return f"{minus(mantissa)}e{minus(str(int(exponent)))}"


def _short(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e4:
        # One that rounds up to the next power of ten (9.996) keeps its digits: decide after rounding.
        number = float(f"{value:.{digits}g}")
        places = max(0, digits - 1 - _exponent(number))
        return minus(f"{number:,.{places}f}")
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return minus(f"{mantissa} × 10{str(int(exponent)).translate(SUPERSCRIPTS)}")


def _exponent(value: float) -> int:
    return int(f"{value:e}".split("e")[1])


def minus(text: str) -> str:
    """The same with a true minus sign in front of a negative number."""
    return "−" + text[1:] if text.startswith("-") else text


def size(count: int) -> str:
    """Bytes, in steps of a thousand.

    >>> size(134), size(90_868_376)
    ('134 bytes', '90.9 MB')
    """
    if count < 1000:
        return f"{count} byte" if count == 1 else f"{count} bytes"
    return _scale(count, ("kB", "MB", "GB", "TB"))


def parameters(count: int) -> str:
    """How many parameters.

    >>> parameters(22_713_728), parameters(512)
    ('22.7 M', '512')
    """
    return str(count) if count < 1000 else _scale(count, ("k", "M", "B", "T"))


def _scale(count: int, units: tuple[str, ...]) -> str:
    value = float(count)
    for unit in units:
        value /= 1000
        if value < 999.5 or unit == units[-1]:
            break
    return f"{short(value)} {unit}"


def shape(extents: tuple[int, ...] | list[int]) -> str:
    """A shape, as (384, 1536) → "384 × 1536"; a scalar has none."""
    return " × ".join(map(str, extents)) or "scalar"


def percent(part: float, whole: float) -> str:
    """A share, rounded towards neither end: "all" and "none" stay reserved for all and none.

    >>> percent(22_713_728 - 70_000, 22_713_728), percent(1, 3), percent(3, 3), percent(9999, 10000)
    ('99.7 %', '33 %', '100 %', '> 99.9 %')
    """
    if whole <= 0:
        return ABSENT
    share = 100 * part / whole
    if share in (0, 100):
        return f"{share:.0f} %"
    if share > 99.9 or share < 0.1:
        return "> 99.9 %" if share > 50 else "< 0.1 %"
    return f"{share:.0f} %" if 1 <= share <= 99 else f"{share:.1f} %"


def share(value: float) -> str:
    """A share of one as percent, for comparing: two digits, whole from ten percent on.

    >>> share(0.1432), share(0.0206), share(0.00023), share(1.0), share(0)
    ('14 %', '2.1 %', '0.023 %', '100 %', '0 %')
    """
    percentage = 100.0 * value
    return f"{minus(f'{percentage:.0f}' if abs(percentage) >= 9.95 or not percentage else f'{percentage:.2g}')} %"


def duration(seconds: float) -> str:
    """A stretch of time.

    >>> duration(0.4), duration(40), duration(72), duration(3700)
    ('under 1 s', '40 s', '1 min 12 s', '1 h 1 min')
    """
    if seconds < 1:
        return "under 1 s"
    total = round(seconds)
    minutes, rest = divmod(total, 60)
    if minutes == 0:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def describe_age(moment: float, now: float) -> str:
    """When something was, both in seconds since 1970: "just now", "12 min ago", "yesterday", or its date (UTC).

    >>> describe_age(0, 750), describe_age(0, 7300), describe_age(0, 100_000), describe_age(0, 1e6)
    ('12 min ago', '2 h ago', 'yesterday', '1970-01-01')
    """
    age = int(now - moment)
    if age < 60:
        return "just now"
    if age < 3600:
        return f"{age // 60} min ago"
    if age < DAY:
        return f"{age // 3600} h ago"
    return "yesterday" if age < 2 * DAY else f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun.

    >>> plural(1, "matrix", "matrices"), plural(40, "matrix", "matrices")
    ('1 matrix', '40 matrices')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"
