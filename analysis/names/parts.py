"""The components of a tensor's name: what stands between its dots or, in Keras, Flax and T5X files, its slashes."""

from functools import lru_cache

CONSIDERED = 512  # characters; the longest name in the models that the tests know has under 160
ENDINGS = frozenset({"weight", "kernel", "w", "parametrizations", "original", "default"})


@lru_cache(maxsize=4096)
def _split(name: str) -> tuple[str, ...]:
    found = name.removesuffix(":0").replace("/", ".").split(".")
    while len(found) > 1 and ((last := found[-1].lower()) in ENDINGS or last.startswith("original")):
        found.pop()
    return tuple(found)


@lru_cache(maxsize=4096)
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
    """
    return list(_lower_words(name[-CONSIDERED:]))


def is_index(word: str) -> bool:
    """Whether a component is a number, as the members of a list are named."""
    return word.isascii() and word.isdigit()
