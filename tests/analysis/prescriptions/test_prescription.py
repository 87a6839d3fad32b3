"""The record: what it says of where it comes from, and which checkpoints a rule takes."""

import json
from importlib.metadata import version

import pytest

from analysis.diagnostic import Options
from analysis.errors import WrongMembers
from analysis.prescriptions.members import Members
from analysis.prescriptions.prescription import Answer, Doubt, Rule
from analysis.prescriptions.recorded import RecordedReport


def answer(members: Members, options: Options) -> Answer:
    return Answer({"a.weight": 2.0}, "alpha_ks", doubt=Doubt("too few eigenvalues.", 1.0), extra={"chosen": ["a"]})


def some_rule(**more: object) -> Rule:
    return Rule("some", "Some", "", "", "one checkpoint", "x", "Nothing.", answer, **more)  # type: ignore[arg-type]


def test_the_record_says_where_it_comes_from() -> None:
    members = Members(report=RecordedReport({}, {}, "d1"))
    told = some_rule().prescribe(members, Options({"k": 3})).to_json()
    assert json.loads(json.dumps(told, allow_nan=False)) == {
        "kind": "some", "eigenscope": version("eigenscope"), "estimator": "alpha_ks", "parameters": {"k": 3},
        "report": "d1", "validated_on": "Nothing.", "entries": {"a.weight": 2.0},
        "doubt": {"reason": "too few eigenvalues.", "uniform": 1.0}, "chosen": ["a"], "notes": [],
    }  # fmt: skip


@pytest.mark.parametrize(("more", "said"), [
    ({}, "some takes one checkpoint, not 0 checkpoints"),
    ({"fewest": 2, "most": None}, "not 0 checkpoints"),
])  # fmt: skip
def test_another_number_of_checkpoints_is_refused(more: dict[str, object], said: str) -> None:
    with pytest.raises(WrongMembers, match=said):
        some_rule(**more).prescribe(Members(), Options({}))


def test_a_rule_on_weights_takes_no_report_alone() -> None:
    with pytest.raises(WrongMembers, match="reads the weights"):
        some_rule(weights=True).prescribe(Members(report=RecordedReport({}, {}, "")), Options({}))
