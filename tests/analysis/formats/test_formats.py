"""The registration of the formats, and what importing them costs."""

import json
import struct
import subprocess
import sys
from pathlib import Path

from analysis.formats import FORMATS, open_checkpoint
from tests.analysis.formats.test_conformance import SAVERS

# formats that cannot hold every dtype: each has a suite of its own
OWN_SUITES = {
    "pickle": "pytorch/test_plain.py",
    "keras": "hdf5/test_keras_file.py",
    "hdf5": "hdf5/test_keras_file.py",
    "flax": "readers/test_flax_msgpack.py",
    "onnx": "onnx/test_file.py",
    "gguf": "readers/test_gguf_file.py",
    "npz": "readers/test_numpy_archive.py",
    "npy": "readers/test_numpy_file.py",
}


def test_every_registered_format_is_in_the_conformance_suite_or_has_its_own() -> None:
    assert {form.name for form in FORMATS} - set(SAVERS) == set(OWN_SUITES)
    assert all((Path(__file__).parent / suite).is_file() for suite in OWN_SUITES.values())


def test_no_file_is_recognised_by_two_formats(tmp_path: Path) -> None:
    import torch

    for saver in ("safetensors", "torch-zip", "torch-legacy"):
        (path,) = SAVERS[saver]({"a": torch.zeros(2)}, tmp_path)
        head = path.read_bytes()[:4096]
        assert [form.name for form in FORMATS if form.recognises(head)] == [saver]


def test_a_file_of_any_size_opens_at_once(tmp_path: Path) -> None:
    rows = 2**30
    header = {
        "huge": {"dtype": "F32", "shape": [rows, 16], "data_offsets": [0, rows * 64]},
        "small": {"dtype": "F32", "shape": [2], "data_offsets": [rows * 64, rows * 64 + 8]},
    }
    text = json.dumps(header).encode()
    with (tmp_path / "sparse").open("wb") as file:  # 64 GB of hole, which takes no place on the disk
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + rows * 64)
        file.seek(0, 2)
        file.write(struct.pack("<2f", 1.0, 2.0))
    checkpoint = open_checkpoint([tmp_path / "sparse"])
    assert checkpoint.read("small").tolist() == [1.0, 2.0]


def test_the_formats_do_without_torch() -> None:
    said = "import sys, analysis.formats, workers.ingest.reader; print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", said], text=True).strip() == "False"
