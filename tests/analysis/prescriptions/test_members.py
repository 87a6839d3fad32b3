"""Members: tables measured or taken out of a report, of the checkpoint at one place, and the digest of all."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.diagnostics import requests
from analysis.engine.single import analyze
from analysis.errors import IncompleteReport, WrongMembers
from analysis.prescriptions.members import Members
from analysis.prescriptions.recorded import read_report
from tests.analysis.prescriptions.golden import FOLDER, llama, members, model, save


def report_of(given: Members, asked: dict[str, dict[str, object]]) -> bytes:
    return json.dumps(analyze(given.checkpoints[0], requests(asked)).to_json()).encode()


def test_the_digest_of_one_file_is_its_sha_256() -> None:
    assert model().digest == hashlib.sha256((FOLDER / "model.safetensors").read_bytes()).hexdigest()


def test_several_checkpoints_have_another_digest_in_each_order(tmp_path: Path) -> None:
    one, two = (save(llama(seed=seed), tmp_path / f"{seed}.safetensors") for seed in (1, 2))
    assert len({members(one).digest, members(one, two).digest, members(two, one).digest}) == 3


def test_a_report_gives_the_same_rows_as_the_checkpoint() -> None:
    recorded = Members(report=read_report(report_of(model(), {"snr": {}})))
    measured = [(row.weight.name, row.value("snr_spectrum")) for row in model().rows("snr")]
    assert [(row.weight.name, row.value("snr_spectrum")) for row in recorded.rows("snr")] == measured


def test_what_a_report_lacks_is_measured_where_there_is_the_checkpoint() -> None:
    both = replace(model(), report=read_report(report_of(model(), {"norms": {}})))
    assert both.rows("snr")
    with pytest.raises(IncompleteReport, match="has no table snr"):
        replace(both, checkpoints=()).rows("snr")
    with pytest.raises(WrongMembers):
        replace(both, checkpoints=()).checkpoint()


def test_of_several_the_table_is_that_of_one_place(tmp_path: Path) -> None:
    one, two = (save(llama(seed=seed), tmp_path / f"{seed}.safetensors") for seed in (1, 2))
    both = members(one, two)
    assert {row.group for row in both.rows("norms", position=1)} == {(1,)}
    assert {row.group for row in both.rows("update")} == {(0, 1)}
