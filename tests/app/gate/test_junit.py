"""JUnit XML, read by another library, and held to the schema that CI systems share (Jenkins' junit-10.xsd)."""

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from junitparser import Failure, JUnitXml, Skipped

from analysis.gate.evidence import Evidence
from analysis.gate.judge import judge
from analysis.gate.reading import policy_of
from app.gate.junit import layers, write
from tests.reports import alphas, report

HOSTILE = "]]><script>\x00\x1b[31m&\"'"

# Of each element: the attributes that it must have and may have, and the elements that it may hold, in their order.
SCHEMA: dict[str, tuple[set[str], set[str], list[str]]] = {
    "testsuites": (set(), {"name", "tests", "failures", "errors", "time", "disabled"}, ["testsuite"]),
    "testsuite": (
        {"name", "tests"},
        {"failures", "errors", "skipped", "disabled", "time", "timestamp", "hostname", "id", "package"},
        ["properties", "testcase", "system-out", "system-err"],
    ),
    "properties": (set(), set(), ["property"]),
    "property": ({"name", "value"}, set(), []),
    "testcase": (
        {"name", "classname"},
        {"time", "status", "assertions"},
        ["skipped", "error", "failure", "system-out", "system-err"],
    ),
    "error": (set(), {"message", "type"}, []),
    "failure": (set(), {"message", "type"}, []),
    "skipped": (set(), {"message", "type"}, []),
    "system-out": (set(), set(), []),
}  # fmt: skip


def check(element: ET.Element) -> None:
    must, may, inner = SCHEMA[element.tag]
    assert must <= set(element.attrib) <= must | may, element.attrib
    places = [inner.index(child.tag) for child in element]
    assert places == sorted(places)
    for child in element:
        check(child)


def verdict(insufficient: str = "fail") -> dict[str, Any]:
    rules = [
        {"name": HOSTILE, "column": "esd.alpha", "max": 4},
        {"name": "warns", "column": "esd.alpha", "max": 4, "severity": "warn"},
        {"name": "unknown", "column": "norms.sv_max", "max": 4},
        {"name": "holds", "column": "esd.alpha", "min": 1},
    ]
    policy = policy_of({"rules": rules, "insufficient": insufficient})
    found = report({"esd": alphas(3.0, 9.0)})
    found["tables"]["esd"][1] |= {"weight": HOSTILE, "label": HOSTILE}
    return {**judge(policy, Evidence(found)).to_json(), "policy": policy.to_json()}


@pytest.mark.parametrize("insufficient", ["fail", "pass"])
def test_it_is_as_the_schema_says(insufficient: str) -> None:
    root = ET.fromstring(write(verdict(insufficient)))
    check(root)
    (suite,) = root
    assert (suite.get("tests"), suite.get("failures")) == ("6", "2" if insufficient == "fail" else "1")


def test_two_models_of_one_job_have_names_of_their_own() -> None:
    about = {"checkpoint": "model@pr-7", "run": 12, "link": "https://eigenscope.example/runs/12"}
    root = ET.fromstring(write({**verdict(), **about}))
    check(root)
    assert root[0].get("name") == "eigenscope model@pr-7"
    assert {case.get("classname") for case in root.iter("testcase")} >= {"eigenscope.model@pr-7.esd.alpha"}
    found = {each.get("name"): each.get("value") for each in root.iter("property")}
    assert found == {"checkpoint": "model@pr-7", "run": "12", "link": "https://eigenscope.example/runs/12"}
    assert not list(ET.fromstring(write(verdict())).iter("properties"))


def test_another_library_reads_it() -> None:
    (suite,) = JUnitXml.fromstring(write(verdict()).encode("utf-8"))
    cases = {case.name: case.result for case in suite}
    failed = next(iter(cases))
    assert [type(each) for each in cases[failed]] == [Failure]
    assert "]]><script>" in cases[failed][0].text
    assert cases[failed][0].type == "fail"
    assert [each.type for each in cases["unknown"]] == ["insufficient"]
    assert cases["warns"] == cases["holds"] == []


def test_what_the_policy_lets_through_is_skipped() -> None:
    (suite,) = JUnitXml.fromstring(write(verdict("pass")).encode("utf-8"))
    cases = {case.name: case.result for case in suite}
    assert [type(each) for each in cases["unknown"]] == [Skipped]


def test_a_run_that_ended_before_its_time_is_an_error() -> None:
    root = ET.fromstring(write({**verdict("pass"), "ended": "the run failed: it is empty"}))
    check(root)
    assert (root[0].get("tests"), root[0].get("errors")) == ("7", "1")
    assert [each.get("message") for each in root.iter("error")] == ["the run failed: it is empty"]


def test_failures_name_the_layers() -> None:
    failure = next(ET.fromstring(write(verdict())).iter("failure"))
    assert failure.text is not None
    assert failure.text.splitlines()[-1].endswith(": 9")


def test_a_number_has_three_digits() -> None:
    item = {"weight": "", "label": "", "checkpoints": [], "value": 2 / 3, "baseline": 5 / 6, "why": None}
    rule = {"offenders": [item], "offending": 1, "without": [], "outcome": "fail"}
    assert layers(rule) == ["the model: 0.667, was 0.833"]


def test_layers_without_a_value_are_listed_where_evidence_is_missing() -> None:
    without: list[dict[str, Any]] = [
        {"weight": "w", "label": "w", "checkpoints": [], "value": None, "baseline": None, "why": "it holds NaN"}
    ]
    rule = {"outcome": "warn", "offenders": [], "offending": 0, "without": without, "sentence": "Not enough evidence."}
    assert layers({**rule, "insufficient": True}) == ["w: it holds NaN"]
    assert layers({**rule, "insufficient": False}) == []
    assert layers(rule) == []  # stored before the field existed: the outcome says it
    assert layers({**rule, "outcome": "insufficient"}) == ["w: it holds NaN"]
