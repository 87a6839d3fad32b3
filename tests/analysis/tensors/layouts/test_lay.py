"""What the readers of layouts ask of a name."""

import pytest

from analysis.tensors.header import Header, Headers
from analysis.tensors.layouts.lay import ends_in_kernel, is_relational, leaf_of


def test_the_last_word_of_a_name_is_its_layers() -> None:
    assert leaf_of("transformer.h.0.attn.c_attn.weight") == "c_attn"


@pytest.mark.parametrize(
    ("name", "ends"), [("dense/kernel:0", True), ("conv.depthwise_kernel", True), ("a.weight", False)]
)
def test_kernels_are_known_by_their_last_word(name: str, ends: bool) -> None:
    assert ends_in_kernel(name) is ends


@pytest.mark.parametrize(("root", "relational"), [((16, 8), True), ((8, 16), False)])
def test_relations_lie_as_their_root_does(root: tuple[int, int], relational: bool) -> None:
    shapes = {"conv1.weight": (5, 16, 8), "conv1.root": root}
    headers = Headers({name: Header(shape, "float32", 0) for name, shape in shapes.items()})
    assert is_relational("conv1.weight", headers) is relational
