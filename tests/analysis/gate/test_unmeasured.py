"""Weights that a report gives no value of, by checkpoint."""

from analysis.gate.unmeasured import count_unmeasured, find_unmeasured
from analysis.tensors.skipping import EMPTY
from tests.reports import alphas, report, row


def test_a_weight_counts_where_no_table_has_a_value_of_it() -> None:
    found = report({"esd": [*alphas(3.0), row("x", note="it holds NaN"), row("y")],
                    "norms": [row("a"), row("x", note="it holds NaN"), row("y", sv_max=1.0)]})  # fmt: skip
    assert find_unmeasured(found, 0) == {"x": "it holds NaN"}
    assert count_unmeasured(found)["unmeasured"] == 1


def test_a_reason_does_not_repeat_the_name_beside_it() -> None:
    found = report(
        {"esd": [row("x", note="x: 1 of 64 values are NaN or infinite"), row("y.0", tensor="y", note="y: no")]}
    )
    assert find_unmeasured(found, 0) == {"x": "1 of 64 values are NaN or infinite", "y.0": "no"}


def test_each_checkpoint_has_its_own() -> None:
    found = report({"esd": [row("a", group=[0], alpha=3.0), row("a", group=[1], note="it holds NaN")]},
                   names=["base", "tuned"])  # fmt: skip
    assert [part["unmeasured"] for part in count_unmeasured(found)["checkpoints"]] == [0, 1]


def test_one_expert_of_a_tensor_counts_where_it_holds_nan() -> None:
    """A value that its column declares absent is none that is missing."""
    rows = [row("e.0", tensor="e", alpha=3.0), row("e.1", tensor="e", note="3 of 64 values are NaN or infinite"),
            row("e.2", tensor="e", note="it has two eigenvalues")]  # fmt: skip
    assert find_unmeasured(report({"esd": rows}), 0) == {"e.1": "3 of 64 values are NaN or infinite"}


def test_norms_and_biases_count_too() -> None:
    found = report({"esd": alphas(3.0)})
    reason = "a vector; 1 of its 64 values are NaN or infinite"
    other = {"tensor": "mask", "shape": [9], "reason": "no weight: a mask"}
    found["coverage"]["skipped"] = [{"tensor": "norm.weight", "shape": [64], "reason": reason}, other]
    assert find_unmeasured(found, 0) == {"norm.weight": reason}
    two = report({"esd": alphas(3.0)}, names=["base", "tuned"])
    two["coverage"]["checkpoints"][1]["skipped"] = found["coverage"]["skipped"]
    assert [part["unmeasured"] for part in count_unmeasured(two)["checkpoints"]] == [0, 1]


def test_an_empty_weight_counts_and_an_empty_buffer_does_not() -> None:
    """Of a model gathered in part from ZeRO-3: coverage by parameters cannot tell, for an empty tensor has none."""
    found = report({"esd": alphas(3.0)})
    names = ("q_proj.weight", "lstm.weight_ih_l0", "experts.gate_up_proj", "q_proj.g_idx", "q_proj.bias")
    found["coverage"]["skipped"] = [{"tensor": name, "shape": [0, 96], "reason": EMPTY} for name in names]
    assert find_unmeasured(found, 0) == dict.fromkeys(names[:3], EMPTY)
    assert count_unmeasured(found)["unmeasured"] == 3
