"""The role that a tensor's name gives it, by the rules of `analysis.names.table`."""

import re
from collections.abc import Iterable
from functools import lru_cache

from analysis.names.parts import is_index, parts
from analysis.names.table import CLASSES, FAMILIES, ROLES, Rule

RECURRENT = re.compile(r"weight_(ih|hh|hr)(?:_l(\d{1,9}))?(_reverse)?")
NORM = re.compile(
    r"(?:^|_)(?:layer_?norm|rms_?norm|batch_?norm|group_?norm|instance_?norm|norm|ln|bn|gn)\d*(?:_|$)"
    r"|layernorm|_norm\d*$|layer_?scale|batchnorm"
)
CONV = re.compile(r"conv|downsample|shortcut|deconv|upsample")
BARE = ("q", "k", "v", "o")  # what may be a parameter without ".weight"
assert all(rule.role in ROLES for family in FAMILIES for rule in family.rules)


def role_of(name: str, beside: Iterable[str] = ()) -> str:
    """One of ROLES; "other" where no rule knows the name. `beside` are the words of the names in the same block.

    >>> role_of("model.layers.3.self_attn.q_proj.weight")
    'q'
    >>> role_of("backbone.layers.0.mixer.in_proj.weight")
    'other'
    """
    all_words = parts(name)
    parents = [word for word in all_words[:-1] if not is_index(word)]
    words = (*dict.fromkeys(parents[:-1]), *parents[-1:])  # each once, as rules ask only which there are; the last last
    role = _role(all_words[-1], words, frozenset(beside))
    if role in BARE and not name.endswith(("weight", "kernel")) and _is_parameter(all_words, name):
        return "other"
    return role


def _is_parameter(found: list[str], name: str) -> bool:
    """Whether a name without an ending is a table by itself, as the queries of a projector, and no layer."""
    parent = next((word for word in reversed(found[:-1]) if not is_index(word)), "")
    return name.lower().endswith(found[-1]) and not _matches("@attention", parent)


@lru_cache(maxsize=4096)
def _role(leaf: str, words: tuple[str, ...], beside: frozenset[str]) -> str:
    if RECURRENT.fullmatch(leaf) or leaf == "recurrent_kernel":
        return "recurrent"
    if leaf.endswith("_weight") and leaf != "in_proj_weight":
        leaf = leaf.removesuffix("_weight")
    if _is_bias(leaf):
        return "bias"
    rules = [rule for rule in BY_LEAF.get(leaf, ()) if _holds(rule, words, beside)]
    if rules:
        return max(rules, key=lambda rule: rule.specificity).role
    return _plain(leaf, words)


def _is_bias(leaf: str) -> bool:
    is_position = leaf in ("relative_attention_bias", "rel_pos_bias")
    return not is_position and bool(re.search(r"(?:^|_)bias(?:es)?(?:_|$)|^dt_bias", leaf)) and leaf not in BY_LEAF


def _plain(leaf: str, words: tuple[str, ...]) -> str:
    """The role of words that mean the same wherever they stand."""
    if NORM.search(leaf):
        return "norm"
    if leaf.isdigit() and words and NORM.fullmatch(words[-1]):
        return "norm"
    if CONV.search(leaf) or (words and CONV.search(words[-1])):
        return "conv"
    return "other"


def _holds(rule: Rule, words: tuple[str, ...], beside: frozenset[str]) -> bool:
    parent = words[-1] if words else ""
    if rule.top and not all(_matches("@wrapper", word) for word in words):
        return False
    return (
        (not rule.inside or _match_any(rule.inside, (parent,)))
        and (not rule.within or _match_any(rule.within, words))
        and (not rule.without or not _match_any(rule.without, words))
        and (not rule.beside or _match_any(rule.beside, beside))
    )


def _match_any(wanted: str, words: Iterable[str]) -> bool:
    some = wanted.split()
    return any(_matches(want, word) for word in words for want in some)


@lru_cache(maxsize=16384)
def _matches(want: str, word: str) -> bool:
    if want.startswith("@"):
        return len(word) <= LONGEST and CLASSES[want].fullmatch(word) is not None
    return want == word


LONGEST = 64  # characters of a word that a class may hold; the longest in public models has under 40
BY_LEAF: dict[str, list[Rule]] = {}
for _family in FAMILIES:
    for _rule in _family.rules:
        for _leaf in _rule.leaves.split():
            BY_LEAF.setdefault(_leaf, []).append(_rule)
