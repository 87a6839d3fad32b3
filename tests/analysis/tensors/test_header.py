"""What the headers around a tensor say about it."""

from collections.abc import Mapping

from analysis.layout import Layout
from analysis.tensors.header import Header, Headers, kernel_votes


def headers(shapes: Mapping[str, tuple[int, ...]]) -> Headers:
    return Headers({name: Header(shape, "float32", 0) for name, shape in shapes.items()})


def test_words_are_those_of_the_same_block() -> None:
    found = headers({"h.0.mlp.w1.weight": (8, 4), "h.0.mlp.c_proj.weight": (4, 8), "h.1.attn.q.weight": (4, 4)})
    assert found.block_words("h.0.mlp.w1.weight") == {"h", "mlp", "w1", "c_proj"}
    assert found.block("h.0.mlp.w1.weight") == ["h.0.mlp.w1.weight", "h.0.mlp.c_proj.weight"]


def test_outside_the_blocks_the_parent_counts() -> None:
    found = headers({"mlp.w12.weight": (8, 4), "mlp.w3.weight": (4, 4), "head.weight": (2, 4)})
    assert found.block_words("mlp.w3.weight") == {"mlp", "w12", "w3"}


def test_the_bias_of_a_weight() -> None:
    found = headers(
        {"a.weight": (8, 4), "a.bias": (8,), "dense/kernel": (4, 9), "dense/bias": (9,), "b.weight": (3, 3)}
    )
    assert [found.bias_shape(name) for name in ("a.weight", "dense/kernel", "b.weight")] == [(8,), (9,), ()]
    assert found.shape("nowhere") == ()


def test_square_sides_tell_the_order_of_kernels() -> None:
    votes = kernel_votes([(64, 3, 7, 7), (3, 3, 16, 32), (16, 3, 3, 8), (3, 3, 3, 3), (5, 5)])
    assert votes == {Layout.KERNEL: 1, Layout.KERNEL_LAST: 1, Layout.KERNEL_MIDDLE: 1}
