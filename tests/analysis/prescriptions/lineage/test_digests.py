from typing import Any

import pytest
import torch

from analysis.prescriptions.lineage.digests import compare_digests, digest_tensor


def tensors() -> Any:
    random = torch.Generator().manual_seed(0)
    return {name: torch.randn(4, 3, generator=random) for name in ("a", "b", "c")}


def digests(held: Any) -> Any:
    return {name: digest_tensor(tensor) for name, tensor in held.items()}


def sizes(held: Any) -> Any:
    return {name: tensor.numel() for name, tensor in held.items()}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_the_type_does_not_matter_where_the_values_are_the_same(dtype: torch.dtype) -> None:
    values = torch.tensor([[1.0, -0.5], [2.0, 0.25]])
    assert digest_tensor(values.to(dtype)) == digest_tensor(values.double())


def test_values_and_shapes_do() -> None:
    values = torch.arange(6.0)
    assert digest_tensor(values) != digest_tensor(values + 1e-6)
    assert digest_tensor(values) != digest_tensor(values.reshape(2, 3))
    assert digest_tensor(torch.zeros(0)) != digest_tensor(torch.zeros(0, 3))
    assert digest_tensor(values.double() + 1e-12) != digest_tensor(values)
    assert digest_tensor(torch.arange(6)) == digest_tensor(torch.arange(6))


def test_same_renamed_and_different_tensors_are_told_apart() -> None:
    base = tensors()
    model = {"a": base["a"], "new": base["b"], "c": base["c"] + 1}
    found = compare_digests(digests(base), digests(model), sizes(model), {})
    assert found.same == ("a",)
    assert found.renamed == {"new": "b"}
    assert found.differ == ("c",)
    assert found.share == pytest.approx(2 / 3)


def test_a_prefix_is_no_other_name() -> None:
    base = tensors()
    model = {f"model.{name}": tensor for name, tensor in base.items()}
    partners = {f"model.{name}": name for name in base}
    found = compare_digests(digests(base), digests(model), sizes(model), partners)
    assert len(found.same) == 3
    assert found.share == 1.0


def test_an_empty_model_shares_nothing() -> None:
    assert compare_digests({}, {}, {}, {}).share == 0.0
