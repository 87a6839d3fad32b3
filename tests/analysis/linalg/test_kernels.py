"""Gram matrices and eigenvalues against plain products and closed forms, by every route; threads as they were."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.errors import TensorError
from analysis.linalg import kernels
from analysis.linalg.kernels import (
    add_inner_products,
    eigenvalues,
    eigenvectors,
    mirror,
    solve_converging,
    suit_threads,
    threads,
)
from analysis.linalg.libraries import libraries

Add = Callable[[Tensor, Tensor], None]


def randn(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    drawn: Tensor = torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)
    return drawn


def openblas() -> list[int]:
    return [library.num_threads for library in libraries()]


@pytest.mark.parametrize("add", [add_inner_products, kernels._add_strips])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 7, 5), (3, 40, 30), (2, 300, 130), (1, 5, 200)])
@pytest.mark.parametrize("lies", ["by rows", "by columns", "with gaps"])
def test_products_are_added_to_the_lower_triangle(
    add: Add, dtype: torch.dtype, shape: tuple[int, int, int], lies: str
) -> None:
    block = randn(*shape, dtype=dtype)
    if lies == "by columns":
        block = block.mT.contiguous().mT
    if lies == "with gaps":
        block = torch.stack([block, block], dim=-1)[..., 0]
    before = block.clone()
    whole = block.double().mT @ block.double()
    grams = torch.zeros(shape[0], shape[2], shape[2], dtype=dtype)
    for _ in range(2):
        add(grams, block)
    precision = 1e-5 if dtype == torch.float32 else 1e-13
    assert grams.tril().double().numpy() == pytest.approx(2.0 * whole.tril().numpy(), rel=precision, abs=precision * 50)
    assert torch.equal(block, before)


@pytest.mark.parametrize("largest", [0, 1536])  # sides that OpenBLAS solves
@pytest.mark.parametrize("size", [1, 2, 33, 120])
def test_either_library_reads_the_lower_triangle(monkeypatch: pytest.MonkeyPatch, size: int, largest: int) -> None:
    monkeypatch.setattr(kernels, "OPENBLAS", largest)
    rotation = torch.linalg.qr(randn(size, size)).Q
    planted = torch.linspace(-2.0, 3.0, size, dtype=torch.float64) if size > 1 else torch.ones(1, dtype=torch.float64)
    lower = ((rotation * planted) @ rotation.T).tril()
    assert eigenvalues(lower.expand(2, size, size)).numpy() == pytest.approx(planted.expand(2, size).numpy(), abs=1e-13)
    values, vectors = eigenvectors(lower)
    assert values.numpy() == pytest.approx(planted.numpy(), abs=1e-13)
    assert (vectors * values @ vectors.T).tril().numpy() == pytest.approx(lower.numpy(), abs=1e-13)
    whole = mirror(lower.clone() + torch.ones(size, size, dtype=torch.float64).triu(1))
    assert torch.equal(whole, whole.T)
    assert torch.equal(whole.tril(), lower)


STUCK = (np.linalg.LinAlgError, torch.linalg.LinAlgError)  # type: ignore[attr-defined]  # see kernels


@pytest.mark.parametrize("error", [kind("no convergence") for kind in STUCK])
def test_a_solver_that_does_not_converge_is_a_tensor_error(error: Exception) -> None:
    def stuck(_: Tensor) -> Tensor:
        raise error

    with pytest.raises(TensorError, match="did not converge: no convergence"):
        solve_converging(stuck, torch.eye(4, dtype=torch.float64))


def test_small_sides_have_one_thread_and_all_is_as_it_was() -> None:
    with threads(2):
        before = torch.get_num_threads(), openblas()
        assert before[0] == 2
        assert all(count == 2 for count in before[1])
        with suit_threads(kernels.SERIAL):
            assert torch.get_num_threads() == 1
            assert all(count == 1 for count in openblas())
        with suit_threads(kernels.SERIAL + 1):
            assert (torch.get_num_threads(), openblas()) == before
        with pytest.raises(TensorError), threads(1):
            raise TensorError("it fails")
        assert (torch.get_num_threads(), openblas()) == before


def test_the_last_bits_hang_on_no_number_of_threads() -> None:
    """A unit tried again measures alone what `analyze` measures side by side, and must find the same."""
    found = []
    for count in (1, 2):
        grams = torch.zeros(1, 384, 384, dtype=torch.float64)
        with threads(count):
            add_inner_products(grams, randn(1, 3000, 384))
            found.append((grams, eigenvalues(grams)))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])


def test_numpy_and_scipy_are_told() -> None:
    """Their wheels bring OpenBLAS, each its own; a build with another library has none to tell."""
    built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    assert len(libraries()) >= (1 if "openblas" in built else 0)
