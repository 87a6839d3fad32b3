"""A mitigated checkpoint: against PEFT's own mitigation, against PEFT's loading, against closed forms."""

import json
import warnings
from pathlib import Path

import pytest
import torch
from peft.tuners.lora.intruders import reduce_intruder_dimension
from safetensors.torch import load_file
from torch import Tensor

from analysis.diagnostics import requests
from analysis.engine.comparison import compare
from analysis.errors import MitigationError, NoAdapterForm, NoIntruders, WrongBase
from analysis.formats import Checkpoint
from analysis.mitigation import MitigationOptions, MitigationReport, write_mitigated
from tests.analysis.mitigation import planted


def mitigated_model(tmp_path: Path, base: Checkpoint, tuned: Checkpoint, **recipe: object) -> MitigationReport:
    folder = tmp_path / "mended"
    folder.mkdir()
    return write_mitigated(base, tuned, folder, MitigationOptions.of(recipe), ("base", "lora"))


def dense(W0: Tensor, W: Tensor, factor: float, k: int = 10, epsilon: float = 0.5) -> tuple[Tensor, int]:
    """W' and the count of intruders, by two full decompositions, as the paper writes it."""
    U0 = torch.linalg.svd(W0.double(), full_matrices=False).U
    U, S, V = torch.linalg.svd(W.double(), full_matrices=False)
    which = torch.where((U.mT @ U0).abs().amax(dim=1)[:k] < epsilon)[0]
    return W.double() + (factor - 1) * (U[:, which] * S[which]) @ V[which], len(which)


@pytest.mark.parametrize("factor", [0.0, 0.75, 1.5])
def test_linear_layers_come_out_as_from_peft(tmp_path: Path, factor: float) -> None:
    made = planted.adapter()
    base, tuned = planted.base(tmp_path / "base"), planted.adapted(tmp_path / "lora", made)
    found = mitigated_model(tmp_path, base, tuned, **{"lambda": factor})
    with planted.calm():
        reduce_intruder_dimension(  # type: ignore[no-untyped-call]
            made, mitigation_lambda=factor, logging_sink=None
        )
    theirs, ours = planted.deltas(made, "intruder_reduced"), planted.deltas(planted.loaded(tmp_path / "mended"))
    assert set(theirs) == set(ours)
    for name, expected in theirs.items():
        assert torch.allclose(ours[name], expected, atol=1e-5), name
    counted = {each.weight.name: each.before for each in found.weights}
    assert counted == {
        "layers.0.q.weight": 1, "layers.0.up.weight": 0, "layers.1.q.weight": 0, "layers.1.up.weight": 1,
    }  # fmt: skip


EVERYTHING = ["q", "up", "c_fc", "conv", "embed_tokens"]


@pytest.mark.parametrize("rslora", [False, True])
def test_peft_loads_the_result_and_merges_to_the_formula(tmp_path: Path, rslora: bool) -> None:
    """At a rank that loses nothing, for embeddings, convolutions and (in, out) storage too, which PEFT's gets wrong."""
    made = planted.adapter(target_modules=EVERYTHING, use_rslora=rslora, alpha_pattern={"layers.0.q": 3})
    base, tuned = planted.base(tmp_path / "base"), planted.adapted(tmp_path / "lora", made)
    found = mitigated_model(tmp_path, base, tuned, **{"lambda": 0.25, "rank": 64})
    weights, given = planted.model().state_dict(), planted.deltas(made)
    after = planted.deltas(planted.loaded(tmp_path / "mended"))
    assert len(found.changed) == len(planted.PLANTED)
    for name, delta in given.items():
        W0, axis = weights[name], name.endswith("c_fc.weight")  # stored (in, out)
        before, whole = ((t.mT if axis else t).flatten(1) for t in (W0, W0 + delta))
        expected, count = dense(before, whole, 0.25)
        got = W0 + after[name]
        assert torch.allclose((got.mT if axis else got).flatten(1).double(), expected, atol=2e-5), name
        assert count == next(each.before for each in found.weights if each.weight.name == name)
    assert found.energy_lost == pytest.approx(0.0, abs=1e-12)
    assert {each.energy.rank for each in found.changed if each.energy} == {5}


def test_the_energy_that_is_lost_is_said(tmp_path: Path) -> None:
    made = planted.adapter(("layers.0.q",), target_modules=["q"])
    base, tuned = planted.base(tmp_path / "base"), planted.adapted(tmp_path / "lora", made)
    found = mitigated_model(tmp_path, base, tuned, **{"lambda": 0.5})
    name = "layers.0.q.weight"
    W0, delta = planted.model().state_dict()[name], planted.deltas(made)[name]
    wanted = dense(W0, W0 + delta, 0.5)[0] - W0
    values = torch.linalg.svdvals(wanted)
    expected = float(1 - values[:4].square().sum() / values.square().sum())
    assert expected > 1e-10
    (row,) = found.changed
    assert row.energy is not None
    assert row.energy.lost == pytest.approx(expected, rel=1e-3)
    assert found.energy_lost == row.energy.lost
    best = planted.deltas(planted.loaded(tmp_path / "mended"))[name].double()
    assert float((best - wanted).square().sum() / wanted.square().sum()) == pytest.approx(expected, rel=1e-3)


