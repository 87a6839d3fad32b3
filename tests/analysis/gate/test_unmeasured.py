"""Weights that a report gives no value of, by checkpoint."""

from analysis.gate.unmeasured import count_unmeasured, find_unmeasured
from tests.reports import alphas, report, row


def test_a_weight_counts_where_no_table_has_a_value_of_it() -> None:
    found = report({"esd": [*alphas(3.0), row("x", note="it holds NaN"), row("y")],
                    "norms": [row("a"), row("x", note="it holds NaN"), row("y", sv_max=1.0)]})  # fmt: skip
    assert find_unmeasured(found, 0) == {"x": "it holds NaN"}
    assert count_unmeasured(found)["unmeasured"] == 1


def test_each_checkpoint_has_its_own() -> None:
    found = report({"esd": [row("a", group=[0], alpha=3.0), row("a", group=[1], note="it holds NaN")]},
                   names=["base", "tuned"])  # fmt: skip
    assert [part["unmeasured"] for part in count_unmeasured(found)["checkpoints"]] == [0, 1]
