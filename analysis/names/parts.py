"""The components of a tensor's name: what stands between its dots or, in Keras, Flax and T5X files, its slashes."""

import re
from functools import lru_cache

CONSIDERED = 512  # characters; the longest name in the models that the tests know has under 160
ENDINGS = frozenset({"weight", "kernel", "w", "parametrizations", "original", "default"})


MOST_KEPT = 2**17  # names whose words are kept while a file is described, which asks for each some ten times
FEW = 4096  # names that are kept for good

# Transformer Engine's grouped layers have a parameter for each expert: "experts.linear_fc1.weight3"
GROUPED = re.compile(r"weight(\d{1,9})")
GROUPED_LAYERS = ("linear_fc1", "linear_fc2")


@lru_cache(maxsize=MOST_KEPT)
def _split(name: str) -> tuple[str, ...]:
    words = name.removesuffix(":0").replace("/", ".").split(".")
    for at in (len(words) - 2, len(words) - 3):  # behind it, the half of a matrix of two
        if at > 0 and words[at] in GROUPED_LAYERS and (member := GROUPED.fullmatch(words[at + 1])):
            return (*words[:at], member[1], words[at], *words[at + 2 :])
    while len(words) > 1 and ((last := words[-1].lower()) in ENDINGS or last.startswith("original")):
        words.pop()
    return tuple(words)


@lru_cache(maxsize=MOST_KEPT)
def _lower_words(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _split(name))


def components(name: str) -> list[str]:
    """The components as they are spelled, without "weight" and other endings that say nothing.

    >>> components("params/Encoder_0/query/kernel:0")
    ['params', 'Encoder_0', 'query']
    """
    return list(_split(name[-CONSIDERED:]))


def parts(name: str) -> list[str]:
    """The same in lower case.

    >>> parts("h.0.attn.c_attn.weight")
    ['h', '0', 'attn', 'c_attn']
    >>> parts("mlp.experts.linear_fc1.weight3")
    ['mlp', 'experts', '3', 'linear_fc1']
    """
    return list(_lower_words(name[-CONSIDERED:]))


def forget() -> None:
    """Frees what is kept of the names of a large file."""
    for function in (_split, _lower_words):
        if function.cache_info().currsize > FEW:
            function.cache_clear()


def is_index(word: str) -> bool:
    """Whether a component is a number, as the members of a list are named."""
    return word.isascii() and word.isdigit()
