"""The layers of a rule beside those of a baseline: paired by the name matching of comparisons, one group at a time."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from analysis.gate.evidence import WEAK_FIT, Evidence, Item, Report, items
from analysis.gate.rule import Rule
from analysis.tensors.prefixes import pair_names

NOT_THERE = "the baseline has no such layer"
GONE = "the baseline has this layer and the checkpoint does not"
# What differs where one of them stores the queries, keys and values of attention as one matrix, whose rows are measured
# as `….qkv_proj.weight.q`. Their shapes and values may be the same: what to do is to save both in one way.
STORED = "{} stores q, k and v as one matrix and {} each by itself; compare two that are stored alike"
PART_OF_FUSED = re.compile(r".+\.[qkv]")
PROJECTION = re.compile(r".*(^|[._])(q|k|v|query|key|value)(_proj|_lin)?(\.weight)?")
Group = tuple[int, ...] | None


def with_baseline(found: Sequence[Item], rule: Rule, baseline: Report) -> list[Item]:
    """The same items, each with its value in the baseline, then the layers that only the baseline has.

    `_orig_mod.`, `module.` and other prefixes that come or go keep no two layers apart. A layer with a value that
    meets none counts as one that could not be measured.
    """
    theirs = items(rule, Evidence(baseline))
    is_single = len({item.group for item in theirs}) <= 1 and len({item.group for item in found}) <= 1
    pairs: list[Item] = []
    lost_items: list[Item] = []
    for ours, counterparts in _groups_of(found, theirs, is_single):
        partners = _partners(ours, counterparts)
        lost_names = counterparts.keys() - set(partners.values())
        absent = _absence(ours.keys() - partners.keys(), lost_names)
        pairs += [_with_value(item, counterparts.get(partners.get(name, "")), absent) for name, item in ours.items()]
        lost_items += [
            _lost_layer(item) for name, item in counterparts.items() if name in lost_names and item.value is not None
        ]
    order = {(item.weight, item.group): position for position, item in enumerate(found)}
    return [*sorted(pairs, key=lambda item: order[item.weight, item.group]), *lost_items]


def _groups_of(
    found: Sequence[Item], theirs: Sequence[Item], alone: bool
) -> Iterator[tuple[dict[str, Item], dict[str, Item]]]:
    """The layers by name of each group of checkpoints; of one group here and there, whatever their places are."""

    def group(item: Item) -> Group:
        return None if alone else item.group

    for key in dict.fromkeys(group(item) for item in (*found, *theirs)):
        yield (
            {item.weight: item for item in found if group(item) == key},
            {item.weight: item for item in theirs if group(item) == key},
        )


def _partners(ours: Mapping[str, Item], others: Mapping[str, Item]) -> Mapping[str, str]:
    if ours.keys() == others.keys():
        return {name: name for name in ours}
    return pair_names(ours, others, lambda a, b: ours[a].shape == others[b].shape).partners


def _absence(ours: Iterable[str], others: Iterable[str]) -> str:
    """Why these layers have no counterpart among those that are left of the baseline."""
    fused, split = ([_is_stored(pattern, names) for names in (ours, others)] for pattern in (PART_OF_FUSED, PROJECTION))
    if fused[0] and split[1] and not fused[1]:
        return f"{NOT_THERE}: {STORED.format('the checkpoint', 'the baseline')}"
    if fused[1] and split[0] and not fused[0]:
        return f"{NOT_THERE}: {STORED.format('the baseline', 'the checkpoint')}"
    return NOT_THERE


def _is_stored(pattern: re.Pattern[str], names: Iterable[str]) -> bool:
    return any(pattern.fullmatch(name) for name in names)


def _with_value(item: Item, other: Item | None, absent: str) -> Item:
    if other is None:
        return replace(item, matched=False, failed=item.failed or item.value is not None, why=item.why or absent)
    if other.value is None:
        why = f"the baseline has no value: {other.why}"
        return replace(item, matched=False, failed=item.failed or other.failed, why=item.why or why)
    if item.value is None and item.weight and item.why != WEAK_FIT:  # as of a matrix that is zero now
        why = f"the baseline has a value and the checkpoint does not: {item.why}"
        return replace(item, baseline=other.number, matched=False, failed=True, why=why)
    return replace(item, baseline=other.number)


def _lost_layer(other: Item) -> Item:
    return replace(other, value=None, baseline=other.number, matched=False, failed=True, why=GONE)
