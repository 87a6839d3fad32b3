"""The experiments in little: a LLaMA of four narrow blocks that has seen three batches."""

from pathlib import Path

import pytest
import torch

from examples.data import Split
from examples.prescriptions.data import LABELS, Texts
from examples.prescriptions.llama import Llama, Size, llama
from examples.widths.data import Text

SIZE = Size(width=64, depth=4, steps=3, tune_steps=2, tested=4)
OWN = Text(*(torch.arange(4000).remainder(modulus).to(torch.uint8) for modulus in (11, 13)))
WORDS = ("Fit the estimator to data.", "Draw a line on the axes.", "Solve for x.", "Query the rows of a table.")
TEXTS = Texts(
    WORDS * 3, Split(WORDS * 8, tuple(range(len(LABELS))) * 8), Split(WORDS * 8, tuple(range(len(LABELS))) * 8)
)


@pytest.fixture(scope="session")
def little(tmp_path_factory: pytest.TempPathFactory) -> Llama:
    return llama(0, TEXTS, tmp_path_factory.mktemp("little"), SIZE, OWN)


@pytest.fixture
def texts() -> Texts:
    return TEXTS


@pytest.fixture
def again(tmp_path: Path) -> Llama:
    """The same seed once more."""
    return llama(0, TEXTS, tmp_path / "again", SIZE, OWN)
