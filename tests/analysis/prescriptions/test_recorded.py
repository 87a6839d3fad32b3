"""A report read again: what it lacks is said with the command that measures it, and other JSON is refused."""

import json
import shlex
from typing import Any

import pytest
from click.testing import CliRunner

from analysis.diagnostics import requests
from analysis.engine.single import analyze
from analysis.errors import IncompleteReport
from analysis.prescriptions.recorded import read_report
from app.cli.main import main
from tests.analysis.examples import some_tensors
from tests.analysis.prescriptions.golden import FOLDER


def told(asked: dict[str, dict[str, object]]) -> dict[str, Any]:
    return analyze(some_tensors(), requests(asked)).to_json()


def test_the_advice_of_a_refusal_measures_what_is_missing() -> None:
    (wanted,) = requests({"esd": {"fix_fingers": "xmin_peak_coded"}})
    with pytest.raises(IncompleteReport, match="has esd with other options") as refused:
        read_report(json.dumps(told({"esd": {}})).encode()).table(wanted, required=True)
    command = refused.value.message.split("`")[1]
    words = shlex.split(command.removeprefix("eigenscope "))
    result = CliRunner().invoke(main, [*words, str(FOLDER / "model.safetensors")])
    assert read_report(result.stdout.encode()).table(wanted, required=True) is not None


def test_a_report_without_options_is_not_taken_for_one_with_the_defaults() -> None:
    old = told({"snr": {}})
    del old["options"]
    (wanted,) = requests({"snr": {}})
    assert read_report(json.dumps(old).encode()).table(wanted, required=False) is None
    with pytest.raises(IncompleteReport, match="does not say with which options"):
        read_report(json.dumps(old).encode()).table(wanted, required=True)


@pytest.mark.parametrize("content", [
    b"", b"[]", b"{}", b'{"tables": []}', b'{"tables": {"none": []}}', b'{"tables": {"snr": [{}]}}', b"[" * 10**5,
    b'{"tables": {"snr": 3}}', b'{"tables": {}, "options": 3}',
])  # fmt: skip
def test_other_json_is_refused(content: bytes) -> None:
    with pytest.raises(IncompleteReport, match="not a report of Eigenscope"):
        read_report(content)
