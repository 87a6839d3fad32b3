"""Text out of untrusted files and requests, made harmless for each medium that it is written to."""

import re
from html import escape

LONGEST = 120  # characters of a name in Markdown
UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 has no character for
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL's text holds no NUL, and UTF-8 no lone surrogate
# what Markdown takes for more than text inside a line: a "_" between letters, a "." or a "-" it does not
ACTIVE = re.compile(r"[\\`*\[\]<>|~&$]|(?<![^\W_])_|_(?![^\W_])|(?<=www)\.|:(?=//)", re.IGNORECASE)
# what forges make links of after Markdown: mentions, mail addresses, references to issues, and emoji by name
SPOKEN = re.compile(r"(?<!\w)@(?=\w)|@(?=[\w.-]*\.\w)|#(?=\d)|(?<!\w)[!%](?=\d)|:(?=[\w+-]+:)")
GAP = "\u200b"  # without width: what stands on both sides is no longer one word
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
FORMULA = tuple("=+-@＝＋－＠\t\r\n")  # what makes a spreadsheet compute a cell (OWASP, “CSV injection”)
REPLACEMENT = "\ufffd"


def for_terminal(text: str) -> str:
    r"""The text without what a terminal would obey.

    >>> for_terminal("a\x1b[2J")
    'a\\x1b[2J'
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def for_log(text: str) -> str:
    r"""The text in one line, with nothing in it but what can be seen.

    >>> for_log("a\nb\x1b[2J")
    'a\\nb\\x1b[2J'
    """
    return for_terminal(text)


def for_xml(text: str) -> str:
    """The text in the characters that XML can carry; the writer still escapes its markup."""
    return UNWRITABLE.sub(REPLACEMENT, text)


def for_markdown(text: str, most: int = LONGEST) -> str:
    r"""The text as nothing but text: no markup, no mention, no link, no second line.

    Read as plain text it is all but the same: escapes stand only where they are needed.

    >>> for_markdown("a|b*c"), for_markdown("esd.alpha of q_proj is 9.1, (at most 6)")
    ('a\\|b\\*c', 'esd.alpha of q_proj is 9.1, (at most 6)')
    """
    return ACTIVE.sub(lambda found: f"\\{found[0]}", _unlink(text, most))


def for_html(text: str, most: int = LONGEST) -> str:
    r"""The same inside an element of HTML, such as Markdown's summary of details.

    >>> for_html("a<b & @team")
    'a&lt;b &amp; @\u200bteam'
    """
    return escape(_unlink(text, most))


def _unlink(text: str, most: int) -> str:
    """The text in one line of at most so many characters, without what forges make links of."""
    short = text if len(text) <= most else f"{text[: most // 2]}…{text[-most // 2 :]}"
    return SPOKEN.sub(lambda found: found[0] + GAP, UNSEEN.sub(REPLACEMENT, short))


def for_csv(text: str) -> str:
    """The text so that no spreadsheet takes it for a formula.

    >>> for_csv("=1+1"), for_csv("1+1")
    ("'=1+1", '1+1')
    """
    return f"'{text}" if text.startswith(FORMULA) else text


def for_database(text: str) -> str:
    """The text in the characters that every database can store."""
    return UNSTORABLE.sub(REPLACEMENT, text)
