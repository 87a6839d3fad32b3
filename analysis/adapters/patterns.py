r"""rank_pattern, alpha_pattern and their like: settings for the modules whose names fit a pattern.

PEFT takes each key as a regular expression that must fit the name of the module, whole or from behind a dot on, and
the first that fits counts (peft.utils.other.get_pattern_key). The keys come out of untrusted files, and a few
characters can keep Python's `re` busy for years. So they are matched here, by the set of places that each piece of the
expression can reach, which takes time that is bounded by the lengths alone. Known are letters, `.`, `\d`, `\w`,
escapes, sets like `[0-9]`, groups, alternatives, `^`, `$`, and `?`, `*`, `+` behind what does not repeat itself.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from analysis.errors import DamagedFile, shown

LONGEST_KEY = 300  # characters of a pattern
LONGEST_NAME = 500  # characters of a module's name; the longest in public models has under 120
MOST_PATTERNS = 10_000
MOST_GROUPS = 32
Places = frozenset[int]
Piece = Callable[[str, Places], Places]  # from the places of a text where it may begin to those where it may end
CLASSES: Mapping[str, Callable[[str], bool]] = {
    "d": str.isdecimal,
    "w": lambda letter: letter.isalnum() or letter == "_",
}
SPECIAL = ".^$*+?{}[]|()"


class _Unknown(ValueError):
    """An expression beyond the part that is matched here."""


def check(pattern: Mapping[str, Any], where: str) -> None:
    """Raises DamagedFile, naming the setting, where a key is no pattern that is matched here."""
    if len(pattern) > MOST_PATTERNS:
        text = f"{where} has {len(pattern):,} patterns; at most {MOST_PATTERNS:,} are read"
        raise DamagedFile(text, "adapter-settings")
    for key in pattern:
        try:
            _parsed(key)
        except _Unknown as error:
            text = f"{where}: the pattern {shown(key)} is not matched here ({error}). Name the modules one by one."
            raise DamagedFile(text, "adapter-settings") from None


def chosen(pattern: Mapping[str, Any], module: str, otherwise: Any) -> Any:
    """The value of the first pattern that fits the module's name; `otherwise` where none does."""
    return next((value for key, value in pattern.items() if fits(key, module)), otherwise)


def fits(key: str, name: str) -> bool:
    r"""Whether the expression fits the name, whole or from behind one of its dots on to the end.

    >>> fits(r"layers\.\d+\.q", "model.layers.11.q")
    True
    """
    if len(name) > LONGEST_NAME:
        return False
    starts = frozenset({0, *(place + 1 for place, letter in enumerate(name) if letter == ".")})
    return len(name) in _parsed(key)(name, starts)


@lru_cache(maxsize=4096)
def _parsed(key: str) -> Piece:
    if len(key) > LONGEST_KEY:
        raise _Unknown(f"{len(key):,} characters; at most {LONGEST_KEY} are read")
    if key.count("(") > MOST_GROUPS:
        raise _Unknown(f"more than {MOST_GROUPS} groups")
    piece, rest, _ = _alternatives(key)
    if rest:
        raise _Unknown(f"an unbalanced {shown(rest[0])}")
    return piece


def _alternatives(text: str) -> tuple[Piece, str, bool]:
    """The piece up to a closing bracket or the end, what follows, and whether anything in it repeats."""
    ways, repeats = [], False
    while True:
        way, text, repeated = _sequence(text)
        ways.append(way)
        repeats |= repeated
        if not text.startswith("|"):
            return _any_of(ways), text, repeats
        text = text[1:]


def _sequence(text: str) -> tuple[Piece, str, bool]:
    pieces: list[Piece] = []
    repeats = False
    while text and text[0] not in "|)":
        piece, text, repeated = _atom(text)
        if text[:1] in ("?", "*", "+"):
            sign, text = text[0], text[1:]
            if repeated or text[:1] in ("?", "*", "+"):
                raise _Unknown("repetition within repetition")
            piece, repeated = _repeated(piece, sign), True
        pieces.append(piece)
        repeats |= repeated
    return _each(pieces), text, repeats


def _atom(text: str) -> tuple[Piece, str, bool]:
    first, rest = text[0], text[1:]
    if first == "(":
        piece, rest, repeats = _alternatives(rest.removeprefix("?:"))
        if not rest:
            raise _Unknown("an unbalanced (")
        return piece, rest[1:], repeats
    if first == "[":
        return *_set(rest), False
    if first == "\\":
        return *_escape(rest), False
    if first == ".":
        return _letter(lambda letter: letter != "\n"), rest, False
    if first == "^":
        return (lambda _, places: places & {0}), rest, False
    if first == "$":
        return (lambda name, places: places & {len(name)}), rest, False
    if first in SPECIAL:
        raise _Unknown(f"{shown(first)} where nothing is to be repeated")
    return _letter(first.__eq__), rest, False


def _escape(text: str) -> tuple[Piece, str]:
    if text[:1] in CLASSES:
        return _letter(CLASSES[text[0]]), text[1:]
    if not text or text[0].isalnum():
        raise _Unknown(f"\\{shown(text[:1])}")
    return _letter(text[0].__eq__), text[1:]


def _set(text: str) -> tuple[Piece, str]:
    """[0-9], [abc_]: letters and ranges of them."""
    inside, closed, rest = text.partition("]")
    if not closed or not inside or inside.startswith("^") or "[" in inside or "\\" in inside:
        raise _Unknown(f"the set [{shown(inside)}]")
    letters: set[str] = set()
    while inside:
        if inside[1:2] == "-" and len(inside) > 2:
            first, last, inside = ord(inside[0]), ord(inside[2]), inside[3:]
            if last - first not in range(256):
                raise _Unknown("a range that goes too far, or backwards")
            letters |= {chr(code) for code in range(first, last + 1)}
        else:
            letters.add(inside[0])
            inside = inside[1:]
    return _letter(letters.__contains__), rest


def _letter(accepts: Callable[[str], bool]) -> Piece:
    return lambda name, places: frozenset(p + 1 for p in places if p < len(name) and accepts(name[p]))


def _any_of(ways: list[Piece]) -> Piece:
    return lambda name, places: frozenset().union(*(way(name, places) for way in ways))


def _each(pieces: list[Piece]) -> Piece:
    def piece(name: str, places: Places) -> Places:
        for step in pieces:
            places = step(name, places)
        return places

    return piece


def _repeated(step: Piece, sign: str) -> Piece:
    def piece(name: str, places: Places) -> Places:
        if sign == "?":
            return places | step(name, places)
        reached = places if sign == "*" else frozenset()
        newest = places
        while newest:
            newest = step(name, newest) - reached
            reached |= newest
        return reached

    return piece
