"""How many matrices a tensor makes, by its shape."""

from analysis.tensors.header import Header, Headers
from analysis.tensors.layouts import counted_matrices


def test_matrices_are_counted_before_they_are_cut() -> None:
    headers = Headers({name: Header(shape, "float32", 0) for name, shape in
                       {"conv.weight": (4, 3, 5, 5), "experts.w": (7, 4, 3), "a.weight": (4, 3)}.items()})  # fmt: skip
    assert [counted_matrices(name, "other", headers) for name in headers.of] == [25, 7, 1]
