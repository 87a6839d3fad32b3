"""Names of checkpoints that fit a table: without what all of them share, and no two alike."""

import re
from collections.abc import Sequence
from itertools import takewhile

LONGEST = 20  # characters of a name that is left as it is
SEPARATORS = "-_. /"  # as a set of a regular expression
WORD = r"[^\W\d].{2}"  # what each cut name keeps: a letter and two characters


def short_names(names: Sequence[str], longest: int = LONGEST) -> tuple[str, ...]:
    """The names, the base's first, cut where one is longer than `longest`; as they are where that says too little.

    The parts that all tuned checkpoints share in front and at the end go, then the middle of what is still too long.

    >>> short_names(["llama-3-8b", "llama-3-8b-lora-r8-checkpoint-500", "llama-3-8b-lora-r16-checkpoint-500"])
    ('llama-3-8b', 'lora-r8', 'lora-r16')
    """
    if not any(len(name) > longest for name in names):
        return tuple(names)
    base, *tuned = names
    cut = [abbreviate(name, longest) for name in (base, *(_cut_shared(tuned, base) if tuned else []))]
    return tuple(cut) if all(cut) and len(set(cut)) == len(cut) else tuple(_number_names(names, longest))


def abbreviate(name: str, longest: int) -> str:
    """The name without its middle where it is longer.

    >>> abbreviate("Block 12 · attention output", 20)
    'Block 12 ·…on output'
    """
    if len(name) <= longest:
        return name
    tail = (longest - 1) // 2
    return f"{name[: longest - 1 - tail]}…{name[len(name) - tail :]}"


def _cut_shared(names: Sequence[str], base: str) -> list[str]:
    """Each without the parts that all share; of one name alone, without those that it shares with the base."""
    parts = [_split(name) for name in names]
    start = min(
        _count_shared(parts if len(parts) > 1 else [*parts, _split(base)]), *(len(part) - 1 for part in parts), 99
    )
    rest = [part[start:][::-1] for part in parts]
    end = min(_count_shared(rest), *(len(part) - 1 for part in rest), 99) if len(parts) > 1 else 0
    texts = [_join(part, start, end) for part in parts]
    while start > 0 and not all(re.search(WORD, text) for text in texts):
        start -= 1
        texts = [_join(part, start, end) for part in parts]
    return texts


def _split(name: str) -> list[str]:
    return re.findall(rf"[^{SEPARATORS}]+[{SEPARATORS}]*|[{SEPARATORS}]+", name)


def _count_shared(parts: Sequence[list[str]]) -> int:
    """How many parts all begin with."""
    words = zip(*([word.rstrip(SEPARATORS) for word in part] for part in parts), strict=False)
    return sum(1 for _ in takewhile(lambda alike: len(set(alike)) == 1, words))


def _join(part: Sequence[str], start: int, end: int) -> str:
    return "".join(part[start : len(part) - end]).strip(SEPARATORS)


def _number_names(names: Sequence[str], longest: int) -> list[str]:
    return [f"{at}: {abbreviate(name, longest - 4)}" for at, name in enumerate(names)]
