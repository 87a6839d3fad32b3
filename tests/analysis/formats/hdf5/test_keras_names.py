"""Names of variables out of groups, classes and equations. Whole files are in test_keras_file.py."""

import pytest

from analysis.formats.hdf5.datasets import Dataset, Tree
from analysis.formats.hdf5.keras_names import Layer, layers_of, variables
from analysis.formats.stored import Aside


def names(*places: tuple[str, tuple[int, ...]], **own: str) -> list[str]:
    """The names of datasets of these shapes, where layers have those own names."""
    found = tuple(Dataset(tuple(keys.split("/")), Aside(shape, "float32", 0, "")) for keys, shape in places)
    attributes = {(*keys.split("__"), "vars"): {"name": name} for keys, name in own.items()}
    return [each.name for each in variables(Tree(found, attributes), {})]


@pytest.mark.parametrize(
    ("keys", "shapes", "leaves"),
    [
        ("dense", [(3, 4), (4,)], ["kernel", "bias"]),
        ("dense", [(3, 4)], ["kernel"]),
        ("conv2d_transpose", [(3, 3, 5, 6), (5,)], ["kernel", "bias"]),
        ("embedding_3", [(30, 4)], ["embeddings"]),
        ("token_and_position_embedding", [(30, 4)], ["embeddings"]),
        ("depthwise_conv2d_1", [(3, 3, 8, 2), (16,)], ["depthwise_kernel", "bias"]),
        ("lstm_cell", [(5, 16), (4, 16), (16,)], ["kernel", "recurrent_kernel", "bias"]),
        ("conv_lstm_cell", [(3, 3, 5, 16), (3, 3, 4, 16), (16,)], ["kernel", "recurrent_kernel", "bias"]),
        ("dense", [(3, 4), (4,), (4,)], ["kernel", "bias", "kernel_scale"]),  # quantised
        ("batch_normalization", [(4,), (4,)], ["0", "1"]),  # two of four: which, the file does not say
        ("my_layer", [(3, 4), (3, 4), (4,)], ["0", "1", "2"]),
    ],
)
def test_variables_in_the_order_of_their_layer(keys: str, shapes: list[tuple[int, ...]], leaves: list[str]) -> None:
    places = [(f"layers/{keys}/vars/{number}", shape) for number, shape in enumerate(shapes)]
    assert names(*places) == [f"{keys}/{leaf}" for leaf in leaves]


def test_a_name_that_was_chosen_stands_for_its_class() -> None:
    assert names(("layers/dense_1/vars/0", (3, 4)), layers__dense_1="head") == ["head/kernel"]
    assert names(("layers/dense_1/vars/0", (3, 4)), layers__dense_1="dense_77") == ["dense_1/kernel"]


def test_names_that_would_be_one_stay_those_of_the_groups() -> None:
    places = [("layers/dense/vars/0", (3, 4)), ("layers/dense_1/vars/0", (3, 4))]
    assert names(*places, layers__dense="a", layers__dense_1="a") == [keys for keys, _ in places]


def test_the_older_files_repeat_the_layers_name() -> None:
    places = [("model_weights/dense/dense/kernel:0", (3, 4)), ("model_weights/outer/dense/kernel:0", (3, 4))]
    assert names(*places) == ["dense/kernel", "outer/dense/kernel"]


def test_layers_of_a_config() -> None:
    inner = {"class_name": "DepthwiseConv2D", "config": {"name": "a"}}
    einsum = {"class_name": "EinsumDense", "config": {"name": "b", "equation": "ab,bc->ac"}}
    other = {"class_name": "Dense", "config": {"name": "c", "layers": [einsum]}}
    said = {"class_name": "Functional", "config": {"name": "m", "layers": [inner, other]}}
    found = layers_of(said)
    assert found["a"] == Layer("depthwise_conv2d")
    assert found["b"] == Layer("einsum_dense", "ab,bc->ac")
    assert "a" not in layers_of({"x": said, "y": {"class_name": "Dense", "config": {"name": "a"}}})
