"""The layers of a run beside those of its baseline."""

from typing import Any

import pytest

from analysis.gate.evidence import Evidence, Item, items
from analysis.gate.reading import policy_of
from analysis.gate.regressions import with_baseline
from tests.reports import report, row

(RULE,) = policy_of({"rules": [{"column": "esd.alpha", "max_regression": 1}]}).rules
NAMES = [f"model.layers.{n}.self_attn.{part}.weight" for n in range(3) for part in ("q_proj", "k_proj", "v_proj")]


def rows(*names: str, **more: Any) -> dict[str, Any]:
    return report({"esd": [row(name, alpha=3.0 + at, num_evals=9, **more) for at, name in enumerate(names)]})


def compared(ours: dict[str, Any], theirs: dict[str, Any]) -> list[Item]:
    return with_baseline(items(RULE, Evidence(ours)), RULE, theirs)


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "module._orig_mod.", "base_model.model."])
@pytest.mark.parametrize("turned", [False, True])
def test_a_prefix_that_comes_or_goes_keeps_no_layers_apart(prefix: str, turned: bool) -> None:
    wrapped = rows(*(prefix + name for name in NAMES))
    found = compared(rows(*NAMES), wrapped) if turned else compared(wrapped, rows(*NAMES))
    assert [item.baseline for item in found] == [3.0 + at for at in range(len(NAMES))]
    assert all(item.usable for item in found)


def test_what_only_one_of_them_has_is_said() -> None:
    found = compared(rows("a", "b"), rows("b", "c"))
    assert [(item.weight, item.failed, item.why) for item in found] == [
        ("a", True, "the baseline has no such layer"),
        ("b", False, ""),
        ("c", True, "the baseline has this layer and the checkpoint does not"),
    ]


FUSED = [f"layers.0.self_attn.qkv_proj.weight.{part}" for part in "qkv"]
SPLIT = [f"layers.0.self_attn.{part}_proj.weight" for part in "qkv"]


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        (FUSED, SPLIT, "the checkpoint stores q, k and v as one matrix and the baseline each by itself"),
        (SPLIT, FUSED, "the baseline stores q, k and v as one matrix and the checkpoint each by itself"),
        (["h.0.attn.c_attn.weight.q"], ["encoder.layer.0.attention.query.weight"], "the checkpoint stores q, k and v"),
    ],
)
def test_attention_that_is_stored_in_another_way_is_named(ours: list[str], theirs: list[str], said: str) -> None:
    whys = {item.weight: item.why for item in compared(rows("a", *ours), rows("a", *theirs))}
    assert whys["a"] == ""
    assert all(whys[name].startswith(f"the baseline has no such layer: {said}") for name in ours)
    assert all(whys[name].endswith("compare two that are stored alike") for name in ours)


@pytest.mark.parametrize("theirs", [["a", "b"], ["a", *FUSED], ["a", "layers.0.mlp.up_proj.weight"]])
def test_layers_that_are_not_there_for_another_reason_are_not_called_so(theirs: list[str]) -> None:
    found = compared(rows("a", "layers.1.self_attn.qkv_proj.weight.q"), rows(*theirs))
    assert [item.why for item in found if item.weight.startswith("layers.1")] == ["the baseline has no such layer"]


def test_a_value_that_the_baseline_lacks_by_its_nature_is_no_fault() -> None:
    weak, broken = rows("a"), rows("a")
    weak["tables"]["esd"][0] |= {"alpha": None}
    broken["tables"]["esd"][0] |= {"alpha": None, "num_evals": None, "note": "it holds NaN"}
    (soft,), (hard,) = compared(rows("a"), weak), compared(rows("a"), broken)
    assert (soft.usable, soft.failed) == (False, False)
    assert (hard.usable, hard.failed) == (False, True)
    assert hard.why == "the baseline has no value: it holds NaN"


def test_a_value_that_only_the_baseline_has_is_one() -> None:
    """A matrix that was set to zero has no α any more; a fit that became weak is no such loss."""
    gone = rows("a")
    gone["tables"]["esd"][0] |= {"alpha": None, "note": "the matrix is zero"}
    (item,) = compared(gone, rows("a"))
    assert (item.usable, item.failed) == (False, True)
    assert item.why == "the baseline has a value and the checkpoint does not: the matrix is zero"
    (rule,) = policy_of({"rules": [{"column": "esd.alpha", "max_regression": 1, "weak": "drop"}]}).rules
    weak = rows("a", low_confidence=True)
    (item,) = with_baseline(items(rule, Evidence(weak)), rule, rows("a"))
    assert (item.usable, item.failed) == (False, False)
