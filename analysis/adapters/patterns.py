r"""rank_pattern, alpha_pattern and their like: settings for the modules whose names fit a pattern.

PEFT takes each key as a regular expression that must fit the name of the module, whole or from behind a dot on, and
the first that fits counts (peft.utils.other.get_pattern_key). The keys come out of untrusted files, and a few
characters can keep Python's `re` busy for years. So a key must be an expression that `re` compiles, as PEFT needs it,
and is matched by `regex`, which knows the same language and stops when its time is over.
"""

import re
import time
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from analysis.errors import DamagedFile, escape

if TYPE_CHECKING:
    import regex

LONGEST_KEY = 300  # characters of a pattern
LONGEST_NAME = 500  # characters of a module's name; the longest in public models has under 120
MOST_PATTERNS = 10_000
SECONDS = 1.0  # for all patterns of a setting on one name; an honest pattern takes microseconds
LARGEST_COUNT = 999  # in {m,n}: a larger one asks for memory, and no name is as long
COUNT = re.compile(r"\{(\d*)(?:,(\d*))?\}")
NO_COUNT = re.compile(
    r"(?<!\\)\{(?!\d+\}|\d*,\d*\})"
)  # a brace that `re` takes as it stands, `regex` as fuzzy matching


class _Unknown(ValueError):
    """No expression that is matched here."""


def check(pattern: Mapping[str, Any], where: str) -> None:
    """Raises DamagedFile, naming the setting, where a key is no pattern that is matched here."""
    if len(pattern) > MOST_PATTERNS:
        text = f"{where} has {len(pattern):,} patterns; at most {MOST_PATTERNS:,} are read"
        raise DamagedFile(text, "adapter-settings")
    for key in pattern:
        try:
            _compile(key)
        except _Unknown as error:
            text = f"{where}: the pattern {escape(key)} is not matched here ({error}). Name the modules one by one."
            raise DamagedFile(text, "adapter-settings") from None


def choose_value(pattern: Mapping[str, Any], module: str, otherwise: Any) -> Any:
    """The value of the first pattern that fits the module's name; `otherwise` where none does."""
    deadline = time.monotonic() + SECONDS
    return next((value for key, value in pattern.items() if fits(key, module, deadline)), otherwise)


def fits(key: str, name: str, deadline: float | None = None) -> bool:
    r"""Whether the expression fits the name, whole or from behind one of its dots on to the end.

    Raises DamagedFile where that takes longer than SECONDS, or than until `deadline` on the monotonic clock.

    >>> fits(r"layers\.\d{1,2}\.[^k]", "model.layers.11.q")
    True
    """
    if len(name) > LONGEST_NAME:
        return False
    timeout = SECONDS if deadline is None else max(0.001, deadline - time.monotonic())
    try:
        return _compile(key).match(name, timeout=timeout) is not None
    except TimeoutError:
        text = (
            f"the pattern {escape(key)} takes more than {SECONDS:g} s on {escape(name)}. Name the modules one by one."
        )
        raise DamagedFile(text, "adapter-settings") from None


@lru_cache(maxsize=4096)
def _compile(key: str) -> "regex.Pattern[str]":
    """The key as PEFT completes it. Raises _Unknown."""
    import regex  # a tenth of the start of the process that reads a file, and few files have patterns

    if len(key) > LONGEST_KEY:
        raise _Unknown(f"{len(key):,} characters; at most {LONGEST_KEY} are read")
    for counts in COUNT.finditer(key):
        if any(int(count) > LARGEST_COUNT for count in counts.groups() if count):
            raise _Unknown(f"a count above {LARGEST_COUNT}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # sets that mean something else in a later version of Python
            re.compile(rf"(.*\.)?({key})$")
        literal = NO_COUNT.sub(r"\{", key)
        return regex.compile(rf"(.*\.)?({literal})$", regex.V0)
    except (re.error, regex.error, RecursionError, OverflowError, FutureWarning, DeprecationWarning) as error:
        raise _Unknown(escape(error)) from None
