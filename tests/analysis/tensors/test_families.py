"""Every tensor of public models: its role, its block, and labels of which no two are alike.

What no rule knows is "other" in these lists: a wrong role is worse than none.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

import pytest

from analysis.formats.parts import copies, training_reasons
from analysis.names import places
from analysis.tensors.matrices import Header, describe, matrices
from analysis.weight import TensorInfo
from tests.analysis.tensors.families import HERE, Line, read, wheres

MODELS = [
    pytest.param(lines, id=f"{path.stem}-{model}")
    for path in sorted(HERE.glob("*.txt"))
    for model, lines in read(path).items()
]


def described(lines: list[Line]) -> dict[str, TensorInfo]:
    shapes = {name: line.shape for line in lines for name in line.expand()}
    return {info.name: info for info in describe({name: Header(shape, "float32", 0) for name, shape in shapes.items()})}


@pytest.mark.parametrize("lines", MODELS)
def test_roles_blocks_and_labels(lines: list[Line]) -> None:
    found = described(lines)
    assert copies({name: info.shape for name, info in found.items()}) == {}
    assert training_reasons(found) == {}
    for line in lines:
        held = [found[name] for name in line.expand()]
        assert [info.skip for info in held] == [None] * len(held)
        assert {info.role for info in held} == {line.role}, line
        assert wheres(info.where for info in held) == line.where, line
    labels = Counter(weight.label for info in found.values() for weight in matrices(info))
    assert [label for label, count in labels.items() if count > 1] == []
    check_depths(found)


def check_depths(found: Iterable[str]) -> None:
    """In every stack the blocks follow each other; where it has no stages, each has the number that its name says."""
    stacks = defaultdict(set)
    for there in places(found).values():
        if there.in_block and there.depth is not None:
            order = tuple(-number if there.reverse else number for number in there.numbers)
            stacks[there.stack].add((-1 if there.phase is None else there.phase, order, there.depth))
    for blocks in stacks.values():
        depths = [depth for _, _, depth in sorted(blocks)]
        assert depths == sorted(depths)
        if all(phase < 0 and len(numbers) == 1 for phase, numbers, _ in blocks):
            assert all(numbers == (depth,) for _, numbers, depth in blocks)
