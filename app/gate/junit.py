"""A verdict as JUnit XML, the form that CI systems show: each rule is a test case."""

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from analysis.findings.wording import format_value
from app.escaping import for_xml

LISTED = 20  # layers that a failure names


def write(verdict: Mapping[str, Any]) -> str:
    """JUnit's XML. A rule that fails is a failure; what is insufficient is one too where it closes the gate.

    A run that ended before its time is an error.
    """
    rules = verdict["rules"]
    failures = [rule for rule in rules if _closes(rule, verdict)]
    skips = [rule for rule in rules if rule["outcome"] == "insufficient" and rule not in failures]
    cause = verdict.get("ended")
    counts = {
        "tests": len(rules) + bool(cause), "failures": len(failures), "errors": int(bool(cause)), "skipped": len(skips)
    }  # fmt: skip
    suites = ET.Element("testsuites", {key: str(value) for key, value in counts.items() if key != "skipped"})
    model = verdict.get("checkpoint", "")
    suites.set("name", "eigenscope")
    suite = ET.SubElement(suites, "testsuite", {key: str(value) for key, value in counts.items()})
    suite.set("name", for_xml(f"eigenscope {model}".rstrip()))
    _describe(suite, {"checkpoint": model, "run": verdict.get("run"), "link": verdict.get("link")})
    if cause:
        run = ET.SubElement(suite, "testcase", name="the run", classname=for_xml(_class("run", model)))
        ET.SubElement(run, "error", message=for_xml(cause), type="ended")
    for rule in rules:
        _case(suite, rule, model, (rule in failures, rule in skips))
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _closes(rule: Mapping[str, Any], verdict: Mapping[str, Any]) -> bool:
    return rule["outcome"] == "fail" or (rule["outcome"] == "insufficient" and not _lenient(verdict))


def _lenient(verdict: Mapping[str, Any]) -> bool:
    return bool(verdict["policy"]["insufficient"] == "pass")


def _describe(suite: ET.Element, facts: Mapping[str, object]) -> None:
    """What the verdict is about, as properties; nothing of what is not known."""
    if any(facts.values()):
        properties = ET.SubElement(suite, "properties")
        for name, value in facts.items():
            if value:
                ET.SubElement(properties, "property", name=name, value=for_xml(str(value)))


def _class(metric: str, model: str) -> str:
    """A class's name for CI systems: two models of one job have their own."""
    return f"eigenscope.{model}.{metric}" if model else f"eigenscope.{metric}"


def _case(suite: ET.Element, rule: Mapping[str, Any], model: str, state: tuple[bool, bool]) -> None:
    closes, skips = state
    classname = for_xml(_class(rule["metric"], model))
    case = ET.SubElement(suite, "testcase", name=for_xml(rule["rule"]), classname=classname)
    if closes:
        failure = ET.SubElement(case, "failure", message=for_xml(rule["sentence"]), type=rule["outcome"])
        failure.text = for_xml("\n".join([rule["sentence"], *layers(rule)]))
    elif skips:
        ET.SubElement(case, "skipped", message=for_xml(rule["sentence"]))
    else:
        mark = "warning: " if rule["outcome"] == "warn" else ""
        ET.SubElement(case, "system-out").text = for_xml("\n".join([mark + rule["sentence"], *layers(rule)]))


def layers(rule: Mapping[str, Any]) -> list[str]:
    """A line for each layer that breaks the rule, and for each that has no value."""
    lines = [_line(item) for item in rule["offenders"][:LISTED]]
    lines += _more_lines(rule["offending"], "break this rule")
    return lines + [_line(item) for item in rule["without"][:LISTED] if _is_insufficient(rule)]


def _is_insufficient(rule: Mapping[str, Any]) -> bool:
    """Whether evidence is missing; verdicts that were stored before the field existed say it by their outcome."""
    return bool(rule.get("insufficient", rule["outcome"] == "insufficient"))


def _more_lines(count: int, what: str) -> list[str]:
    return [f"and {count - LISTED} more that {what}"] if count > LISTED else []


def _line(item: Mapping[str, Any]) -> str:
    names = f" ({' → '.join(item['checkpoints'])})" if item["checkpoints"] else ""
    value = item["why"] if item["value"] is None and item["why"] else format_value(item["value"])
    baseline = f", was {format_value(item['baseline'])}" if item["baseline"] is not None else ""
    return f"{item['weight'] or item['label'] or 'the model'}{names}: {value}{baseline}"
