"""Baselines: an untrusted report is checked, and kept as small as its policy allows."""

import copy
import json
from typing import Any

import pytest

from analysis.errors import BaselineError
from analysis.gate.baseline import check_baseline, distil, unlike
from analysis.gate.evidence import Evidence
from analysis.gate.judge import judge
from analysis.gate.reading import policy_of
from tests.reports import alphas, report, row

FOUND = report(
    {"esd": alphas(3.0, 9.0), "norms": [row("a", sv_max=2.0)]},
    names=["base", "tuned"],
    summary={"esd": {"flagged": 1, "groups": [{"group": [0], "checkpoints": ["base"], "flagged": 1}]}},
)


def test_a_report_passes_as_it_is() -> None:
    assert check_baseline(FOUND) is FOUND


def broken(*path: Any, to: Any) -> dict[str, Any]:
    found: dict[str, Any] = copy.deepcopy(FOUND)
    *above, last = path
    inner: Any = found
    for key in above:
        inner = inner[key]
    inner[last] = to
    return found


@pytest.mark.parametrize(
    "hostile",
    [
        None, [], 7, "x", {},
        broken("checkpoints", to="base"),
        broken("checkpoints", to=[1]),
        broken("coverage", to=None),
        broken("coverage", "tensors", to="many"),
        broken("coverage", "analysed_parameters", to=-1),
        broken("coverage", "skipped", to=[{"tensor": "w", "reason": 3}]),
        broken("coverage", "skipped", to=7),
        broken("summary", to=[]),
        broken("summary", "esd", to=3),
        broken("summary", "esd", "flagged", to={}),
        broken("summary", "esd", "groups", 0, "group", to=[]),
        broken("tables", to=None),
        broken("tables", "esd", to={"a": 1}),
        broken("tables", "esd", 0, to="row"),
        broken("tables", "esd", 0, "weight", to=None),
        broken("tables", "esd", 0, "role", to=3),
        broken("tables", "esd", 0, "depth", to="top"),
        broken("tables", "esd", 0, "group", to="01"),
        broken("tables", "esd", 0, "shape", to=3),
        broken("tables", "esd", 0, "alpha", to=[1]),
        broken("tables", "esd", 0, "alpha", to=float("nan")),
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused(hostile: object) -> None:
    with pytest.raises(BaselineError, match="baseline"):
        check_baseline(hostile)


def test_a_distilled_baseline_gives_the_same_verdict() -> None:
    rules = [
        {"column": "esd.alpha", "max_regression": 0, "checkpoint": "every"},
        {"summary": "esd.flagged", "max_regression": 0, "better": "lower", "checkpoint": "base"},
        {"summary": "coverage.parameters", "max_regression": 0, "better": "higher"},
        {"column": "norms.sv_max", "max": 1},
    ]
    policy = policy_of({"rules": rules})
    small = distil(policy, FOUND)
    assert "norms" not in small["tables"]
    assert set(small["tables"]["esd"][0]) == {
        "weight", "tensor", "label", "role", "depth", "group", "note", "alpha", "low_confidence",
    }  # fmt: skip
    assert check_baseline(json.loads(json.dumps(small))) == small
    assert judge(policy, Evidence(FOUND), small).to_json() == judge(policy, Evidence(FOUND), FOUND).to_json()


@pytest.mark.parametrize(
    ("measured", "why"),
    [
        ({"esd": {"leave_out": 0}, "norms": {}}, ""),
        ({"norms": {}}, "it did not measure esd"),
        ({"esd": {"leave_out": 1}}, "it measured esd with another leave_out than the policy asks for"),
    ],
)
def test_a_run_is_a_baseline_where_it_measured_the_same(measured: dict[str, Any], why: str) -> None:
    compares = policy_of(
        {"rules": [{"column": "esd.alpha", "max_regression": 0}, {"column": "norms.sv_max", "max": 9}]}
    )
    options = {name: {**compares.measure[name], **said} for name, said in measured.items()}
    assert unlike(compares, options) == why
    assert unlike(policy_of({"rules": [{"column": "esd.alpha", "max": 9}]}), options) == ""
