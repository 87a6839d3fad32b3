"""Names of checkpoints that fit a table: without what all of them share, and no two alike."""

import re
from collections.abc import Sequence
from itertools import takewhile

LONGEST = 20  # characters of a name that is left as it is
SEPARATORS = "-_. /,;:·"  # between the parts of a name
PART = re.compile(rf"[^{SEPARATORS}]+[{SEPARATORS}]*|[{SEPARATORS}]+")
WORD = re.compile(r"[^\W\d].{2}")  # what each cut name keeps: a letter and two characters


def short_names(names: Sequence[str], longest: int = LONGEST) -> tuple[str, ...]:
    """The names, the base's first, cut where one is longer than `longest`: no two alike that were not.

    >>> short_names(["llama-3-8b", "llama-3-8b-lora-r8-checkpoint-500", "llama-3-8b-lora-r16-checkpoint-500"])
    ('llama-3-8b', 'lora-r8', 'lora-r16')
    """
    if not any(len(name) > longest for name in names):
        return tuple(names)
    base, *tuned = names
    cut = [abbreviate(base, longest), *(abbreviate(name, longest) for name in cut_shared(tuned, base))]
    return tuple(cut) if len(set(cut)) == len(set(names)) else tuple(_number_names(names, longest))


def cut_shared(names: Sequence[str], base: str = "") -> list[str]:
    """Each without the parts that all share in front and at the end; as they are where too little would be left.

    One name alone loses the parts that it shares with the base in front.
    """
    parts = [PART.findall(name) for name in names]
    if not parts or not all(parts):
        return list(names)
    least = min(map(len, parts)) - 1
    start = min(least, _count_shared(parts if len(parts) > 1 else [*parts, PART.findall(base)]))
    end = min(least - start, _count_shared([part[::-1] for part in parts])) if len(parts) > 1 else 0
    cut = [_join(part, start, end) for part in parts]
    while start > 0 and not all(WORD.search(text) for text in cut):
        start -= 1
        cut = [_join(part, start, end) for part in parts]
    return cut if all(cut) and len(set(cut)) == len(set(names)) else list(names)


def cut_labels(labels: Sequence[str], longest: int) -> list[str]:
    """Each within a width, without its middle: where that makes two alike, both without what they share.

    >>> cut_labels(["Block 3 · mixer_0.in_projection_matrix", "Block 3 · mixer_1.in_projection_matrix"], 30)
    ['Block 3 · mixer_0', 'Block 3 · mixer_1']
    """
    alike: dict[str, list[str]] = {}
    for label in dict.fromkeys(labels):
        alike.setdefault(abbreviate(label, longest), []).append(label)
    new = {label: text for some in alike.values() for label, text in zip(some, _cut_alike(some), strict=True)}
    return [abbreviate(new[label], longest) for label in labels]


def _cut_alike(labels: Sequence[str]) -> list[str]:
    """Labels of one place without what their words share; one alone as it is."""
    places, _, _ = zip(*(label.rpartition(" · ") for label in labels), strict=True)
    if len(labels) == 1 or len(set(places)) > 1:
        return list(labels)
    words = cut_shared([label.rpartition(" · ")[2] for label in labels])
    return [f"{places[0]} · {word}" if places[0] else word for word in words]


def end_of(name: str, longest: int = 40) -> str:
    """The last words of a tensor's name where it is long.

    >>> end_of("network.encoder_stage_of_features.stage_2.mixer_1.normalisation.weight")
    '…stage_2.mixer_1.normalisation.weight'
    """
    if len(name) <= longest:
        return name
    kept = name[-longest:]
    return f"…{kept.partition('.')[2] or kept}"


def abbreviate(name: str, longest: int) -> str:
    """The name without its middle where it is longer.

    >>> abbreviate("Block 12 · attention output", 20)
    'Block 12 …ion output'
    """
    if len(name) <= longest:
        return name
    head = (longest - 1) // 2
    return f"{name[:head]}…{name[head + 1 - longest :]}"


def _count_shared(parts: Sequence[list[str]]) -> int:
    """How many parts all begin with."""
    words = zip(*([word.rstrip(SEPARATORS) for word in part] for part in parts), strict=False)
    return sum(1 for _ in takewhile(lambda alike: len(set(alike)) == 1, words))


def _join(part: Sequence[str], start: int, end: int) -> str:
    return "".join(part[start : len(part) - end]).strip(SEPARATORS)


def _number_names(names: Sequence[str], longest: int) -> list[str]:
    return [f"{at}: {abbreviate(name, longest - 4)}" for at, name in enumerate(names)]
