"""A prescription as a folder: the record first, files in folders of their own, and large ones by their writers."""

import json
from pathlib import Path

import yaml

from analysis.prescriptions.prescription import Answer, Prescription
from analysis.prescriptions.writing import to_bytes, to_yaml, write


def test_all_files_are_written_and_listed(tmp_path: Path) -> None:
    def large(folder: Path) -> None:
        (folder / "adapter").mkdir()
        (folder / "adapter" / "weights.bin").write_bytes(b"x")

    answer = Answer({"a": 1}, files={"b/list.yaml": b"- 1\n", "a.json": b"{}\n"}, folders=(large,))
    names = write(Prescription("some", {}, "", "Nothing.", answer), tmp_path / "out")
    assert names == ("prescription.json", "a.json", "adapter/weights.bin", "b/list.yaml")
    assert json.loads((tmp_path / "out" / "prescription.json").read_text())["entries"] == {"a": 1}


def test_yaml_and_json_are_read_as_they_were_meant() -> None:
    value = {"ignore": ["re:^model\\.layers\\.1$", "- x: y", "no", "0:0"], "sparsity": [0.1]}
    assert yaml.safe_load(to_yaml(value, "a comment\nof two lines")) == value
    assert to_yaml(value, "a").startswith(b"# a\n")
    assert json.loads(to_bytes(value)) == value
