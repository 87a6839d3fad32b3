"""Names as other tools write them, and the order of modules that a sorted file has lost."""

import pytest

from analysis.diagnostic import Measurement, Row
from analysis.prescriptions.naming import block_of, in_module_order, module_of, numeric, type_of
from analysis.tensors.matrices import Header, describe, matrices
from tests.analysis.prescriptions.golden import told


def rows(names: list[str]) -> list[Row]:
    found = describe({name: Header((8, 8), "float32", 256) for name in names})
    return [Row(weight, (0,), Measurement({})) for info in found for weight in matrices(info)]


def test_a_sorted_file_comes_in_the_order_of_the_modules() -> None:
    wanted = [f"{name}.weight" for name in told()["alphapruning"]["order"]]
    wanted = ["model.embed_tokens.weight", *wanted, "lm_head.weight"]
    assert [row.weight.name for row in in_module_order(rows(sorted(wanted)))] == wanted


def test_blocks_are_ordered_by_number() -> None:
    names = [f"model.layers.{n}.mlp.up_proj.weight" for n in range(12)]
    assert [row.weight.name for row in in_module_order(rows(sorted(names)))] == names


def test_a_file_with_an_order_of_its_own_keeps_it() -> None:
    names = [f"layers.{n}.{part}.weight" for n in range(4) for part in ("q_proj", "o_proj", "k_proj")]
    assert [row.weight.name for row in in_module_order(rows(names))] == names


@pytest.mark.parametrize(("tensor", "module", "kind", "block"), [
    ("model.layers.10.mlp.up_proj.weight", "model.layers.10.mlp.up_proj", "mlp.up_proj", "model.layers.10"),
    ("layers.1.mlp.experts.3.w1.weight", "layers.1.mlp.experts.3.w1", "mlp.experts.3.w1", "layers.1"),
    ("lm_head.weight", "lm_head", None, None),
])  # fmt: skip
def test_parts_of_names(tensor: str, module: str, kind: str | None, block: str | None) -> None:
    assert (module_of(tensor), type_of(tensor), block_of(tensor)) == (module, kind, block)
    assert numeric("a.2") < numeric("a.10")
