"""Ranks as PEFT's settings: `r` for most modules, `rank_pattern` and `alpha_pattern` for the others.

PEFT takes a key as a regular expression that must fit a module's name, whole or from behind a dot on, and the first
that fits counts (peft.utils.other.get_pattern_key). So keys are full names, the longest first.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

PLAIN = re.compile(r"[\w.\-]+")


def ranks_as_settings(ranks: Mapping[str, int]) -> dict[str, Any]:
    """r, lora_alpha, both patterns with equal keys and values, and the modules with a rank above 0 by full name.

    >>> ranks_as_settings({"layers.0.q": 4, "layers.0.k": 4, "layers.1.q": 2, "layers.1.k": 0})["rank_pattern"]
    {'layers.1.q': 2}
    """
    used_ranks = {module: rank for module, rank in ranks.items() if rank}
    common = Counter(used_ranks.values()).most_common(1)[0][0]
    ambiguous = any(
        other != name and name.endswith(f".{other}") for name in used_ranks for other in _tails(name, used_ranks)
    )
    exceptions = {m: r for m, r in used_ranks.items() if r != common or ambiguous}
    pattern = {_key(module): exceptions[module] for module in sorted(exceptions, key=lambda name: (-len(name), name))}
    return {
        "r": common,
        "lora_alpha": common,
        "rank_pattern": pattern,
        "alpha_pattern": dict(pattern),
        "target_modules": list(used_ranks),
        "use_rslora": False,
    }


def _tails(name: str, names: Mapping[str, int]) -> list[str]:
    """The names that this one ends in, from behind a dot."""
    words = name.split(".")
    ends = (".".join(words[start:]) for start in range(1, len(words)))
    return [end for end in ends if end in names]


def _key(module: str) -> str:
    return module if PLAIN.fullmatch(module) else re.escape(module)
