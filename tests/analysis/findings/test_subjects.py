"""What findings call the rows they speak of."""

import math
from dataclasses import replace

from analysis.diagnostic import Finding, Measurement, Row, Scalar, Severity
from analysis.findings.subjects import (
    evidence,
    group_alike,
    names,
    number,
    parts,
    subject,
    unmeasured_findings,
    worst_first,
)
from analysis.weight import WeightInfo

V = "Value projection (v_proj)"


def row(name: str, role: str = "v", depth: int | None = None, **values: Scalar) -> Row:
    return Row(WeightInfo(name, name, 8, 8, 1, role, depth), (0,), Measurement(values, note="why not"))


def block(depth: int, **values: Scalar) -> Row:
    return row(f"layers.{depth}.self_attn.v_proj.weight", "v", depth, **values)


def test_rows_of_one_role_and_verdict_go_together() -> None:
    rows = [block(0, bad=True), block(3, bad=False), block(4, bad=True), row("pooler.dense.weight", "pooler")]
    found = group_alike(rows, lambda r: r.value("bad"))
    assert [[r.weight.depth for r in group] for group in found] == [[0, 4], [3], [None]]
    assert [subject(group) for group in found] == [f"{V} of blocks 0 and 4", f"{V} of block 3", "Pooler"]
    assert parts(rows[0]) == ("Block", "0", "value")


def test_unnamed_roles_stay_alone() -> None:
    assert len(group_alike([row("layers.0.x", "other", 0), row("layers.1.x", "other", 1)])) == 2


def test_modules_of_one_role_stay_apart() -> None:
    latent = [row(f"layers.0.self_attn.{module}.weight", "q", 0) for module in ("q_a_proj", "q_b_proj")]
    assert [subject(group) for group in group_alike(latent)] == [
        "Query projection (q_a_proj) of block 0",
        "Query projection (q_b_proj) of block 0",
    ]


def test_weights_are_called_what_people_call_them() -> None:
    known = {
        ("encoder.layer.4.output.dense.weight", "down", 4): "MLP down projection (output.dense) of block 4",
        ("h.1.attn.c_attn.weight", "qkv", 1): "Query, key and value projection (c_attn) of block 1",
        (
            "network.backbone.encoder_stage_of_features.stage_2.mixer_1.in_projection_matrix.weight",
            "other",
            2,
        ): "Layer block 2 · mixer_1.in_projection_matrix (8 × 8)",
        ("3.weight", "other", None): "Layer 3.weight (8 × 8)",
        ("layer1.0.conv1.weight", "conv", 0): "Convolution layer1.0.conv1.weight (8 × 8)",
        ("lm_head.weight", "head", None): "Output head",
    }
    assert {subject([row(*key)]) for key in known} == set(known.values())


def test_values_and_evidence() -> None:
    rows = [block(0, alpha=2.5), block(1, alpha=None)]
    assert number(rows[0], "alpha") == 2.5
    assert math.isnan(number(rows[1], "alpha"))
    assert evidence(rows[:1], "alpha") == {"alpha": 2.5}
    assert evidence(rows, "alpha") == {f"{rows[0].weight.name}.alpha": 2.5, f"{rows[1].weight.name}.alpha": None}
    assert len(evidence([block(i, alpha=1.0) for i in range(99)], "alpha")) == 24
    assert names(rows) == (rows[0].weight.name, rows[1].weight.name)


def test_the_missing_are_named_with_their_reasons() -> None:
    rows = [block(0, alpha=1.0), *(block(i) for i in range(1, 6))]
    (found,) = unmeasured_findings(rows, "alpha", "α")
    assert found.text == "5 matrices have no α"
    assert found.why.endswith("Block 3 · value: why not. 2 more.")
    assert unmeasured_findings(rows[:1], "alpha", "α") == []
    assert unmeasured_findings(rows[1:2], "alpha", "α")[0].text == "1 matrix has no α"


def test_the_worst_come_first_and_keep_their_order() -> None:
    findings = [Finding(s, t, "") for s, t in ((Severity.NOTE, "a"), (Severity.BAD, "b"), (Severity.NOTE, "c"))]
    assert [finding.text for finding in worst_first(findings)] == ["b", "a", "c"]


def test_a_reason_that_is_a_sentence_ends_once() -> None:
    row = block(1)
    told = replace(row, measurement=replace(row.measurement, note="A is 4 × 96."))
    assert unmeasured_findings([told], "alpha", "α")[0].why.endswith("A is 4 × 96.")
    assert not unmeasured_findings([told], "alpha", "α")[0].why.endswith("..")
