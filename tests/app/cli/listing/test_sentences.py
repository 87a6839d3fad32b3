"""Sentences of a report on a terminal."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file

from analysis.coverage import coverage
from analysis.diagnostic import Diagnostic, Finding, Severity, Summary, Table
from analysis.diagnostics.update.diagnostic import UPDATE
from analysis.report import Report
from app.cli.listing.sentences import MOST_FINDINGS, MOST_NOTES, all_findings, first_findings
from app.cli.main import main


def test_warnings_go_before_notes_and_both_are_bounded() -> None:
    findings = [Finding(Severity.WARN, str(n), "") for n in range(12)] + [
        Finding(Severity.NOTE, str(n), "") for n in range(9)
    ]
    chosen = first_findings(findings)
    assert [finding.severity for finding in chosen] == [Severity.WARN] * MOST_FINDINGS + [Severity.NOTE] * MOST_NOTES


def test_findings_of_a_comparison_are_in_the_order_of_its_tables_within_a_severity() -> None:
    said = {"intruders": "adds intruders", "update": "is large"}

    def diagnostic(name: str) -> Diagnostic:
        findings = (Finding(Severity.WARN, said[name], ""), Finding(Severity.NOTE, f"{name} note", ""))
        return replace(UPDATE, name=name, columns=(), figures=(), summary_curves=(),
                       summarise=lambda _: Summary("", {}, findings))  # fmt: skip

    tables = tuple(Table(diagnostic(name), (), ("base", "tuned")) for name in said)
    found = all_findings(Report(coverage([]), tables, ("base", "tuned")))
    assert [finding.text for finding in found] == ["adds intruders", "is large", "intruders note", "update note"]


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "faulty.safetensors"
    save_file({f"layers.{n}.q_proj.weight": torch.randn(64, 48) * (n > 0) for n in range(4)}, path)
    return path


def test_a_warning_says_what_to_check_and_what_to_do(faulty: Path) -> None:
    lines = CliRunner().invoke(main, ["analyze", str(faulty)], env={"COLUMNS": "80"}).stdout.splitlines()
    starts = [line.split()[0] for line in lines if line.startswith("  ") and ":" in line]
    assert starts[:4] == ["bad:", "check:", "do:", "see:"]
    assert max(map(len, lines)) <= 80


def test_full_says_why_of_notes_too(faulty: Path) -> None:
    short = CliRunner().invoke(main, ["analyze", str(faulty)]).stdout
    full = CliRunner().invoke(main, ["analyze", str(faulty), "--full"]).stdout
    assert len(full) > len(short)
    assert full.count("see: docs/findings.md#") > full.count("bad:")
