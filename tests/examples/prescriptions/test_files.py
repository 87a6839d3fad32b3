from pathlib import Path

import pytest

from examples.prescriptions.files import prescribe
from examples.prescriptions.llama import Llama


def test_the_record_lies_beside_its_files(little: Llama, tmp_path: Path) -> None:
    record = prescribe("sparsity", little.path, tmp_path, target=0.4)
    assert record["kind"] == "sparsity"
    assert record["parameters"]["target"] == 0.4
    assert record["mean"] == pytest.approx(0.4)
    assert (tmp_path / "llm_compressor.yaml").exists()