def test_modules_without_an_intruder_are_copied_bit_for_bit(tmp_path: Path) -> None:
    made = planted.adapter(("layers.0.q",), modules_to_save=["head"])
    base, tuned = planted.base(tmp_path / "base"), planted.adapted(tmp_path / "lora", made)
    mitigated_model(tmp_path, base, tuned)
    before = load_file(tmp_path / "lora/adapter_model.safetensors")
    after = load_file(tmp_path / "mended/adapter_model.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert list(after) == list(before)
    assert changed == {f"base_model.model.layers.0.q.lora_{side}.weight" for side in "AB"}
    assert json.loads((tmp_path / "mended/adapter_config.json").read_text()) == json.loads(
        (tmp_path / "lora/adapter_config.json").read_text()
    )


def test_the_counts_afterwards_are_those_of_the_files(tmp_path: Path) -> None:
    """λ = 0 takes the intruder away; at 0.75 it is still far stronger than the base, and still one."""
    made = planted.adapter(("layers.0.q",))
    base, tuned = planted.base(tmp_path / "base"), planted.adapted(tmp_path / "lora", made)
    for factor, left in ((0.0, 0), (0.75, 1)):
        folder = tmp_path / str(factor)
        folder.mkdir()
        found = write_mitigated(base, tuned, folder, MitigationOptions(factor=factor))
        assert (found.before, found.after) == (1, left)


def test_a_large_adapter_is_no_proof_of_a_wrong_base(tmp_path: Path) -> None:
    """W₀ + ΔW resembles any base less, the larger ΔW is: the comparison and the mitigation go on."""
    made = planted.adapter(lora_alpha=4000)
    base, tuned = planted.base(tmp_path / "base"), planted.adapted(tmp_path / "lora", made)
    report = compare([base, tuned], requests({"update": {}}, 2), ["base", "lora"])
    assert "shares nothing" not in report.summaries["update"].headline
    assert not [f for f in report.summaries["update"].findings if "does not look like a fine-tune" in f.text]
    assert mitigated_model(tmp_path, base, tuned).before > 2


def test_lambda_1_gives_back_every_value(tmp_path: Path) -> None:
    """An adapter's factors as they are, and not other ones of the same product; whole weights too."""
    base, tuned = planted.base(tmp_path / "base"), planted.adapted(tmp_path / "lora", planted.adapter())
    found = mitigated_model(tmp_path, base, tuned, **{"lambda": 1.0, "rank": 64})
    assert found.before == found.after == 2
    before = load_file(tmp_path / "lora/adapter_model.safetensors")
    after = load_file(tmp_path / "mended/adapter_model.safetensors")
    assert list(after) == list(before)
    assert all(torch.equal(before[name], after[name]) for name in before)
    for half in (torch.float32, torch.bfloat16):
        whole = {name: t.to(half) for name, t in planted.model().state_dict().items()}
        for name, delta in planted.deltas(planted.adapter()).items():
            whole[name] = (whole[name] + delta).to(half)
        folder = tmp_path / f"out-{half}"
        folder.mkdir()
        full = planted.saved(tmp_path / f"full-{half}", whole)
        assert write_mitigated(base, full, folder, MitigationOptions(factor=1.0)).before > 0
        again = load_file(folder / "model.safetensors")
        assert all(torch.equal(again[name], whole[name]) for name in whole)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_what_the_dtype_of_the_file_rounds_off_is_part_of_the_loss(tmp_path: Path, dtype: torch.dtype) -> None:
    """At λ = 0 the strong direction is gone, and what is left of the update is written in the adapter's own dtype."""
    made = planted.adapter(("layers.0.q",), target_modules=["q"]).to(dtype)
    base, tuned = planted.base(tmp_path / "base"), planted.adapted(tmp_path / "lora", made)
    found = mitigated_model(tmp_path, base, tuned, **{"lambda": 0.0, "rank": 64})
    name = "layers.0.q.weight"
    W0, delta = planted.model().state_dict()[name], planted.deltas(planted.loaded(tmp_path / "lora"))[name]
    wanted = dense(W0, W0 + delta, 0.0)[0] - W0
    got = planted.deltas(planted.loaded(tmp_path / "mended"))[name].double()
    expected = float((got - wanted).square().sum() / wanted.square().sum())
    assert expected > 1e-8
    assert found.energy_lost == pytest.approx(expected, rel=1e-2)


def test_the_same_again_gives_the_same_bytes(tmp_path: Path) -> None:
    base, tuned = planted.base(tmp_path / "base"), planted.adapted(tmp_path / "lora", planted.adapter())
    for number in "12":
        (tmp_path / number).mkdir()
        write_mitigated(base, tuned, tmp_path / number, MitigationOptions())
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def full(tmp_path: Path, dtype: torch.dtype = torch.float32) -> tuple[Checkpoint, Checkpoint, dict[str, Tensor]]:
    """A whole model whose weights are those that the planted adapter would give."""
    made = planted.adapter(target_modules=EVERYTHING)
    weights = {name: tensor.to(dtype) for name, tensor in planted.model().state_dict().items()}
    tuned = {
        name: (t + planted.deltas(made)[name]).to(dtype) if name in planted.deltas(made) else t
        for name, t in weights.items()
    }
    return planted.saved(tmp_path / "base", weights), planted.saved(tmp_path / "full", tuned), tuned


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_full_fine_tune_becomes_whole_weights(tmp_path: Path, dtype: torch.dtype) -> None:
    base, tuned, weights = full(tmp_path, dtype)
    found = mitigated_model(tmp_path, base, tuned, **{"lambda": 0.0})
    after = load_file(tmp_path / "mended/model.safetensors")
    assert found.form == "weights"
    assert found.energy_lost is None
    assert set(after) == set(weights)
    changed = {name for name in weights if not torch.equal(weights[name], after[name])}
    assert changed == {f"{name}.weight" for name in planted.PLANTED}
    for name in changed:
        axis = name.endswith("c_fc.weight")
        W0, W = ((t.float().mT if axis else t.float()).flatten(1) for t in (base.read(name), weights[name]))
        expected = dense(W0, W, 0.0)[0].to(dtype)
        assert after[name].dtype == dtype
        assert torch.allclose((after[name].mT if axis else after[name]).flatten(1), expected, atol=1e-5, rtol=1e-2)


def test_a_merged_delta_of_an_adapter_has_every_parameter_that_it_changes(tmp_path: Path) -> None:
    made = planted.adapter(target_modules=EVERYTHING, modules_to_save=["head"])
    base, tuned = planted.base(tmp_path / "base"), planted.adapted(tmp_path / "lora", made)
    found = mitigated_model(tmp_path, base, tuned, form="weights", **{"lambda": 1.0})
    after, weights = load_file(tmp_path / "mended/model.safetensors"), planted.model().state_dict()
    expected = {name: weights[name] + delta for name, delta in planted.deltas(made).items()}
    assert set(after) == {*expected, "head.weight", "head.bias"}
    assert all(torch.allclose(after[name], tensor, atol=1e-5) for name, tensor in expected.items())
    assert found.before == found.after


def test_only_the_strongest_is_what_the_paper_shrinks(tmp_path: Path) -> None:
    """Of a base's five directions among twelve outputs the weakest two give way to two new and stronger ones."""
    out, into = (
        torch.linalg.qr(torch.randn(side, count, generator=torch.Generator().manual_seed(side))).Q
        for side, count in ((12, 7), (5, 5))
    )
    base, tuned = (
        planted.saved(tmp_path / name, {"layers.0.q.weight": out[:, chosen] * torch.tensor(values) @ into.mT})
        for name, chosen, values in (
            ("base", [0, 1, 2, 3, 4], [9.0, 8.0, 7.0, 1.0, 0.5]),
            ("full", [0, 1, 2, 5, 6], [9.0, 8.0, 7.0, 30.0, 20.0]),
        )
    )
    for only, values in (("strongest", [20, 9, 8, 7, 0]), ("all", [9, 8, 7, 0, 0])):
        folder = tmp_path / only
        folder.mkdir()
        found = write_mitigated(base, tuned, folder, MitigationOptions(factor=0.0, only=only))
        after = load_file(folder / "model.safetensors")["layers.0.q.weight"]
        assert torch.allclose(torch.linalg.svdvals(after), torch.tensor(values, dtype=torch.float32), atol=1e-4)
        assert found.before == 2


def test_what_only_turned_can_be_left_alone(tmp_path: Path) -> None:
    """Two base directions of equal strength turned by 45°: each is then like neither, and nothing is new."""
    out, into = (
        torch.linalg.qr(torch.randn(side, 4, generator=torch.Generator().manual_seed(side))).Q for side in (60, 9)
    )
    turn = torch.eye(4)
    turn[:2, :2] = torch.tensor([[1.0, 1.0], [-1.0, 1.0]]) / 2**0.5
    old, new = torch.tensor([9.0, 8.999, 5, 4]), torch.tensor([9.1, 9.0, 5, 4])
    base = planted.saved(tmp_path / "base", {"layers.0.q.weight": out * old @ into.mT})
    tuned = planted.saved(tmp_path / "full", {"layers.0.q.weight": out @ turn * new @ into.mT})
    with pytest.raises(NoIntruders, match="all 2 intruders only rotated"):
        mitigated_model(tmp_path, base, tuned, k=4, epsilon=0.8, only="guarded")
    assert write_mitigated(base, tuned, tmp_path / "mended", MitigationOptions(k=4, epsilon=0.8)).before == 2


def test_nothing_to_shrink_leaves_no_file(tmp_path: Path) -> None:
    base, tuned = planted.base(tmp_path / "base"), planted.adapted(tmp_path / "lora", planted.adapter(()))
    with pytest.raises(NoIntruders, match="none of 4 matrices has an intruder among its 10 strongest") as caught:
        mitigated_model(tmp_path, base, tuned)
    assert caught.value.code == "no-intruders"
    assert list((tmp_path / "mended").iterdir()) == []


def test_another_model_is_no_base(tmp_path: Path) -> None:
    other = planted.saved(tmp_path / "other", {"blocks.0.w.weight": torch.randn(9, 5)})
    with pytest.raises(WrongBase):
        mitigated_model(tmp_path, other, planted.adapted(tmp_path / "lora", planted.adapter()))


def test_an_adapter_of_another_width_is_refused(tmp_path: Path) -> None:
    wide = {name: torch.cat([value, value]) for name, value in planted.model().state_dict().items()}
    with pytest.raises(WrongBase, match="lora fits base in none of 4 modules"):
        mitigated_model(
            tmp_path, planted.saved(tmp_path / "wide", wide), planted.adapted(tmp_path / "lora", planted.adapter())
        )


def test_an_unrelated_model_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    base = planted.base(tmp_path / "base")
    random = torch.Generator().manual_seed(5)
    other = {name: torch.randn(value.shape, generator=random) for name, value in planted.model().state_dict().items()}
    with pytest.raises(WrongBase, match="lora does not look like a fine-tune of base") as caught:
        mitigated_model(tmp_path, base, planted.saved(tmp_path / "other", other))
    assert caught.value.code == "wrong-base"
    assert list((tmp_path / "mended").iterdir()) == []


def test_dora_is_refused_as_an_adapter_and_merged_instead(tmp_path: Path) -> None:
    made = planted.adapter(use_dora=True)
    base, tuned = planted.base(tmp_path / "base"), planted.adapted(tmp_path / "lora", made)
    with pytest.raises(NoAdapterForm, match="DoRA gives each output a length of its own"):
        write_mitigated(base, tuned, tmp_path / "lora", MitigationOptions(form="adapter"))
    found = mitigated_model(tmp_path, base, tuned, **{"lambda": 0.5})
    assert found.form == "weights"


def test_no_adapter_is_made_of_a_whole_model(tmp_path: Path) -> None:
    base, tuned, _ = full(tmp_path)
    with pytest.raises(MitigationError, match="is a whole model, so the output cannot be an adapter"):
        mitigated_model(tmp_path, base, tuned, form="adapter")


def test_one_bad_module_is_a_note_and_stays_as_it_was(tmp_path: Path) -> None:
    made = planted.adapter()
    with torch.no_grad():
        dict(made.named_parameters())["base_model.model.layers.1.up.lora_A.default.weight"][0, 0] = torch.nan
    base, tuned = planted.base(tmp_path / "base"), planted.adapted(tmp_path / "lora", made)
    found = mitigated_model(tmp_path, base, tuned)
    (bad,) = [each for each in found.weights if each.before is None]
    assert bad.weight.name == "layers.1.up.weight"
    assert "NaN" in (bad.note or "")
    before = load_file(tmp_path / "lora/adapter_model.safetensors")
    after = load_file(tmp_path / "mended/adapter_model.safetensors")
    name = "base_model.model.layers.1.up.lora_A.weight"
    assert torch.equal(before[name].isnan(), after[name].isnan())


def test_progress_hears_of_every_tensor(tmp_path: Path) -> None:
    base, tuned = planted.base(tmp_path / "base"), planted.adapted(tmp_path / "lora", planted.adapter())
    (tmp_path / "mended").mkdir()
    heard: list[str] = []
    with warnings.catch_warnings():
        write_mitigated(
            base, tuned, tmp_path / "mended", MitigationOptions(), progress=lambda info: heard.append(info.name)
        )
    assert sorted(set(heard)) == [f"layers.{at}.{name}.weight" for at in (0, 1) for name in ("q", "up")]
