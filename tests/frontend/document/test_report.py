"""A report in one file: everything in it, nothing loaded, and no name is markup."""

import json
import re
from dataclasses import replace

import pytest

from analysis.coverage import Coverage
from analysis.diagnostic import Finding, Severity, Summary, Table
from analysis.report import Report
from frontend.document.report import FIRST, layers_shown, write
from tests.frontend.examples import DIAGNOSTIC, blocks, power_law, row, table
from tests.hostile import ODD_NAMES

EVIL = "</script><script>window.pwned=1</script><img src=x onerror=pwned=1>"


def report(*tables: Table, findings: tuple[Finding, ...] = ()) -> Report:
    said = replace(DIAGNOSTIC, summarise=lambda table: Summary("Fine. All of it.", {"rows": 1}, findings))
    covered = Coverage(tensors=10, analysed=8, parameters=100, analysed_parameters=90, skipped=())
    return Report(covered, tuple(replace(each, diagnostic=said) for each in tables), ("model",))


def data(text: str) -> dict[str, list[dict[str, str]]]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    parsed: dict[str, list[dict[str, str]]] = json.loads(found[1])
    return parsed


def test_everything_that_is_said_is_in_it() -> None:
    finding = Finding(Severity.WARN, "Block 2 is steep", "It is above 6.", ("layers.2.q",))
    text = write(report(blocks(), findings=(finding,)), "my model", "1.2.3")
    assert "<h1>my model</h1>" in text
    assert "<b>Fine.</b> All of it." in text
    assert "Block 2 is steep" in text
    assert "It is above 6." in text
    assert "8 of 10 tensors analysed." in text
    assert "Written by Eigenscope 1.2.3" in text
    assert text.count("<tr data-key=") == len(blocks().rows)
    assert text.count("data-drawing=") == sum(not p["weight"] for p in data(text)["pictures"]) > 3
    assert len(data(text)["drawings"]) == len(data(text)["pictures"])


def test_the_layers_of_findings_are_shown_first() -> None:
    finding = Finding(Severity.BAD, "odd", "", ("embed",))
    assert layers_shown(report(blocks(), findings=(finding,)))[0] == "embed"


def test_many_findings_are_folded() -> None:
    findings = tuple(Finding(Severity.NOTE, f"finding {n}", "") for n in range(FIRST + 3))
    text = write(report(blocks(), findings=findings), "m", "1")
    assert "<summary>3 more</summary>" in text
    assert text.count("finding ") == FIRST + 3


def test_nothing_is_loaded() -> None:
    text = write(report(power_law()), "m", "1")
    head = text.partition('<script type="application/json"')[0]
    assert not re.findall(r'(?:src|href)="(?!#)', head)
    assert "default-src &#39;none&#39;" in head
    assert 'id="choice"' in head


@pytest.mark.parametrize("name", [EVIL, *ODD_NAMES], ids=range(len(ODD_NAMES) + 1))
def test_no_name_is_markup(name: str) -> None:
    (first,) = power_law().rows
    curves = first.measurement.curves
    odd = row(name, role="q", depth=0, curves=curves, note=name, steepness=3.0, doubt=0.1, gap=0.01, start=1.0)
    finding = Finding(Severity.BAD, f"{name} is odd", name, (name,))
    text = write(report(table([odd]), findings=(finding,)), name, "1")
    assert text.lower().count("<script") == text.lower().count("</script>") == 4
    assert "<img" not in text
    assert data(text)["pictures"][-1]["weight"] == "0"
    assert len(text) < 6_000_000
