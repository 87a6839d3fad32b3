"""Labels at the ends of lines, pushed apart until they can be read."""

from collections.abc import Callable, Sequence
from itertools import pairwise


def spread(values: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """The values, pushed apart until neighbours keep the gap, within [low, high] where there is room.

    >>> spread([1.0, 1.0, 5.0], 1.0, 0.0, 10.0)
    [0.5, 1.5, 5.0]
    """

    def first(stack: Sequence[float]) -> float:
        """Where the lowest of a stack stands: the stack around its mean, moved inside the range."""
        tall = (len(stack) - 1) * gap
        return max(low, min(sum(stack) / len(stack) - tall / 2, high - tall))

    order = sorted(range(len(values)), key=lambda i: values[i])
    stacks = [[values[i]] for i in order]
    while (index := _overlap(stacks, first, gap)) is not None:  # neighbours that overlap become one stack
        stacks[index : index + 2] = [[*stacks[index], *stacks[index + 1]]]
    positions = [first(stack) + k * gap for stack in stacks for k in range(len(stack))]
    places = dict(zip(order, positions, strict=True))
    return [places[i] for i in range(len(values))]


def _overlap(stacks: Sequence[list[float]], first: Callable[[list[float]], float], gap: float) -> int | None:
    """The first stack that comes too close to the next."""
    for index, (a, b) in enumerate(pairwise(stacks)):
        if first(b) - first(a) < len(a) * gap - 1e-9:
            return index
    return None
