"""What a file says about a tensor before its numbers are read, and what the headers around it say about it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from analysis import names
from analysis.attention import Attention, Facts, attention_of
from analysis.cached import once
from analysis.layout import Layout
from analysis.names.parts import components, is_index

Found = TypeVar("Found")
WIDEST = 31  # side of a 2-D kernel by which the order of its dimensions is told


@dataclass(frozen=True, slots=True)
class Header:
    """One tensor of a file. `constant` says which of `constants.REASONS` its numbers are, "" where a weight's."""

    shape: tuple[int, ...]
    dtype: str  # torch's name without "torch."
    nbytes: int
    constant: str = ""


@dataclass(frozen=True)
class Headers:
    """All tensors of a checkpoint, so that each can be read with what stands beside it."""

    of: Mapping[str, Header]
    facts: Facts = field(default_factory=dict)  # about the model: how many heads it has

    def attention(self, name: str) -> Attention | None:
        """The heads of the part of the model that a tensor lies in; None where no configuration says."""
        return attention_of(self.facts, name)

    @once
    def places(self) -> Mapping[str, names.Place]:
        """The block of each."""
        return names.places(self.of)

    @once
    def words(self) -> Mapping[object, frozenset[str]]:
        """The words of all names in each block, or of each parent outside the blocks."""
        by_block: dict[object, set[str]] = defaultdict(set)
        for name in self.of:
            by_block[self._block(name)].update(word for word in names.parts(name) if not is_index(word))
        return {block: frozenset(words) for block, words in by_block.items()}

    def block_words(self, name: str) -> frozenset[str]:
        """The words of the names in the same block."""
        return self.words[self._block(name)]

    def _block(self, name: str) -> object:
        place = self.places[name]
        if place.in_block:
            return place.stack, place.numbers, place.phase
        return tuple(components(name)[:-1])

    @once
    def blocks(self) -> Mapping[object, list[str]]:
        """The names of each block, or of each parent outside the blocks."""
        by_block: dict[object, list[str]] = defaultdict(list)
        for name in self.of:
            by_block[self._block(name)].append(name)
        return by_block

    def block(self, name: str) -> list[str]:
        """The names in the same block, itself among them."""
        return self.blocks[self._block(name)]

    def of_block(self, name: str, find: "Callable[[Headers, list[str]], Found]") -> Found:
        """What `find` says of the names in the same block. It is asked once for each: a block may hold all tensors."""
        return self._ask(find, self._block(name), self.block(name))

    def of_all(self, find: "Callable[[Headers, list[str]], Found]") -> Found:
        """What `find` says of all names; it is asked once."""
        return self._ask(find, None, list(self.of))

    def _ask(self, find: "Callable[[Headers, list[str]], Found]", of: object, all_names: list[str]) -> Found:
        if (find, of) not in self._answers:
            self._answers[find, of] = find(self, all_names)
        answer: Found = self._answers[find, of]
        return answer

    @once
    def _answers(self) -> dict[object, Any]:
        return {}

    @once
    def votes(self) -> "Counter[Layout]":
        """How many kernels of four dimensions tell which order their dimensions have."""
        return kernel_votes([header.shape for header in self.of.values()])

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor; () where there is none of that name."""
        header = self.of.get(name)
        return header.shape if header is not None else ()

    def bias_shape(self, name: str) -> tuple[int, ...]:
        """The shape of the bias that belongs to a weight; () where it has none."""
        for leaf, bias in BIASES:
            if name.endswith(leaf) and (shape := self.shape(name.removesuffix(leaf) + bias)):
                return shape
        return self.shape(f"{name}_bias")


BIASES = (("weight", "bias"), ("kernel", "bias"), ("kernel:0", "bias:0"), (".w", ".b"), ("/w", "/b"),
          ("weight_v", "bias"), ("vars/0", "vars/1"), ("in_proj_weight", "in_proj_bias"))  # fmt: skip


def kernel_votes(shapes: Iterable[tuple[int, ...]]) -> "Counter[Layout]":
    """How many kernels of four dimensions have their square side where each order has it, and nowhere else."""
    votes: Counter[Layout] = Counter()
    for a, b, c, d in (shape for shape in shapes if len(shape) == 4):
        square = {
            Layout.KERNEL: c == d <= WIDEST,
            Layout.KERNEL_MIDDLE: b == c <= WIDEST,
            Layout.KERNEL_LAST: a == b <= WIDEST,
        }
        layouts = [layout for layout, yes in square.items() if yes]
        if len(layouts) == 1:
            votes[layouts[0]] += 1
    return votes
