"""What a GPU is asked for, on the CPU's tensors: the same as NumPy gives, one matrix after the other."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.linalg import gpu
from analysis.linalg.kernels import threads
from analysis.linalg.spectrum import blocks, decompose
from benchmarks import gpu as benchmark


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Two wait for each other where the machine is busy."""
    with threads(1):
        yield


def randn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def parts(matrices: Tensor) -> Iterator[Tensor]:
    yield from torch.split(matrices, 17, dim=1)


@pytest.mark.parametrize("shape", [(1, 60, 40), (5, 50, 30)])
def test_a_batch_has_the_spectra_of_its_matrices(shape: tuple[int, ...]) -> None:
    matrices, scales = randn(*shape), np.linspace(0.5, 2.0, shape[0])
    values, norms = gpu.eigenvalues(parts(matrices), scales, shape[2])
    for found, norm, scale, matrix in zip(values, norms, scales, matrices, strict=True):
        assert np.sqrt(found) == pytest.approx(scale * decompose(matrix[None]).values, rel=1e-9)
        assert norm == pytest.approx(float((scale * matrix.double()).square().sum()), rel=1e-12)


def test_singular_values_keep_all_digits() -> None:
    matrix = randn(60, 40).double()
    matrix[:, 3] = matrix[:, 4]
    found = gpu.singular_values(parts(matrix[None]), 0.25, 40)
    expected = np.linalg.svd(0.25 * matrix.numpy(), compute_uv=False)[::-1]
    assert found == pytest.approx(expected, rel=1e-11, abs=1e-14)


def test_ends_and_what_is_not_finite() -> None:
    matrix = torch.tensor([[[1.0, -7.0], [3.0, 2.0]]])
    assert gpu.ends(matrix) == (-7.0, 3.0)
    matrix[0, 0, 0] = math.nan
    assert math.isnan(gpu.ends(matrix)[0])
    assert gpu.count_not_finite(matrix) == 1


def test_only_tensors_on_a_gpu_are_on_one() -> None:
    assert not gpu.is_on_gpu(np.zeros(2))
    assert not gpu.is_on_gpu(torch.zeros(2))


def test_blocks_are_all_rows() -> None:
    matrices = randn(2, 70, 30)
    assert torch.equal(torch.cat(list(blocks(matrices)), dim=1), matrices)


def test_the_benchmark_compares_whatever_device_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """With the CPU as the device both sides agree; without a GPU it says so."""
    rows = benchmark.tables("cpu", rounds=1, shapes=[(3, 40, 30)], pairs=[(150, 140)])
    assert len(rows) == 5
    assert all(float(row[-1]) < 1e-6 for row in rows)
    if not torch.cuda.is_available():
        benchmark.main()
        assert capsys.readouterr().out == "PyTorch sees no GPU here: nothing is compared.\n"
