"""The order in which a reader expects the weights of a network: numbers as numbers, each stack in one piece."""

import re
from collections.abc import Iterable
from functools import lru_cache

from analysis.names.parts import CONSIDERED

WORDS = re.compile(r"[0-9]+|[^0-9./]+")
PIECES = re.compile(r"[0-9]+|[^0-9]+")
DIGITS = 15  # of a number, the last ones that count
ROOT, NUMBER = 0, "#"
Children = dict[tuple[int, str], tuple[int, int]]  # (parent, word): (its own number, its rank among its siblings)


def network_order(names: Iterable[str]) -> list[str]:
    """The names, blocks by their numbers and each stack in one piece, otherwise in the order in which they are given.

    A file that was sorted as text has block 10 in front of block 2. The modules of all blocks are in one order: that
    in which the file has them first.

    >>> network_order(["h.10.b", "h.10.a", "h.2.a", "head", "h.2.b"])
    ['h.2.b', 'h.2.a', 'h.10.b', 'h.10.a', 'head']
    """
    return list(_order(tuple(dict.fromkeys(names))))


@lru_cache(maxsize=8)  # a report asks with the same names for each of its tables
def _order(unique: tuple[str, ...]) -> tuple[str, ...]:
    children: Children = {}
    siblings: dict[int, int] = {}
    keys = {name: _key(name, children, siblings) for name in unique}
    return tuple(sorted(unique, key=lambda name: keys[name]))


def _key(name: str, seen: Children, siblings: dict[int, int]) -> list[tuple[int, int]]:
    """For each word of a name its rank among those that stand in its place, and its number where it is one."""
    parent, key = ROOT, []
    for word in WORDS.findall(name[-CONSIDERED:]):
        kind = NUMBER if "0" <= word[0] <= "9" else word
        if (parent, kind) not in seen:
            seen[parent, kind] = len(seen) + 1, siblings.setdefault(parent, 0)
            siblings[parent] += 1
        parent, rank = seen[parent, kind]
        key.append((rank, int(word[-DIGITS:]) if kind is NUMBER else 0))
    return key


def natural(text: str) -> list[tuple[int, int, str]]:
    """What a text sorts by where the numbers in it count as numbers and capitals do not count.

    >>> sorted(["Block 10", "block 2"], key=natural)
    ['block 2', 'Block 10']
    """
    words = PIECES.findall(text.casefold())
    return [(0, int(word[-DIGITS:]), "") if "0" <= word[0] <= "9" else (1, 0, word) for word in words]
