"""A report as Markdown: what is said, what to do about it, and the numbers; no name is markup."""

from tests.service import Service, model

ODD = "a|b*[x](http://evil)"


def test_a_report_says_what_to_do(analysed: Service) -> None:
    answer = analysed.client.get("/api/v1/runs/1/report.md")
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="run-1.md"'
    lines = answer.text.splitlines()
    report = analysed.get("/api/v1/runs/1/report")
    assert lines[0] == "# model.safetensors"
    for finding in report["findings"]:
        assert any(line.startswith(f"- **{finding['severity']}: ") and finding["text"][:20] in line for line in lines)
    causes = {finding["cause"] for finding in report["findings"] if finding.get("cause")}
    assert sum(line.startswith("  - Do: ") for line in lines) == len(causes) > 0  # once for each
    assert f"- {report['coverage']['analysed']} of {report['coverage']['tensors']} tensors analysed." in lines
    rows = [line for line in lines if line.startswith("| ")]
    assert len(rows) == 1 + len(report["tables"]["esd"])
    assert "Findings" in answer.text
    headline = report["summary"]["esd"]["headline"]
    assert " (docs/evidence.md)" in headline
    assert f"**{headline.replace(' (docs/evidence.md)', '')}**" in lines  # the path leads nowhere


def test_what_changed_has_rows_with_the_tuned_checkpoint(compared: Service) -> None:
    text = compared.client.get("/api/v1/runs/1/report.md").text
    assert text.startswith("# base, lora, full\n")
    assert "## What changed" in text
    changed = text.split("## What changed")[1]
    assert changed.strip().startswith("| checkpoint | layer | shape |")
    assert "| lora |" in changed
    assert "| full |" in changed
    assert "base: " in text  # its coverage


def test_a_name_is_text(service: Service) -> None:
    service.send(ODD, {"model.safetensors": model()})
    service.run(1)
    service.work()
    title = service.client.get("/api/v1/runs/1/report.md").text.splitlines()[0]
    assert title == r"# a\|b\*\[x\](http\://evil)"


def test_no_more_than_the_first_rows(service: Service) -> None:
    service.upload(model(26, 8))
    service.run(1)
    service.work()
    lines = service.client.get("/api/v1/runs/1/report.md").text.splitlines()
    assert sum(line.startswith("| ") for line in lines) == 1 + 50
    total = len(service.get("/api/v1/runs/1/report")["tables"]["esd"])
    assert f"and {total - 50} more: the tables as CSV have all." in lines
