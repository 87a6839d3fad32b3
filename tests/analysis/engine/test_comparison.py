"""Several checkpoints at once: the numbers of each are those of the merged weights, and one bad partner is a note."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from analysis.diagnostic import (
    Column,
    Diagnostic,
    Measurement,
    Options,
    Request,
    Scope,
    Summary,
    Table,
    groups,
)
from analysis.diagnostics import requests
from analysis.engine.comparison import compare, distinct, groups_of, measure_aligned, open_comparison, unpaired_tensors
from analysis.engine.memory import bytes_of_several
from analysis.engine.single import analyze
from analysis.errors import CheckpointError, WrongBase
from analysis.formats import Checkpoint, open_checkpoint
from analysis.report import Report
from analysis.tensors.matching import Member
from analysis.weight import TensorInfo, Weight
from tests import comparisons as made
from tests.comparisons import QUERY, UP

NAMES = ("base", "lora", "full")


def spy(scope: Scope) -> Request:
    """A diagnostic that says how far the last weight of a group is from the first."""

    def compute(weights: Sequence[Weight], options: Options) -> Measurement:
        first, last = weights[0], weights[-1]
        away = (
            float(torch.linalg.matrix_norm(last.matrix.double() - first.matrix.double())) if len(weights) > 1 else 0.0
        )
        based = all(weight.base is first for weight in weights[1:])
        rank = 0 if last.factors is None else last.factors.left.shape[1]
        return Measurement({"away": away, "based": based, "rank": rank})

    columns = tuple(Column(name, name, "") for name in ("away", "based", "rank"))
    diagnostic = Diagnostic(scope.value, "", scope, "", "", columns, compute, lambda table: Summary("", {}))
    return Request(diagnostic, Options({}))


@pytest.fixture
def checkpoints(tmp_path: Path) -> list[Checkpoint]:
    paths = made.write(tmp_path, base=made.model(made.base()), lora=made.adapter(), full=made.model(made.full()))
    return [open_checkpoint([path]) for path in paths]


def rows(report: Report, diagnostic: str) -> dict[tuple[str, tuple[int, ...]], dict[str, object]]:
    found: Table = next(table for table in report.tables if table.diagnostic.name == diagnostic)
    return {
        (row.weight.name, row.group): {**row.measurement.values, "note": row.measurement.note} for row in found.rows
    }


@pytest.mark.parametrize("scope", [Scope.ONE, Scope.PAIR, Scope.UPDATES])  # a family has no adapters
def test_every_group_that_has_the_tensor_is_measured(checkpoints: list[Checkpoint], scope: Scope) -> None:
    found = rows(compare(checkpoints, [spy(scope)], NAMES), scope.value)
    for name in (QUERY, UP):
        there = (0, 2) if name == UP else (0, 1, 2)  # the adapter leaves the MLP as it is
        wanted = {group for group in groups(scope, 3) if set(group) <= set(there)}
        assert {group for weight, group in found if weight == name} == wanted


def test_a_tuned_weight_is_the_base_with_what_was_added(checkpoints: list[Checkpoint]) -> None:
    found = rows(compare(checkpoints, [spy(Scope.PAIR)], NAMES), "pair")
    away = made.merged(made.factors())[QUERY] - made.base()[QUERY]
    lora, full = found[QUERY, (0, 1)], found[QUERY, (0, 2)]
    assert lora["away"] == pytest.approx(float(torch.linalg.matrix_norm(away)), rel=1e-5)
    assert full["away"] == pytest.approx(
        float(torch.linalg.matrix_norm(made.full()[f"bert.{QUERY}"] - made.base()[QUERY])), rel=1e-6
    )
    assert (lora["rank"], full["rank"]) == (made.RANK, 0)
    assert lora["based"] is full["based"] is True


@pytest.mark.parametrize("scope", [Scope.ONE, Scope.PAIR, Scope.UPDATES])
def test_what_needs_more_memory_than_allowed_is_not_read(checkpoints: list[Checkpoint], scope: Scope) -> None:
    whole = rows(compare(checkpoints, [spy(scope)], NAMES), scope.value)
    found = rows(compare(checkpoints, [spy(scope)], NAMES, memory=100), scope.value)
    assert found.keys() == whole.keys()
    assert {row["away"] for row in found.values()} == {None}
    assert all("100 bytes are allowed" in str(row["note"]) for row in found.values())


def test_every_partner_counts_for_the_memory_that_a_tensor_takes(checkpoints: list[Checkpoint]) -> None:
    """What is enough for a base and one tuned model is not for a base and two."""
    base, _, full = checkpoints
    info = next(info for info in base.tensors if info.name == UP)
    enough = bytes_of_several([info, info], [Scope.PAIR])
    for tuned, fits in (([full], True), ([full, full], False)):
        found = rows(compare([base, *tuned], [spy(Scope.PAIR)], ["base", *"ab"[: len(tuned)]], memory=enough), "pair")
        of_one = [row for (weight, _), row in found.items() if weight == UP]
        assert len(of_one) == len(tuned)
        assert all((row["note"] is None) is fits for row in of_one)


def test_a_spectrum_of_an_adapter_is_that_of_the_merged_weight(checkpoints: list[Checkpoint], tmp_path: Path) -> None:
    report = compare(checkpoints, requests({"norms": {}}), NAMES)
    (path,) = made.write(tmp_path, merged=made.model(made.merged(made.factors())))
    merged = analyze(open_checkpoint([path]), requests({"norms": {}}))
    expected = next(row for row in merged.tables[0].rows if row.weight.name == QUERY)
    assert rows(report, "norms")[QUERY, (1,)]["stable_rank"] == pytest.approx(expected.value("stable_rank"), rel=1e-6)


def test_whole_checkpoints_measure_as_they_do_by_themselves(checkpoints: list[Checkpoint]) -> None:
    asked = requests({"esd": {}, "norms": {}})
    together = compare(checkpoints, asked, NAMES)
    for position in (0, 2):
        single = analyze(checkpoints[position], asked)
        for table, other in zip(together.tables, single.tables, strict=True):
            ours = [row.measurement.values for row in table.rows if row.group == (position,)]
            assert ours == [row.measurement.values for row in other.rows]


def test_rows_carry_the_base_names_and_come_in_its_order(checkpoints: list[Checkpoint]) -> None:
    report = compare(checkpoints, [spy(Scope.ONE), spy(Scope.PAIR)], NAMES)
    single, pair = report.tables
    assert [row.group for row in pair.rows] == sorted(row.group for row in pair.rows)
    names = [name for name in made.base() if not name.endswith("bias")]
    assert [row.weight.name for row in pair.rows if row.group == (0, 2)] == names
    assert [row.weight.name for row in single.rows if row.group == (2,)] == [*names, "classifier.weight"]
    assert report.names == single.names == NAMES


def test_added_rows_are_left_aside_where_two_are_compared(checkpoints: list[Checkpoint]) -> None:
    report = compare(checkpoints, [spy(Scope.ONE), spy(Scope.PAIR)], NAMES)
    heights = {
        row.group: row.weight.rows for table in report.tables for row in table.rows if row.weight.name == made.EMBEDDING
    }
    assert heights == {(0,): made.WORDS, (2,): made.WORDS + 3, (0, 2): made.WORDS}


def test_the_report_starts_with_the_coverage_of_each(checkpoints: list[Checkpoint]) -> None:
    said = json.loads(json.dumps(compare(checkpoints, [spy(Scope.PAIR)], NAMES).to_json(), allow_nan=False))
    assert said["checkpoints"] == list(NAMES)
    base, lora, full = said["coverage"]["checkpoints"]
    assert (base["analysed"], lora["analysed"], full["analysed"]) == (5, 4, 5)
    assert lora["skipped"] == []
    assert {each["reason"] for each in lora["missing"]} == {"left as it is by the adapter"}
    assert {each["tensor"]: each["reason"] for each in full["skipped"]}["classifier.weight"] == "not in the base"
    row = said["tables"]["pair"][0]
    assert (row["group"], row["checkpoints"]) == ([0, 1], ["base", "lora"])


def test_one_bad_module_is_a_row_with_a_note(checkpoints: list[Checkpoint], tmp_path: Path) -> None:
    state = made.factors()
    state["base_model.model.bert.encoder.layer.1.attention.self.query.lora_A.weight"][1, 2] = math.nan
    state["base_model.model.bert.encoder.layer.0.attention.self.query.lora_B.weight"] = torch.randn(WIDE, made.RANK)
    (path,) = made.write(tmp_path, bad=made.adapter(state))
    report = compare([checkpoints[0], open_checkpoint([path]), checkpoints[2]], [spy(Scope.PAIR)], NAMES)
    found = rows(report, "pair")
    other = QUERY.replace("0", "1")
    for name, why in ((other, "NaN"), (QUERY, str(WIDE))):
        assert found[name, (0, 1)]["away"] is None
        assert why in str(found[name, (0, 1)]["note"])
        assert found[name, (0, 2)]["away"] is not None
    reasons = {skipped.tensor: skipped.reason for skipped in report.coverage.members[1].skipped}
    assert len(reasons) == 4
    assert all(reason.startswith("lora: ") for reason in reasons.values())


WIDE = made.WIDTH + 1


def test_nan_in_a_whole_checkpoint_is_a_note_as_well(checkpoints: list[Checkpoint], tmp_path: Path) -> None:
    state = made.base()
    state[UP][0, 0] = math.inf
    (path,) = made.write(tmp_path, bad=made.model(state))
    found = rows(compare([checkpoints[0], open_checkpoint([path])], [spy(Scope.PAIR)], NAMES), "pair")
    total = f"{state[UP].numel():,}"
    assert found[UP, (0, 1)]["note"] == f"lora: 1 of {total} values are NaN or infinite"
    assert found[QUERY, (0, 1)]["away"] == 0.0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"r": 0}, "adapter-settings"),
        ({"lora_alpha": float("nan")}, "adapter-settings"),
        ({"peft_type": "PROMPT_TUNING"}, "adapter-method"),
    ],
)
def test_an_adapter_whose_config_makes_no_sense_is_refused(
    tmp_path: Path, changes: dict[str, object], code: str
) -> None:
    (path,) = made.write(tmp_path, lora=made.adapter(None, **changes))
    with pytest.raises(CheckpointError) as refused:
        open_checkpoint([path])
    assert refused.value.code == code


def test_an_adapter_without_its_config_is_refused(tmp_path: Path) -> None:
    (path,) = made.write(tmp_path, lora={"adapter_model.safetensors": made.adapter()["adapter_model.safetensors"]})
    with pytest.raises(CheckpointError, match=r"adapter_config\.json") as refused:
        open_checkpoint([path])
    assert refused.value.code == "adapter-config"


def test_a_base_of_another_model_is_refused_before_any_work(checkpoints: list[Checkpoint], tmp_path: Path) -> None:
    narrow = {name: value[..., :8].contiguous() for name, value in made.base().items()}
    (path,) = made.write(tmp_path, narrow=made.model(narrow))
    other = open_checkpoint([path])
    with pytest.raises(WrongBase, match="full was not trained from narrow"):
        compare([other, checkpoints[2]], [spy(Scope.PAIR)], ["narrow", "full"])
    report = compare([other, checkpoints[2]], requests({"norms": {}}), ["narrow", "full"])
    assert {row.group for row in report.tables[0].rows} == {(0,), (1,)}, "beside each other they may stand"


@pytest.mark.parametrize(
    ("changes", "base", "code"),
    [
        ({}, 2 * made.WIDTH, "wrong-base"),
        ({"r": 2 * made.RANK}, made.WIDTH, "adapter-settings"),
        ({"peft_type": "LOHA", "alpha": 1}, made.WIDTH, "adapter-settings"),
    ],
)
def test_an_adapter_that_fits_in_no_module_is_refused(
    tmp_path: Path, changes: dict[str, object], base: int, code: str
) -> None:
    wide = {name: torch.randn(*(base // made.WIDTH * n for n in value.shape)) for name, value in made.base().items()}
    paths = made.write(tmp_path, base=made.model(wide), lora=made.adapter(None, **changes))
    with pytest.raises(WrongBase, match="lora fits base in none of 2 modules") as refused:
        compare([open_checkpoint([path]) for path in paths], requests({"intruders": {}}), NAMES)
    assert refused.value.code == code


def test_a_broken_adapter_of_the_right_base_is_not_refused(checkpoints: list[Checkpoint], tmp_path: Path) -> None:
    broken = {name: value * math.nan for name, value in made.factors().items()}
    (path,) = made.write(tmp_path, broken=made.adapter(broken))
    report = compare([checkpoints[0], open_checkpoint([path])], requests({"intruders": {}}), ["base", "broken"])
    assert "NaN" in str(report.tables[0].rows[0].measurement.note)
    assert report.to_json()["summary"]["intruders"]["intruders"] is None


def test_an_adapter_on_modules_that_the_base_lacks(checkpoints: list[Checkpoint], tmp_path: Path) -> None:
    (path,) = made.write(tmp_path, deep=made.adapter(made.factors(4)))
    report = compare([checkpoints[0], open_checkpoint([path])], [spy(Scope.PAIR)], NAMES)
    assert len(report.tables[0].rows) == made.BLOCKS
    reasons = {skipped.reason for skipped in report.coverage.members[1].skipped}
    assert reasons == {
        f"changes bert.encoder.layer.{layer}.attention.self.query.weight, which the base does not have"
        for layer in (2, 3)
    }


def test_what_nobody_asks_for_is_not_read(checkpoints: list[Checkpoint]) -> None:
    comparison = open_comparison(checkpoints, NAMES, [spy(Scope.UPDATES)])
    up = next(row for row in comparison.alignment.rows if row.base.name == UP)
    assert groups_of(up, spy(Scope.UPDATES)) == []
    assert measure_aligned(comparison, up, [spy(Scope.UPDATES)]) == []


def test_what_has_no_partner_is_measured_alone_where_that_is_asked(checkpoints: list[Checkpoint]) -> None:
    members = [Member(checkpoint.kind, checkpoint.tensors) for checkpoint in checkpoints]
    comparison = open_comparison(checkpoints, NAMES, [])
    head = [info.name for info in members[2].tensors].index("classifier.weight")
    assert unpaired_tensors(members, comparison.alignment, [spy(Scope.ONE), spy(Scope.PAIR)]) == [(2, head)]
    assert unpaired_tensors(members, comparison.alignment, [spy(Scope.PAIR)]) == []


def test_progress_hears_of_each_matrix_of_the_base(checkpoints: list[Checkpoint]) -> None:
    heard: list[TensorInfo] = []
    compare(checkpoints, [spy(Scope.PAIR)], NAMES, progress=heard.append)
    assert [info.name for info in heard] == [name for name in made.base() if not name.endswith("bias")]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a", "b"], ("a", "b")),
        (["a", "a", "a"], ("a", "a (2)", "a (3)")),
        (["a", "a (2)", "a"], ("a", "a (2)", "a (3)")),
    ],
)
def test_no_two_checkpoints_are_called_the_same(names: list[str], told: tuple[str, ...]) -> None:
    assert distinct(names) == told


def test_a_report_twice_is_the_same(checkpoints: list[Checkpoint]) -> None:
    asked = requests(None, 3)
    assert len(asked) == 3
    assert compare(checkpoints, asked, NAMES).to_json() == compare(checkpoints, asked, NAMES).to_json()


def families(folder: Path, *models: Mapping[str, Tensor]) -> list[Checkpoint]:
    paths = [folder / f"{at}.safetensors" for at in range(len(models))]
    for path, state in zip(paths, models, strict=True):
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return [open_checkpoint([path]) for path in paths]


def gpt(width: int, inputs_first: bool) -> dict[str, Tensor]:
    """An up projection by GPT-2's name, stored (in, out) as Conv1D does or (out, in) as Linear does."""
    up = torch.arange(3.0 * width * width).reshape(3 * width, width)
    name = "h.0.mlp.c_fc"
    return {f"{name}.weight": up.T if inputs_first else up, f"{name}.bias": torch.zeros(3 * width)}


