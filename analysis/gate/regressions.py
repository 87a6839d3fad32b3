"""The layers of a rule beside those of a baseline: paired by the name matching of comparisons, one group at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from analysis.gate.evidence import WEAK_FIT, Evidence, Item, Report, items
from analysis.gate.rule import Rule
from analysis.tensors.prefixes import pair_names

NOT_THERE = "the baseline has no such layer"
GONE = "the baseline has this layer and the checkpoint does not"
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
        pairs += [_with_value(item, counterparts.get(partners.get(name, ""))) for name, item in ours.items()]
        lost_names = counterparts.keys() - set(partners.values())
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


def _with_value(item: Item, other: Item | None) -> Item:
    if other is None:
        return replace(item, matched=False, failed=item.failed or item.value is not None, why=item.why or NOT_THERE)
    if other.value is None:
        why = f"the baseline has no value: {other.why}"
        return replace(item, matched=False, failed=item.failed or other.failed, why=item.why or why)
    if item.value is None and item.weight and item.why != WEAK_FIT:  # as of a matrix that is zero now
        why = f"the baseline has a value and the checkpoint does not: {item.why}"
        return replace(item, baseline=other.number, matched=False, failed=True, why=why)
    return replace(item, baseline=other.number)


def _lost_layer(other: Item) -> Item:
    return replace(other, value=None, baseline=other.number, matched=False, failed=True, why=GONE)
