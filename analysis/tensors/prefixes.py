"""Which name of one checkpoint means which name of another, where only what stands in front of them differs.

`model.layers.0.q.weight`, `base_model.model.model.layers.0.q.weight` and `layers.0.q.weight` name one tensor. No list
of prefixes is kept: every two names that end alike propose a change of prefix, and the changes that explain most names
win. What two changes explain equally well is refused, not guessed.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

Parts = tuple[str, ...]
Pair = tuple[Parts, Parts]  # a name here, one there
Change = tuple[Parts, Parts]  # what stands in front here, and there
Score = tuple[int, int]

# what PyTorch's and PEFT's wrappers put inside a name: no part of where the tensor lies
SENSES = re.compile(r"vis(ion|ual)|image|img|audio|speech|video|siglip|clip", re.IGNORECASE)
WRAPPERS = frozenset({"base_layer", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
# in the files of Mixtral and of GPT-NeoX, and what transformers 5 and adapters that were trained with it say
RENAMED = {"block_sparse_moe": "mlp", "embed_out": "lm_head"}
# in the files of vision transformers, and what transformers 5 calls the modules: adapters have these names, while the
# models are still saved under the former ones
RESPELLED: Mapping[Parts, Parts] = {
    **{
        ("attention", inner, word): ("attention", f"{word[0]}_proj")
        for inner in ("attention", "self")
        for word in ("query", "key", "value")
    },
    ("attention", "output", "dense"): ("attention", "o_proj"),
    ("intermediate", "dense"): ("mlp", "fc1"),
    ("output", "dense"): ("mlp", "fc2"),
}
CHOSEN = "modules_to_save"  # PEFT: followed by the adapter's name
MOST_PARTS = 32  # of a name; a longer one is compared as a whole only (public models have under 16)
MOST_ALIKE = 16  # names that end alike; an ending of more says nothing
WHOLE_BLOCK = 16  # names that a change of one prefix for another must explain: about those of a transformer's block


@dataclass(frozen=True, slots=True)
class Pairing:
    """The name there that each name here means, and for names that could mean several, those."""

    partners: Mapping[str, str]
    ambiguous: Mapping[str, tuple[str, ...]]


def pair_names(
    here: Iterable[str],
    there: Iterable[str],
    fits: Callable[[str, str], bool],
    text_first: bool = False,
    text_blocks: int = 0,
) -> Pairing:
    """Pairs names one to one. `fits(here, there)` says whether two may be the same tensor, by their shapes.

    The same names pair first, whatever their shapes. Exchanging here and there gives the inverse.
    With `text_first` a name that says nothing of images or sound is one of the text model beside their encoders, as an
    adapter's is, which has no vocabulary to tell by. Where names do not tell the encoders, the text model is the one of
    `text_blocks` blocks, if the configuration says how many it has.
    """
    ours, theirs = _name_parts(here), _name_parts(there)
    same = {name: match for parts, name in ours.items() if (match := theirs.get(parts)) is not None}
    rest = {parts: name for parts, name in ours.items() if parts not in theirs}
    open_ = {parts: name for parts, name in theirs.items() if parts not in ours}
    smaller = min(len(ours), len(theirs))
    strange = [_leaves_sense, _leads_elsewhere(theirs, text_blocks)] if text_first else []
    pairs, doubts = _choose(_changes(rest, open_), lambda a, b: fits(rest[a], open_[b]), smaller, strange)
    return Pairing(
        same | {rest[a]: open_[b] for a, b in pairs.items()},
        {rest[a]: tuple(sorted(open_[b] for b in could)) for a, could in doubts.items()},
    )


def parts_of(name: str) -> Parts:
    """Where a tensor lies, without what wrappers put inside its name, and in one spelling.

    >>> parts_of("encoder.query.base_layer.weight")
    ('encoder', 'query', 'weight')
    >>> parts_of("vit.encoder.layer.0.attention.output.dense.weight")
    ('vit', 'encoder', 'layer', '0', 'attention', 'o_proj', 'weight')
    """
    words = name.split(".")
    parts, skip = [], False
    for part in words:
        if not skip and part not in WRAPPERS and part != CHOSEN:
            parts.append(RENAMED.get(part, part))
        skip = part == CHOSEN
    return _respell(tuple(parts)) if len(words) <= MOST_PARTS else (name,)


def _respell(parts: Parts) -> Parts:
    """The parts with the first former spelling in them replaced: no name has two."""
    for start in range(len(parts)):
        for length in (3, 2):
            former = parts[start : start + length]
            if former in RESPELLED:
                return parts[:start] + RESPELLED[former] + parts[start + length :]
    return parts


def _name_parts(names: Iterable[str]) -> dict[Parts, str]:
    """Names by their parts; of those that wrappers alone tell apart, the one that is no wrapped original."""
    by_parts: dict[Parts, str] = {}
    for name in names:
        parts = parts_of(name)
        if parts not in by_parts or len(by_parts[parts]) > len(name):
            by_parts[parts] = name
    return by_parts


def _changes(left: Iterable[Parts], right: Iterable[Parts]) -> dict[Change, list[Pair]]:
    """Every change of prefix that some pair of names proposes, with all the pairs that it would make."""
    ours, theirs = _endings(left), _endings(right)
    pairs: dict[Change, list[Pair]] = defaultdict(list)
    for ending in ours.keys() & theirs.keys():
        if len(ours[ending]) > MOST_ALIKE or len(theirs[ending]) > MOST_ALIKE:
            continue
        for a in ours[ending]:
            for b in theirs[ending]:
                change = a[: -len(ending)], b[: -len(ending)]
                if not _end_alike(*change) and _tells(len(ending), a, b):
                    pairs[change].append((a, b))
    return pairs


def _endings(names: Iterable[Parts]) -> dict[Parts, list[Parts]]:
    """The names by each way they end; a few more than MOST_ALIKE of each at most."""
    by_ending: dict[Parts, list[Parts]] = defaultdict(list)
    for parts in names:
        for start in range(len(parts)):
            group = by_ending[parts[start:]]
            if len(group) <= MOST_ALIKE:
                group.append(parts)
    return by_ending


def _end_alike(a: Parts, b: Parts) -> bool:
    return bool(a and b) and a[-1] == b[-1]


def _tells(length: int, a: Parts, b: Parts) -> bool:
    """Whether an ending of that many parts says more than that both are a "weight"."""
    return length > 1 or length in (len(a), len(b))


def _choose(
    changes: Mapping[Change, Sequence[Pair]],
    fits: Callable[[Parts, Parts], bool],
    smaller: int,
    strange: Sequence[Callable[[Sequence[Pair]], bool]],
) -> tuple[dict[Parts, Parts], dict[Parts, set[Parts]]]:
    """The pairs of the changes that explain most, and what several changes explain equally well."""
    result: dict[Parts, Parts] = {}
    doubts: dict[Parts, set[Parts]] = defaultdict(set)
    done_names: tuple[set[Parts], set[Parts]] = set(), set()
    waiting = {change: (_score(pairs, fits), pairs) for change, pairs in changes.items()}
    while waiting:
        top_score = max(score for score, _ in waiting.values())
        top = {change: _remaining_pairs(waiting.pop(change)[1], done_names) for change in _scoring(waiting, top_score)}
        equal = {change: pairs for change, pairs in top.items() if _score(pairs, fits) == top_score}
        waiting |= {change: (_score(pairs, fits), pairs) for change, pairs in top.items() if change not in equal}
        equal = {change: pairs for change, pairs in equal.items() if _carries(change, len(pairs), smaller)}
        for is_strange in strange:
            equal = _without_strange(equal, is_strange)
        rivals = _rivals(equal)
        for change, pairs in equal.items():
            for a, b in pairs:
                done_names[0].add(a)
                done_names[1].add(b)
                if change in rivals:
                    doubts[a].add(b)
                else:
                    result[a] = b
    return result, doubts


def _without_strange(
    equal: Mapping[Change, list[Pair]], is_strange: Callable[[Sequence[Pair]], bool]
) -> dict[Change, list[Pair]]:
    """Without the changes that lead where they should not, where a rival does not."""
    rivals = _rivals(equal)
    strange = {change for change in rivals if is_strange(equal[change])}
    at_home = {a for change in rivals - strange for a, _ in equal[change]}
    return {
        change: pairs
        for change, pairs in equal.items()
        if change not in strange or any(a not in at_home for a, _ in pairs)
    }


def _leaves_sense(pairs: Sequence[Pair]) -> bool:
    """Whether they lead from text into an encoder of images or sound, or back."""
    return any(_has_sense(a) != _has_sense(b) for a, b in pairs)


def _leads_elsewhere(names: Iterable[Parts], blocks: int) -> Callable[[Sequence[Pair]], bool]:
    """Whether pairs lead into no stack of so many blocks; False of all where the number is not known."""
    numbers: dict[Parts, set[str]] = defaultdict(set)
    for parts in names:
        stack = _stack(parts)
        numbers[stack].update(parts[len(stack) : len(stack) + 1])
    return lambda pairs: bool(blocks) and all(len(numbers[_stack(there)]) != blocks for _, there in pairs)


def _stack(parts: Parts) -> Parts:
    """The name up to the number of its block; all of it where it has none."""
    return parts[: next((place for place, part in enumerate(parts) if part.isdecimal()), len(parts))]


def _has_sense(parts: Parts) -> bool:
    return SENSES.search(".".join(parts)) is not None


def _scoring(waiting: Mapping[Change, tuple[Score, Sequence[Pair]]], best: Score) -> list[Change]:
    return [change for change, (score, _) in waiting.items() if score == best]


def _score(pairs: Sequence[Pair], fits: Callable[[Parts, Parts], bool]) -> Score:
    """How many pairs fit by shape, then how many there are."""
    return sum(fits(a, b) for a, b in pairs), len(pairs)


def _remaining_pairs(pairs: Sequence[Pair], gone: tuple[set[Parts], set[Parts]]) -> list[Pair]:
    return [(a, b) for a, b in pairs if a not in gone[0] and b not in gone[1]]


def _carries(change: Change, count: int, smaller: int) -> bool:
    """Whether so many names are enough to believe the change.

    More than half of the smaller checkpoint's always are. Of fewer, a prefix may only come or go, and lead into no
    block: a classifier's "dense" is not the pooler's, and a final norm is not that of block 0.
    """
    if 2 * count > smaller or count >= WHOLE_BLOCK:
        return count > 0
    before, after = change
    return count > 0 and not (before and after) and not any(part.isdigit() for part in before + after)


def _rivals(equal: Mapping[Change, Sequence[Pair]]) -> set[Change]:
    """The changes that want a name which another of these wants too."""
    claims: tuple[dict[Parts, list[Change]], ...] = defaultdict(list), defaultdict(list)
    for change, pairs in equal.items():
        for pair in pairs:
            for side, parts in enumerate(pair):
                claims[side][parts].append(change)
    return {change for side in claims for those in side.values() if len(those) > 1 for change in those}
