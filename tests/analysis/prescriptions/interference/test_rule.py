"""Interference of whole models: the golden numbers through the rule, exact cases, and the proposal for mergekit."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from analysis.errors import UnmeasuredLayer, WrongBase
from analysis.prescriptions.interference.rule import merge_weights
from analysis.prescriptions.prescription import Prescription
from tests.analysis.prescriptions.golden import arrays, members, prescribe, save, told
from tests.analysis.prescriptions.interference.test_updates import adapter

NAME = "model.layers.0.mlp.up_proj.weight"


def merged(tmp_path: Path, updates: list[torch.Tensor], **options: object) -> Prescription:
    base = torch.zeros_like(updates[0])
    paths = [save({NAME: base}, tmp_path / "base.safetensors")]
    paths += [save({NAME: base + update}, tmp_path / f"task{at}.safetensors") for at, update in enumerate(updates)]
    return prescribe("interference", members(*paths), **options)


def tasks(key: str = "tasks") -> list[torch.Tensor]:
    return [torch.from_numpy(update) for update in arrays()[key]]


@pytest.mark.parametrize(("case", "rank"), [("all", 0), ("top_k_over_T", -1)])
def test_golden_singular_interference(tmp_path: Path, case: str, rank: int) -> None:
    golden = told()["sti"][case]
    found = merged(tmp_path, tasks(), rank=rank)
    assert found.entries[NAME] == pytest.approx(golden["entrywise_l1"] / golden["normaliser_sum_s"], rel=1e-4)
    assert found.answer.extra["layers"][NAME]["sti"] == pytest.approx(golden["entrywise_l1"], rel=1e-4)


@pytest.mark.parametrize(("key", "place"), [("tasks", None), ("tasks_wide", "wide")])
def test_golden_alignment(tmp_path: Path, key: str, place: str | None) -> None:
    golden = told()["sar"] if place is None else told()["sar"][place]
    layer = merged(tmp_path, tasks(key)).answer.extra["layers"][NAME]
    assert layer["sar_directions"] == golden["k_definition"]
    assert layer["sar"] == pytest.approx(golden["sar_definition_k"], rel=1e-4)


@pytest.mark.parametrize("count", [2, 3])
def test_equal_updates(tmp_path: Path, count: int) -> None:
    found = merged(tmp_path, [tasks()[0]] * count)
    assert found.entries[NAME] == pytest.approx((count - 1) ** 2)
    more = found.answer.details[NAME]
    assert (more["cosine"], more["norm_ratio"], more["sign_conflicts"]) == pytest.approx((1.0, 1.0, 0.0))
    assert (more["over_accumulation"], more["sum_over_norms"]) == pytest.approx((count, 1.0))
    assert more["least_sar"] == pytest.approx(1.0, abs=0.1)


def test_opposite_updates_cancel(tmp_path: Path) -> None:
    found = merged(tmp_path, [tasks()[0], -tasks()[0]])
    more = found.answer.details[NAME]
    assert (more["cosine"], more["sign_conflicts"], more["sum_over_norms"]) == pytest.approx((-1.0, 1.0, 0.0))


def test_the_files(tmp_path: Path) -> None:
    found = merged(tmp_path, [tasks()[0], 3 * tasks()[1]], base_model="org/base")
    config = yaml.safe_load(found.answer.files["mergekit.yaml"])
    assert (config["merge_method"], config["base_model"]) == ("task_arithmetic", "org/base")
    weights = [model["parameters"]["weight"] for model in config["models"]]
    norms = [float(torch.linalg.norm(tasks()[0])), 3 * float(torch.linalg.norm(tasks()[1]))]
    assert weights == pytest.approx([np.mean(norms) / norm for norm in norms], abs=1e-4)
    assert "A proposal" in found.answer.files["mergekit.yaml"].decode()
    table = json.loads(found.answer.files["interference.json"])
    assert np.shape(table["layers"][NAME]["cosines"]) == (2, 2)


def test_weights_make_all_updates_one_size() -> None:
    norms = [[3.0, 6.0], [4.0, 8.0]]
    weights = merge_weights(norms)
    whole = np.sqrt(np.sum(np.square(norms), axis=0))
    assert weights * whole == pytest.approx([7.5, 7.5])
    assert merge_weights([[0.0, 1.0]])[0] == 1.0


def test_adapters_without_their_base(tmp_path: Path) -> None:
    given = members(*(adapter(tmp_path / name, seed) for name, seed in (("one", 1), ("two", 2), ("three", 3))))
    found = prescribe("interference", given)
    (name,) = found.entries
    assert found.answer.extra["layers"][name]["ranks"] == [3, 3, 3]
    assert found.answer.details[name]["joint_directions"] <= 9  # type: ignore[operator]
    assert set(found.answer.files) == {"interference.json"}


def test_models_that_share_nothing_are_refused(tmp_path: Path) -> None:
    paths = [save({f"w{n}.weight": torch.randn(8 + n, 6)}, tmp_path / f"m{n}.safetensors") for n in range(3)]
    with pytest.raises(WrongBase):
        prescribe("interference", members(*paths))


def test_nan_in_the_only_layer_is_an_error_and_names_it(tmp_path: Path) -> None:
    with pytest.raises(UnmeasuredLayer, match="task1: 1,920 of 1,920 values are NaN or infinite"):
        merged(tmp_path, [tasks()[0], torch.full_like(tasks()[0], torch.nan)])


def test_a_zero_update_has_no_angle(tmp_path: Path) -> None:
    found = merged(tmp_path, [tasks()[0], 0 * tasks()[0]])
    more = found.answer.details[NAME]
    assert (more["cosine"], more["norm_ratio"]) == (None, None)
    assert found.answer.extra["layers"][NAME]["sar"][1] is None
    json.dumps(found.to_json(), allow_nan=False)