def seen(found: Sequence[Checkpoint]) -> list[list[tuple[int, int]]]:
    """The shapes (m, n) of each weight in each model, as a diagnostic of a family sees them."""
    told: list[list[tuple[int, int]]] = []

    def look(weights: Sequence[Weight], options: Options) -> Measurement:
        assert all(w.info.rows == w.matrix.shape[0] and w.info.columns == w.matrix.shape[1] for w in weights)
        told.append([(w.info.rows, w.info.columns) for w in weights])
        return Measurement({"rank": len(weights)})

    asked = replace(spy(Scope.FAMILY).diagnostic, compute=look)
    compare(found, [Request(asked, Options({}))], [f"m{at}" for at in range(len(found))])
    return told


def test_the_models_of_a_family_are_cut_each_by_its_own_shape(tmp_path: Path) -> None:
    name = "layers.0.mlp.gate_up_proj.weight"
    found = families(tmp_path, *({name: torch.randn(6 * d, d)} for d in (4, 8, 12)))
    assert seen(found) == [[(12, 4), (24, 8), (36, 12)]] * 2


def test_the_models_of_a_family_may_lie_differently(tmp_path: Path) -> None:
    found = families(tmp_path, gpt(4, inputs_first=True), gpt(8, inputs_first=False))
    assert [info.transposed for c in found for info in c.tensors if info.skip is None] == [True, False]
    assert seen(found) == [[(12, 4), (24, 8)]]


def test_a_family_has_no_adapters_and_one_architecture(checkpoints: list[Checkpoint], tmp_path: Path) -> None:
    asked = requests({"top_singular_value": {}})
    with pytest.raises(WrongBase, match="is not a whole model") as refused:
        compare(checkpoints, asked, NAMES)
    assert refused.value.code == "adapter-in-family"
    with pytest.raises(WrongBase, match="no matrix has the same name in all of bert and gpt") as refused:
        compare([checkpoints[0], *families(tmp_path, gpt(4, inputs_first=True))], asked, ["bert", "gpt"])
    assert refused.value.code == "no-family"


def test_facts_that_are_given_win_over_those_that_came_along(tmp_path: Path) -> None:
    found = families(tmp_path, gpt(4, inputs_first=True), gpt(8, inputs_first=True))
    told = replace(found[0], facts={"width": 99, "learning_rate": 0.1})
    report = compare([told, found[1]], requests({"top_singular_value": {}}), ["a", "b"], facts=[{"width": 4.0}])
    assert report.tables[0].facts == ({"width": 4.0, "learning_rate": 0.1}, dict(found[1].facts))
