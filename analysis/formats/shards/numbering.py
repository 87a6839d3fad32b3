"""Shards that count themselves in their names: model-00001-of-00003.safetensors."""

import re
from collections.abc import Iterable
from pathlib import Path

from analysis.errors import MissingShard, escape

NUMBERED = re.compile(r"(.+)-(\d{5})-of-(\d{5})(\.[^/]+)", re.DOTALL)  # of transformers, and of llama.cpp's gguf-split
LISTED = 3  # names in a message


def check_numbers(paths: Iterable[Path]) -> bool:
    """Whether these files count themselves as shards. MissingShard where one of a count is not there.

    Without an index nothing else says that a part of the model is missing.
    """
    counts: dict[tuple[str, str, str], set[int]] = {}
    for path in paths:
        if found := NUMBERED.fullmatch(path.name):
            stem, number, total, ending = found.groups()
            counts.setdefault((stem, total, ending), set()).add(int(number))
    for (stem, total, ending), numbers in counts.items():
        _check_count(stem, total, ending, numbers)
    return any(int(total) > 1 for _, total, _ in counts)


def _check_count(stem: str, total: str, ending: str, numbers: set[int]) -> None:
    first = 0 if 0 in numbers else 1
    missing = sorted({*range(first, first + int(total))} - numbers)
    if missing:
        names = [escape(f"{stem}-{number:05}-of-{total}{ending}") for number in missing[:LISTED]]
        more = f" and {len(missing) - LISTED} more" if len(missing) > LISTED else ""
        raise MissingShard(
            f"{', '.join(names)}{more} {'is' if len(missing) == 1 else 'are'} missing: a model in {int(total)} shards "
            f"of which {len(numbers)} {'is' if len(numbers) == 1 else 'are'} there. Give all of its shards, or their "
            "folder. To read some of them alone, give them other names."
        )
